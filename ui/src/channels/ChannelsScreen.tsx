import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useStatuses, useSummary } from '../api/queries';
import { ErrorBox } from '../frame/ErrorBox';
import { OnceOpen } from '../frame/OnceOpen';
import { useQueryString } from '../frame/useQueryString';
import { orderingOf } from '../order/channelOrdering';
import { HeldNote } from '../order/HeldNote';
import { useHeldOrder } from '../order/useHeldOrder';
import { usePermission } from '../people/usePermission';
import { RowMenu } from '../screens';
import { ChannelTable } from './ChannelTable';
import { FilterBar } from './FilterBar';
import { passes, readFilters, writeFilters } from './filters';

/** All channels, the worst first. Only the rows on the screen are in the document. */
export function ChannelsScreen() {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const hasDatabase = useSummary().data?.has_database === true;
  const [query, setQuery] = useQueryString();
  const filters = useMemo(() => readFilters(query), [query]);
  // The field shows a key at once; thousands of rows may follow a little later.
  const applied = useDeferredValue(filters);
  const mayWrite = usePermission('admin').isAllowed;
  const [menu, setMenu] = useState<string | null>(null);
  const { channels, source } = statuses.data ?? {};
  const passing = useMemo(() => channels?.filter((status) => passes(applied, status)) ?? [], [channels, applied]);
  const order = useHeldOrder(passing, orderingOf(applied.sort));
  const { rows } = order;
  const chosen = menu === null ? undefined : channels?.find((status) => status.code === menu);
  const isGone = menu !== null && channels !== undefined && !chosen;
  useEffect(() => {
    // The menu of a channel that is gone must not come back with it.
    if (isGone) setMenu(null);
  }, [isGone]);
  if (!channels || !source) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{t('channels.loading')}</p>;
  }
  return (
    <section aria-label={t('nav.channels')} className="fill">
      <FilterBar channels={channels} filters={filters} />
      <p className="shown" aria-live="polite">
        {t('channels.shown', { shown: rows.length, total: channels.length })}
        <HeldNote worse={order.worse} onRelease={order.release} />
        <span className="source"> · {t(`channels.source.${source}`)}</span>
        {hasDatabase && mayWrite && (
          <span className="source">
            {' · '}
            <Link href="/new-channel">{t('edit.new')}</Link> · <Link href="/import">{t('import.title')}</Link>
          </span>
        )}
      </p>
      {rows.length === 0 ? (
        <p className="empty">{channels.length === 0 ? t('channels.none') : t('channels.noMatch')}</p>
      ) : (
        <ChannelTable
          rows={rows}
          sort={filters.sort}
          onSort={(sort) => setQuery(writeFilters({ ...filters, sort }))}
          reader={order.reader}
          onEnd={order.release}
          onMenu={setMenu}
        />
      )}
      <OnceOpen isOpen={chosen !== undefined}>
        <RowMenu status={chosen ?? null} onClose={() => setMenu(null)} />
      </OnceOpen>
    </section>
  );
}
