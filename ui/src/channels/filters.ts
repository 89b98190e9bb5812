import type { ChannelStatus } from '../api/types';
import { readSort, type Sort } from '../order/channelOrdering';
import { isFound, searchedText } from '../search/search';
import { levelOf, SEVERITIES, STATES } from '../severity/severity';

/** Names of the filters in the URL, and of the order of the rows. An empty value selects everything. */
export const FILTERS = [
  'q',
  'state',
  'severity',
  'tier',
  'type',
  'packager',
  'template',
  'check',
  '4k',
  'active',
  'sort',
] as const;
export type FilterName = (typeof FILTERS)[number];
export type Filters = Record<Exclude<FilterName, 'sort'>, string> & { sort: Sort };

/** The filters of a URL's query. A value that can't be is left out: it would hide every channel. */
export function readFilters(query: string): Filters {
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, given.get(name)?.slice(0, 200) ?? ''])) as Record<
    FilterName,
    string
  >;
  const only = (allowed: readonly string[], text: string) =>
    text
      .split(',')
      .filter((part) => allowed.includes(part))
      .join(',');
  filters.state = only(STATES, filters.state);
  filters.severity = only(SEVERITIES, filters.severity);
  filters.tier = /^\d+$/.test(filters.tier) ? filters.tier : '';
  for (const flag of ['4k', 'active'] as const) filters[flag] = filters[flag] === 'true' ? 'true' : '';
  return { ...filters, sort: readSort(filters.sort) };
}

/** The query of a URL that has these filters, without a question mark. */
export function writeFilters(filters: Partial<Filters>): string {
  const query = new URLSearchParams();
  for (const name of FILTERS) {
    const value = filters[name];
    if (value) query.set(name, value);
  }
  return query.toString();
}

export function passes(filters: Filters, status: ChannelStatus): boolean {
  const equal = (value: string, own: string) => value === '' || value === own;
  const among = (value: string, own: string | null) => value === '' || value.split(',').some((part) => part === own);
  return (
    among(filters.state, status.state) &&
    among(filters.severity, severityOf(status)) &&
    equal(filters.tier, String(status.tier ?? '')) &&
    equal(filters.type, status.channel_type) &&
    equal(filters.packager, status.packager) &&
    equal(filters.template, status.template) &&
    (filters['4k'] === '' || status.is_4k) &&
    (filters.active === '' || status.state !== 'disabled') &&
    (filters.check === '' || (isCurrent(status) && status.failed.some((failed) => failed.check === filters.check))) &&
    isFound(filters.q, searchedName(status))
  );
}

/** The severity that the cards count: none for a channel that is not probed or disabled. */
function severityOf(status: ChannelStatus): string | null {
  return isCurrent(status) ? (status.severity ?? null) : null;
}

/** Whether the failed checks are those of the present. */
export function isCurrent(status: ChannelStatus): boolean {
  const level = levelOf(status);
  return level !== 'unknown' && level !== 'disabled';
}

/** What the search of channels looks at. */
export const searchedName = searchedText(
  (status: Pick<ChannelStatus, 'code' | 'name'>) => `${status.code} ${status.name}`,
);

/** The values that the channels have, for a filter's list. */
export function valuesOf(channels: ChannelStatus[], read: (status: ChannelStatus) => string[]): string[] {
  const compare = new Intl.Collator('en', { numeric: true }).compare;
  return [...new Set(channels.flatMap(read))].filter((value) => value !== '').sort(compare);
}
