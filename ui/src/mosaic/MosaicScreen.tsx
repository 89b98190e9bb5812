import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, useDeferredValue, useMemo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useStatuses } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { FilterBar } from '../channels/FilterBar';
import { isCurrent, passes, readFilters } from '../channels/filters';
import { ErrorBox } from '../frame/ErrorBox';
import { useQueryString } from '../frame/useQueryString';
import { CHANNEL_ORDERING } from '../order/channelOrdering';
import { HeldNote } from '../order/HeldNote';
import { type Reader, useHeldOrder, useReleaseAtEnd } from '../order/useHeldOrder';
import { StateMark } from '../severity/Mark';
import { COLORS, levelOf } from '../severity/severity';
import { Ago } from '../time/Ago';
import { ChannelPicture } from './ChannelPicture';
import { LoudnessBar } from './LoudnessBar';
import { GAP, mosaicLayout } from './layout';
import { signalFaults } from './signal';

/** Pictures of the channels that pass the filters, the worst first. Only the tiles on the screen ask for pictures. */
export function MosaicScreen() {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const [query] = useQueryString();
  const filters = useMemo(() => readFilters(query), [query]);
  // The field shows a key at once; thousands of rows may follow a little later.
  const applied = useDeferredValue(filters);
  const all = statuses.data?.channels;
  const passing = useMemo(
    () => all?.filter((status) => status.state !== 'disabled' && passes(applied, status)) ?? [],
    [all, applied],
  );
  const order = useHeldOrder(passing, CHANNEL_ORDERING);
  const channels = order.rows;
  if (!statuses.data) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{t('channels.loading')}</p>;
  }
  return (
    <section aria-label={t('nav.mosaic')} className="fill">
      <FilterBar channels={statuses.data.channels} filters={filters} />
      <p className="shown" aria-live="polite">
        {t('channels.shown', { shown: channels.length, total: statuses.data.channels.length })}
        <HeldNote worse={order.worse} onRelease={order.release} />
      </p>
      {channels.length === 0 ? (
        <p className="empty">{all?.length === 0 ? t('channels.none') : t('channels.noMatch')}</p>
      ) : (
        <Tiles channels={channels} reader={order.reader} onEnd={order.release} />
      )}
    </section>
  );
}

interface TilesProps {
  channels: ChannelStatus[];
  /** Notices that somebody looks at the tiles: they must not move. */
  reader: Reader;
  /** Called when the tiles disappear. */
  onEnd: () => void;
}

function Tiles({ channels, reader, onEnd }: TilesProps) {
  const { t } = useTranslation();
  useReleaseAtEnd(onEnd);
  const scroller = useRef<HTMLDivElement>(null);
  const { ref, width } = useElementSize();
  const merged = useMergedRef(ref, scroller);
  const { columns, width: tile, rowHeight } = mosaicLayout(width);
  const virtualizer = useVirtualizer({
    // Before the width is known, tiles would be drawn as lines.
    count: width === 0 ? 0 : Math.ceil(channels.length / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 1,
    // Another width has other heights.
    getItemKey: (index) => `${rowHeight} ${index}`,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by the keyboard
    <section ref={merged} className="mosaic" aria-label={t('mosaic.pictures')} tabIndex={0} {...reader}>
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {virtualizer.getVirtualItems().flatMap((item) =>
          // Tiles are not grouped by rows: one that moves to another row keeps its picture.
          channels.slice(item.index * columns, (item.index + 1) * columns).map((status, column) => (
            <Tile
              key={status.code}
              status={status}
              style={{
                width: tile,
                height: rowHeight - GAP,
                transform: `translate(${column * (tile + GAP)}px, ${item.start}px)`,
              }}
            />
          )),
        )}
      </div>
    </section>
  );
}

function Tile({ status, style }: { status: ChannelStatus; style: CSSProperties }) {
  const { t } = useTranslation();
  const level = levelOf(status);
  const worst = isCurrent(status) ? status.failed[0] : undefined;
  const signals = worst ? signalFaults(status.failed) : [];
  const color = COLORS[level];
  return (
    <Link
      href={`/channels/${encodeURIComponent(status.code)}`}
      className="tile"
      data-level={level}
      title={status.name}
      style={{ ...style, borderColor: color === 'transparent' ? undefined : color }}
    >
      <span className="tile-picture">
        <ChannelPicture code={status.code} absent={t('mosaic.noPicture')} />
        {isCurrent(status) && <LoudnessBar code={status.code} />}
        {worst && (
          <span className="tile-fault">
            {signals.length === 0 && (
              <>
                <Ago at={worst.since} /> · {worst.check}
              </>
            )}
            {signals.map(({ word, since }) => (
              <strong key={word}>
                {t(`mosaic.signal.${word}`)} <Ago at={since} />{' '}
              </strong>
            ))}
          </span>
        )}
      </span>
      <span className="tile-text">
        <strong>{status.code}</strong>
        <StateMark status={status} />
      </span>
    </Link>
  );
}
