import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { useMaintenances, useStatuses, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { ErrorBox } from '../frame/ErrorBox';
import { useQueryString } from '../frame/useQueryString';
import { maintenanceOf } from '../maintenance/maintenance';
import { StateMark } from '../severity/Mark';
import { Ago } from '../time/Ago';
import { serverNow } from '../time/clock';
import { Failed, Rungs, Video } from './cells';
import { FilterBar } from './FilterBar';
import { isCurrent, passes, readFilters } from './filters';
import { type Held, hold, ordered, worsened } from './order';
import { RowMenu } from './RowMenu';

const ROW_HEIGHT = 36;

/** All channels, the worst first. Only the rows on the screen are in the document. */
export function ChannelsScreen() {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const hasDatabase = useSummary().data?.has_database === true;
  const [query] = useQueryString();
  const filters = useMemo(() => readFilters(query), [query]);
  const [held, setHeld] = useState<Held | null>(null);
  const { channels, source } = statuses.data ?? {};
  const rows = useMemo(
    () => ordered(channels?.filter((status) => passes(filters, status)) ?? [], held),
    [channels, filters, held],
  );
  if (!channels || !source) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{t('channels.loading')}</p>;
  }
  const count = held ? worsened(rows, held) : 0;
  return (
    <section aria-label={t('nav.channels')} className="fill">
      <FilterBar channels={channels} filters={filters} />
      <p className="shown" aria-live="polite">
        {t('channels.shown', { shown: rows.length, total: channels.length })}
        {count > 0 && <strong> · {t('channels.held', { count })}</strong>}
        <span className="source"> · {t(`channels.source.${source}`)}</span>
        {hasDatabase && (
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
          onRead={() => setHeld((before) => before ?? hold(rows))}
          onLeave={() => setHeld(null)}
        />
      )}
    </section>
  );
}

interface TableProps {
  rows: ChannelStatus[];
  /** Somebody reads the table: rows must not move. */
  onRead: () => void;
  onLeave: () => void;
}

function ChannelTable({ rows, onRead, onLeave }: TableProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [, navigate] = useLocation();
  const [current, setCurrent] = useState<string | null>(null);
  const [menu, setMenu] = useState<string | null>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
  });
  const move = (by: number) => {
    const at = rows.findIndex((row) => row.code === current);
    const next = Math.min(Math.max(at + by, 0), rows.length - 1);
    setCurrent(rows[next]?.code ?? null);
    virtualizer.scrollToIndex(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      move(by);
    }
    if (event.key === 'Enter' && current && event.target === scroller.current) {
      navigate(`/channels/${encodeURIComponent(current)}`);
    }
  };
  const columns = [
    t('column.state'),
    t('column.code'),
    t('column.name'),
    t('column.since'),
    t('column.failed'),
    t('column.rungs'),
    t('column.video'),
    t('column.probe'),
    t('column.menu'),
  ];
  return (
    <>
      <RowMenu status={rows.find((row) => row.code === menu) ?? null} onClose={() => setMenu(null)} />
      <div
        ref={scroller}
        className="table"
        role="table"
        aria-label={t('nav.channels')}
        aria-rowcount={rows.length + 1}
        tabIndex={0}
        data-rows
        onKeyDown={onKeyDown}
        onMouseEnter={onRead}
        onFocus={onRead}
        onMouseLeave={(event) => !event.currentTarget.contains(document.activeElement) && onLeave()}
        onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && onLeave()}
      >
        <div role="rowgroup" className="table-head">
          <div role="row" className="row" aria-rowindex={1}>
            {columns.map((column) => (
              <div role="columnheader" key={column}>
                {column}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={row.code}
                role="row"
                aria-rowindex={item.index + 2}
                className="row"
                data-current={row.code === current}
                style={{ position: 'absolute', top: 0, height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }}
              >
                <Row status={row} onMenu={() => setMenu(row.code)} />
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

function Row({ status, onMenu }: { status: ChannelStatus; onMenu: () => void }) {
  const { t } = useTranslation();
  const maintenances = useMaintenances().data;
  const isMaintained = maintenanceOf(status, maintenances, serverNow()) !== null;
  return (
    <>
      <div role="cell">
        <StateMark status={status} />
      </div>
      <div role="cell">
        <Link href={`/channels/${encodeURIComponent(status.code)}`}>{status.code}</Link>
      </div>
      <div role="cell" title={status.name}>
        {isMaintained && <span className="tag">{t('maintenance.mark')}</span>} {status.name}
      </div>
      <div role="cell">
        <Ago at={status.since} atLeast={!status.since_exact && status.state !== 'unknown'} />
      </div>
      <div role="cell">{isCurrent(status) && <Failed failed={status.failed} />}</div>
      <div role="cell">{isCurrent(status) && <Rungs rungs={status.rungs} />}</div>
      <div role="cell">
        <Video status={status} />
      </div>
      <div role="cell">
        <Ago at={status.last_probe?.started_at} />
      </div>
      <div role="cell">
        <button type="button" className="row-menu" aria-label={t('menu.label', { code: status.code })} onClick={onMenu}>
          ⋯
        </button>
      </div>
    </>
  );
}
