import { useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useStatuses } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { passes, readFilters } from '../channels/filters';
import { useInstallationName } from '../frame/installation';
import { TokenForm } from '../frame/TokenForm';
import { useQueryString } from '../frame/useQueryString';
import { FreshMain } from '../live/FreshMain';
import { useFreshness } from '../live/LiveProvider';
import { MissingLine } from '../overview/MissingLine';
import { Shape } from '../severity/Mark';
import { type Level, levelOf } from '../severity/severity';
import { SoundBlocked } from '../sound/SoundBlocked';
import { SoundButton } from '../sound/SoundButton';
import { useNow } from '../time/clock';
import { clockTime, stopwatch } from '../time/duration';
import { Cells } from './Cells';
import { useReloadOfNewVersion } from './useReloadOfNewVersion';
import { Worst } from './Worst';

/** A cell for each channel, for a screen on the wall. It shows clearly when its data is old. */
export function WallScreen() {
  const statuses = useStatuses();
  const [query] = useQueryString();
  const filters = useMemo(() => readFilters(query), [query]);
  const all = statuses.data?.channels;
  const channels = useMemo(
    () => all?.filter((status) => status.state !== 'disabled' && passes(filters, status)) ?? [],
    [all, filters],
  );
  useScreenOn();
  useReloadOfNewVersion();
  return (
    <FreshMain className="wall">
      <SoundBlocked />
      <TokenForm />
      <WallHead channels={channels} />
      <MissingLine />
      <Worst all={all} error={statuses.error} channels={channels} />
      <Cells channels={channels} />
      <NoData />
    </FreshMain>
  );
}

function WallHead({ channels }: { channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const installation = useInstallationName();
  const levels: Level[] = ['down', 'critical', 'major', 'minor', 'unknown'];
  const counts = useMemo(() => {
    const found = new Map<Level, number>();
    for (const channel of channels) found.set(levelOf(channel), (found.get(levelOf(channel)) ?? 0) + 1);
    return found;
  }, [channels]);
  const shown = levels.filter((level) => counts.get(level));
  return (
    <header className="wall-head">
      <h1>
        <Link href="/channels">{installation}</Link>
      </h1>
      <ul className="wall-counts">
        {shown.map((level) => (
          <li key={level}>
            <Shape level={level} size={26} /> {counts.get(level)} {t(`level.${level}`)}
          </li>
        ))}
        <li>
          {channels.length} {t('card.channels', { count: channels.length })}
        </li>
      </ul>
      <div className="wall-clock">
        <Clock />
        <SoundButton />
      </div>
    </header>
  );
}

function Clock() {
  const { t } = useTranslation();
  const now = useNow();
  const { seconds } = useFreshness();
  return (
    <>
      <time>{clockTime(now, { second: '2-digit' })}</time>
      <small>{seconds === undefined ? t('fresh.waiting') : t('wall.age', { time: stopwatch(seconds) })}</small>
    </>
  );
}

/** Covers the wall while the exporter does not answer. */
function NoData() {
  const { t } = useTranslation();
  const { freshness, seconds } = useFreshness();
  if (freshness !== 'lost') return null;
  return (
    <div className="no-data" role="alert">
      {t('wall.noData')}
      {seconds !== undefined && <span aria-hidden="true">&nbsp;{stopwatch(seconds)}</span>}
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
