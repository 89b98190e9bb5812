import { useElementSize } from '@mantine/hooks';
import { useEffect, useMemo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useStatuses, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { passes, readFilters } from '../channels/filters';
import { TokenForm } from '../frame/TokenForm';
import { useQueryString } from '../frame/useQueryString';
import { useFreshness } from '../live/LiveProvider';
import { MissingLine } from '../overview/MissingLine';
import { Shape, StateMark } from '../severity/Mark';
import { COLORS, type Level, levelOf, rank, worstFirst } from '../severity/severity';
import { SoundButton } from '../sound/SoundButton';
import { Ago } from '../time/Ago';
import { useNow } from '../time/clock';
import { stopwatch } from '../time/duration';
import { cellSide, SIDE_WITH_CODE } from './layout';

const WORST = 10;

/** A cell for each channel, for a screen on the wall. It shows clearly when its data is old. */
export function WallScreen() {
  const statuses = useStatuses();
  const [query] = useQueryString();
  const filters = useMemo(() => readFilters(query), [query]);
  const channels = useMemo(
    () => statuses.data?.channels.filter((status) => status.state !== 'disabled' && passes(filters, status)) ?? [],
    [statuses.data, filters],
  );
  const { freshness } = useFreshness();
  useScreenOn();
  useReloadOfNewVersion();
  return (
    <main className="wall" data-freshness={freshness}>
      <TokenForm />
      <WallHead channels={channels} />
      <MissingLine />
      <Worst channels={channels} />
      <Cells channels={channels} />
      <NoData />
    </main>
  );
}

function WallHead({ channels }: { channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const now = useNow();
  const { seconds } = useFreshness();
  const levels: Level[] = ['down', 'critical', 'major', 'minor', 'unknown'];
  const counts = new Map<Level, number>();
  for (const channel of channels) counts.set(levelOf(channel), (counts.get(levelOf(channel)) ?? 0) + 1);
  const shown = levels.filter((level) => counts.get(level));
  return (
    <header className="wall-head">
      <h1>
        <Link href="/channels">{t('app.title')}</Link>
      </h1>
      <ul className="wall-counts">
        {shown.map((level) => (
          <li key={level}>
            <Shape level={level} size={26} /> {counts.get(level)} {t(`level.${level}`)}
          </li>
        ))}
        <li>
          {channels.length} {t('card.channels')}
        </li>
      </ul>
      <div className="wall-clock">
        <time>{new Date(now).toLocaleTimeString(undefined, { hour12: false })}</time>
        <small>{t('wall.age', { time: stopwatch(seconds ?? 0) })}</small>
        <SoundButton />
      </div>
    </header>
  );
}

function Worst({ channels }: { channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const bad = channels.filter((channel) => rank(levelOf(channel)) > rank('unknown')).sort(worstFirst);
  if (bad.length === 0) return <p className="wall-well">{t('wall.allWell')}</p>;
  return (
    <section className="worst" aria-label={t('wall.worst')}>
      {bad.slice(0, WORST).map((channel) => (
        <Link key={channel.code} href={`/channels/${encodeURIComponent(channel.code)}`} className="worst-one">
          <strong>{channel.code}</strong>
          <StateMark status={channel} />
          <span className="worst-check">{channel.failed[0]?.check}</span>
          <Ago at={channel.since} atLeast={!channel.since_exact} />
        </Link>
      ))}
      {bad.length > WORST && <span className="worst-more">{t('wall.more', { count: bad.length - WORST })}</span>}
    </section>
  );
}

function Cells({ channels }: { channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const { ref, width, height } = useElementSize();
  const side = cellSide(channels.length, width, height);
  return (
    <div
      ref={ref}
      className="cells"
      style={{ gridTemplateColumns: `repeat(auto-fill, ${side}px)`, gridAutoRows: `${side}px` }}
    >
      {channels.map((channel) => {
        const level = levelOf(channel);
        const name = `${channel.code}: ${t(`level.${level}`)}`;
        const isBad = rank(level) > rank('warning');
        return (
          <Link
            key={channel.code}
            href={`/channels/${encodeURIComponent(channel.code)}`}
            className="cell"
            data-level={level}
            title={name}
            aria-label={name}
            style={{ borderColor: COLORS[level] === 'transparent' ? undefined : COLORS[level] }}
          >
            {isBad && <Shape level={level} size={Math.min(side - 4, 28)} />}
            {side >= SIDE_WITH_CODE && <span className="cell-code">{channel.code}</span>}
          </Link>
        );
      })}
    </div>
  );
}

/** Covers the wall while the exporter does not answer. */
function NoData() {
  const { t } = useTranslation();
  const { freshness, seconds } = useFreshness();
  if (freshness !== 'lost') return null;
  return (
    <div className="no-data" role="alert">
      {t('wall.noData')} {stopwatch(seconds ?? 15)}
    </div>
  );
}

/** Keeps the screen awake while the wall is shown. Browsers allow it over HTTPS and on localhost alone. */
function useScreenOn(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | undefined;
    const ask = () => {
      if (document.visibilityState === 'visible') {
        navigator.wakeLock?.request('screen').then(
          (granted) => {
            lock = granted;
          },
          () => undefined,
        );
      }
    };
    ask();
    document.addEventListener('visibilitychange', ask);
    return () => {
      document.removeEventListener('visibilitychange', ask);
      void lock?.release();
    };
  }, []);
}

/** Loads the page again when the exporter has another version: nobody touches a wall for months. */
function useReloadOfNewVersion(): void {
  const version = useSummary().data?.version;
  const first = useRef<string | undefined>(undefined);
  useEffect(() => {
    first.current ??= version;
    if (version !== first.current) location.reload();
  }, [version]);
}
