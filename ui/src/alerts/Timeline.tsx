import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { MAX_ALERTS_READ, useDayAlerts } from '../api/queries';
import type { Alert } from '../api/types';
import { DAY } from '../channel/day';
import { ErrorBox } from '../frame/ErrorBox';
import { COLORS, isSeverity } from '../severity/severity';
import { serverNow } from '../time/clock';
import { clockTime } from '../time/duration';
import { withoutWatchdog } from './alerts';
import { type Lane, lanesOf } from './lanes';

/** Largest number of lanes that are drawn. */
const LANES = 40;

/** The alerts of the last 24 hours, a lane for each alert of each channel. It is read when somebody opens it. */
export function Timeline({ active }: { active: Alert[] }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="timeline" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('day.title')}</summary>
      {isOpen && <Lanes active={active} />}
    </details>
  );
}

function Lanes({ active }: { active: Alert[] }) {
  const { t } = useTranslation();
  const day = useDayAlerts();
  const { lanes, now } = useMemo(() => {
    const at = serverNow();
    return { lanes: lanesOf([...withoutWatchdog(day.data?.alerts ?? []), ...active], at), now: at };
  }, [day.data, active]);
  if (!day.data) {
    if (day.error) return <ErrorBox error={day.error} onRetry={() => void day.refetch()} />;
    return <p className="empty">{t('alerts.loading')}</p>;
  }
  if (lanes.length === 0) return <p className="empty">{t('alerts.noneToday')}</p>;
  return (
    <>
      <table className="lanes">
        <tbody>
          {lanes.slice(0, LANES).map((lane) => (
            <tr key={lane.key}>
              <th scope="row">
                {lane.alertname}{' '}
                {lane.channel && <Link href={`/channels/${encodeURIComponent(lane.channel)}`}>{lane.channel}</Link>}
              </th>
              <td>
                <Strip lane={lane} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {day.data.isCut && <p className="empty">{t('alerts.cutToday', { count: MAX_ALERTS_READ })}</p>}
      {lanes.length > LANES && <p className="empty">{t('wall.more', { count: lanes.length - LANES })}</p>}
    </>
  );
}

function Strip({ lane, now }: { lane: Lane; now: number }) {
  const share = (milliseconds: number) => (milliseconds / DAY) * 1000;
  const color = isSeverity(lane.severity) ? COLORS[lane.severity] : 'currentColor';
  const texts = lane.spans.map(({ from, to }) => `${clockTime(from)} – ${clockTime(to)}`);
  return (
    <svg viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" aria-label={texts.join(', ')}>
      {lane.spans.map(({ id, from, to }, index) => (
        // A short alert must be seen too.
        <rect key={id} x={share(from - (now - DAY))} width={Math.max(2, share(to - from))} height={12} fill={color}>
          <title>{texts[index]}</title>
        </rect>
      ))}
    </svg>
  );
}
