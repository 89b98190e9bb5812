import type { ChannelStatus } from '../api/types';
import { levelOf, rank, sortedWorstFirst } from '../severity/severity';
import type { Ordering } from './order';

/** Order of channels: the worst first. */
export const CHANNEL_ORDERING: Ordering<ChannelStatus> = {
  keyOf: (status) => status.code,
  sorted: sortedWorstFirst,
  rankOf: (status) => rank(levelOf(status)),
  quietRank: rank('up'),
};

/** Columns by which a person can sort, with the direction of the first click. By state, the worst channel is always first. */
export const SORTS = { code: 1, name: 1, since: -1, rungs: -1, probe: 1 } as const;
export type SortColumn = keyof typeof SORTS;

/** A column, with a minus sign for its descending order; empty for the usual order by state. */
export type Sort = '' | SortColumn | `-${SortColumn}`;

/** The sort of a URL; a value that can't be is the usual order. */
export function readSort(text: string): Sort {
  return Object.hasOwn(SORTS, text.replace(/^-/, '')) ? (text as Sort) : '';
}

/** The column of a sort, and 1 for its ascending or -1 for its descending order. */
export function directionOf(sort: Sort): { column: SortColumn | null; direction: 1 | -1 } {
  const isDescending = sort.startsWith('-');
  return {
    column: sort === '' ? null : (sort.slice(isDescending ? 1 : 0) as SortColumn),
    direction: isDescending ? -1 : 1,
  };
}

/** The sort after a click on the head of a column: the other direction where it is sorted by this column. */
export function clicked(sort: Sort, column: SortColumn): Sort {
  const now = directionOf(sort);
  const direction = now.column === column ? -now.direction : SORTS[column];
  return direction === 1 ? column : `-${column}`;
}

const byName = new Intl.Collator('vi', { numeric: true }).compare;

/** What a column is sorted by; `null` stands at the end in both directions. */
const VALUES: Record<SortColumn, (status: ChannelStatus) => string | number | null> = {
  code: (status) => status.code,
  name: (status) => status.name,
  since: (status) => status.since,
  rungs: ({ rungs }) => rungs && rungs.expected - rungs.available,
  probe: (status) => status.last_probe?.started_at ?? null,
};

function compare(a: string | number, b: string | number, column: SortColumn): number {
  if (column === 'name') return byName(String(a), String(b));
  return a < b ? -1 : Number(a > b);
}

const orderings = new Map<Sort, Ordering<ChannelStatus>>([['', CHANNEL_ORDERING]]);

/** The order of a sort: the same object each time. Channels with the same value stand in the usual order. */
export function orderingOf(sort: Sort): Ordering<ChannelStatus> {
  const known = orderings.get(sort);
  if (known) return known;
  const { column, direction } = directionOf(sort);
  if (!column) return CHANNEL_ORDERING;
  const sorted = (rows: ChannelStatus[]) =>
    sortedWorstFirst(rows)
      .map((row) => ({ row, value: VALUES[column](row) }))
      .sort((a, b) => {
        if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
        return direction * compare(a.value, b.value, column);
      })
      .map(({ row }) => row);
  const ordering = { ...CHANNEL_ORDERING, sorted };
  orderings.set(sort, ordering);
  return ordering;
}
