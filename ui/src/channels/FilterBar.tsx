import { Button, Checkbox, NativeSelect } from '@mantine/core';
import { useDeferredValue, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChannelStatus } from '../api/types';
import { SearchBox } from '../frame/SearchBox';
import { useQueryString } from '../frame/useQueryString';
import { SEVERITIES, STATES } from '../severity/severity';
import { type FilterName, type Filters, valuesOf, writeFilters } from './filters';

/** Filters of the channels. They stand in the URL, so that a link shows the same rows. */
export function FilterBar({ channels, filters }: { channels: ChannelStatus[]; filters: Filters }) {
  const { t } = useTranslation();
  const [, setQuery] = useQueryString();
  const set = (name: FilterName, value: string) => setQuery(writeFilters({ ...filters, [name]: value }));
  // The lists may follow the rows later: with thousands of channels in a storm the rows come first.
  const late = useDeferredValue(channels);
  const lists = useMemo(
    () => ({
      tier: valuesOf(late, (status) => [String(status.tier ?? '')]),
      type: valuesOf(late, (status) => [status.channel_type]),
      packager: valuesOf(late, (status) => [status.packager]),
      template: valuesOf(late, (status) => [status.template]),
      check: valuesOf(late, (status) => status.failed.map((failed) => failed.check)),
    }),
    [late],
  );
  const select = (name: FilterName, label: string, values: readonly string[], word = (value: string) => value) => {
    // A link may name a value that no channel has now.
    const all = filters[name] === '' || values.includes(filters[name]) ? values : [...values, filters[name]];
    return (
      <NativeSelect
        size="xs"
        label={label}
        value={filters[name]}
        onChange={(event) => set(name, event.currentTarget.value)}
        data={[{ value: '', label: t('filter.all') }, ...all.map((value) => ({ value, label: word(value) }))]}
      />
    );
  };
  const words = (prefix: 'state' | 'level') => (value: string) =>
    value
      .split(',')
      .map((part) => t(`${prefix}.${part}`))
      .join(', ');
  return (
    <search className="filters">
      <SearchBox value={filters.q} onChange={(q) => set('q', q)} />
      {select('state', t('filter.state'), STATES, words('state'))}
      {select('severity', t('filter.severity'), SEVERITIES, words('level'))}
      {select('tier', t('filter.tier'), lists.tier)}
      {select('type', t('filter.type'), lists.type)}
      {select('packager', t('filter.packager'), lists.packager)}
      {select('template', t('filter.template'), lists.template)}
      {select('check', t('filter.check'), lists.check)}
      <Checkbox
        size="xs"
        label={t('filter.only4k')}
        checked={filters['4k'] !== ''}
        onChange={(event) => set('4k', event.currentTarget.checked ? 'true' : '')}
      />
      <Checkbox
        size="xs"
        label={t('filter.active')}
        checked={filters.active !== ''}
        onChange={(event) => set('active', event.currentTarget.checked ? 'true' : '')}
      />
      {writeFilters({ ...filters, sort: '' }) !== '' && (
        <Button size="xs" variant="default" onClick={() => setQuery(writeFilters({ sort: filters.sort }))}>
          {t('filter.clear')}
        </Button>
      )}
    </search>
  );
}
