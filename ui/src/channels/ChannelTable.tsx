import { useVirtualizer } from '@tanstack/react-virtual';
import { type FocusEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useSearch } from 'wouter';
import { useMaintenances } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { maintenanceOf } from '../maintenance/maintenance';
import { clicked, directionOf, type Sort, type SortColumn } from '../order/channelOrdering';
import { type Reader, useReleaseAtEnd } from '../order/useHeldOrder';
import { MAX_PRINTED, useIsPrinting } from '../print/useIsPrinting';
import { StateMark } from '../severity/Mark';
import { Ago } from '../time/Ago';
import { serverNow } from '../time/clock';
import { Failed, Rungs, Video } from './cells';
import { isCurrent } from './filters';
import { leave, type Place, placeOf } from './place';

const ROW_HEIGHT = 36;
/** Height of the head, which stays on top of the rows; the style of `.table-head` has it too. */
const HEAD_HEIGHT = 32;

interface TableProps {
  rows: ChannelStatus[];
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Notices that somebody reads the table: rows must not move. */
  reader: Reader;
  /** Called when the table disappears. */
  onEnd: () => void;
  onMenu: (code: string) => void;
}

/** The rows of channels. Only those on the screen are in the document. */
export function ChannelTable({ rows, sort, onSort, reader, onEnd, onMenu }: TableProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [, navigate] = useLocation();
  const query = useSearch();
  const [back] = useState(() => placeOf(query));
  const [current, setCurrent] = useState<string | null>(back?.current ?? null);
  useReleaseAtEnd(onEnd);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    // The head covers so much of the scroller.
    scrollPaddingEnd: HEAD_HEIGHT,
    initialOffset: back?.offset ?? 0,
  });
  const place = useRef<Place>(undefined);
  place.current = { query, current, offset: virtualizer.scrollOffset ?? 0 };
  useEffect(() => () => place.current && leave(place.current), []);
  const move = (by: number) => {
    const at = rows.findIndex((row) => row.code === current);
    const next = Math.min(Math.max(at + by, 0), rows.length - 1);
    setCurrent(rows[next]?.code ?? null);
    virtualizer.scrollToIndex(next);
    // Enter must open the row that is marked, and not a link that had the focus.
    scroller.current?.focus({ preventScroll: true });
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
  const onFocus = (event: FocusEvent) => {
    reader.onFocus();
    const code = (event.target as HTMLElement).closest<HTMLElement>('[data-code]')?.dataset.code;
    if (code !== undefined) setCurrent(code);
  };
  const isPrinting = useIsPrinting();
  const items: { index: number; start: number }[] = isPrinting
    ? rows.slice(0, MAX_PRINTED).map((_, index) => ({ index, start: index * ROW_HEIGHT }))
    : virtualizer.getVirtualItems();
  const isCurrentShown = items.some((item) => rows[item.index]?.code === current);
  const columns: { label: string; column?: SortColumn | null }[] = [
    // The usual order is the one by state.
    { label: t('column.state'), column: null },
    { label: t('column.code'), column: 'code' },
    { label: t('column.name'), column: 'name' },
    { label: t('column.since'), column: 'since' },
    { label: t('column.failed') },
    { label: t('column.rungs'), column: 'rungs' },
    { label: t('column.video') },
    { label: t('column.probe'), column: 'probe' },
    { label: t('column.menu') },
  ];
  return (
    <div
      ref={scroller}
      className="table"
      role="grid"
      aria-label={t('nav.channels')}
      aria-rowcount={rows.length + 1}
      tabIndex={0}
      aria-activedescendant={isCurrentShown && current !== null ? rowId(current) : undefined}
      data-rows
      onKeyDown={onKeyDown}
      {...reader}
      onFocus={onFocus}
    >
      <div role="rowgroup" className="table-head">
        <div role="row" className="row" aria-rowindex={1}>
          {columns.map(({ label, column }) =>
            column === undefined ? (
              <div role="columnheader" key={label}>
                {label}
              </div>
            ) : (
              <SortHead key={label} label={label} column={column} sort={sort} onSort={onSort} />
            ),
          )}
        </div>
      </div>
      <div
        role="rowgroup"
        style={isPrinting ? undefined : { height: virtualizer.getTotalSize(), position: 'relative' }}
      >
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div
              key={row.code}
              role="row"
              aria-rowindex={item.index + 2}
              className="row"
              id={rowId(row.code)}
              data-code={row.code}
              aria-selected={row.code === current}
              data-current={row.code === current}
              style={
                // On paper a row is as high as its text.
                isPrinting
                  ? undefined
                  : { position: 'absolute', top: 0, height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }
              }
            >
              <Row status={row} onMenu={() => onMenu(row.code)} />
            </div>
          );
        })}
      </div>
      {isPrinting && rows.length > MAX_PRINTED && <p>{t('wall.more', { count: rows.length - MAX_PRINTED })}</p>}
    </div>
  );
}

interface SortHeadProps {
  label: string;
  /** `null`: the usual order, the worst first. */
  column: SortColumn | null;
  sort: Sort;
  onSort: (sort: Sort) => void;
}

/** The head of a column by which the rows can be sorted. */
function SortHead({ label, column, sort, onSort }: SortHeadProps) {
  const now = directionOf(sort);
  const isSorted = now.column === column;
  const isAscending = column !== null && now.direction === 1;
  return (
    <div role="columnheader" aria-sort={isSorted ? (isAscending ? 'ascending' : 'descending') : 'none'}>
      <button type="button" className="sort" onClick={() => onSort(column === null ? '' : clicked(sort, column))}>
        {label}
        {isSorted && <span aria-hidden="true"> {isAscending ? '▲' : '▼'}</span>}
      </button>
    </div>
  );
}

function rowId(code: string): string {
  return `row-${code}`;
}

function Row({ status, onMenu }: { status: ChannelStatus; onMenu: () => void }) {
  const { t } = useTranslation();
  const maintenances = useMaintenances().data;
  const isMaintained = maintenanceOf(status, maintenances, serverNow()) !== null;
  return (
    <>
      <div role="gridcell">
        <StateMark status={status} />
      </div>
      <div role="gridcell">
        <Link href={`/channels/${encodeURIComponent(status.code)}`}>{status.code}</Link>
      </div>
      <div role="gridcell" title={status.name}>
        {isMaintained && <span className="tag">{t('maintenance.mark')}</span>} {status.name}
      </div>
      <div role="gridcell">
        <Ago at={status.since} atLeast={!status.since_exact && status.state !== 'unknown'} />
      </div>
      <div role="gridcell">{isCurrent(status) && <Failed failed={status.failed} />}</div>
      <div role="gridcell">{isCurrent(status) && <Rungs rungs={status.rungs} />}</div>
      <div role="gridcell">
        <Video status={status} />
      </div>
      <div role="gridcell">
        <Ago at={status.last_probe?.started_at} />
      </div>
      <div role="gridcell">
        <button type="button" className="row-menu" aria-label={t('menu.label', { code: status.code })} onClick={onMenu}>
          ⋯
        </button>
      </div>
    </>
  );
}
