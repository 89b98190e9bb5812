import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useHistory } from '../api/queries';
import { Mark } from '../severity/Mark';
import { COLORS, type Level } from '../severity/severity';
import { useDuration } from '../time/Ago';
import { serverNow } from '../time/clock';
import { clockTime } from '../time/duration';
import { CutStates } from './CutStates';
import { beginOf, dayPieces, totals } from './day';

/** The states of a channel in the last 24 hours as one strip, with the time of each in words. */
export function DayStrip({ code }: { code: string }) {
  const { t } = useTranslation();
  const duration = useDuration();
  const history = useHistory(code).data;
  const strip = useMemo(() => {
    if (!history) return null;
    const now = serverNow();
    const begin = beginOf(history, now);
    return { pieces: dayPieces(history, now), begin, length: now - begin };
  }, [history]);
  if (!history || !strip) return null;
  const { pieces, begin, length } = strip;
  const word = (level: Level) => t(`level.${level}`);
  const share = (milliseconds: number) => (milliseconds / length) * 1000;
  const sums = totals(pieces, length);
  const label = sums.map(([level, seconds]) => `${word(level)} ${duration(seconds)}`).join(', ');
  return (
    <section className="day" aria-label={t('day.title')}>
      <h3>{t('day.title')}</h3>
      <svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label={label}>
        {pieces.map(({ from, to, level, checks }) => (
          <rect
            key={from}
            className={`day-${level}`}
            x={share(from - begin)}
            // A short outage must be seen too.
            width={Math.max(level === 'up' ? 0 : 2, share(to - from))}
            height={20}
            fill={level === 'up' ? undefined : COLORS[level]}
          >
            <title>{`${clockTime(from)} – ${clockTime(to)} ${word(level)} ${checks.join(', ')}`.trim()}</title>
          </rect>
        ))}
      </svg>
      <p className="day-totals">
        {sums.map(([level, seconds]) => (
          <span key={level}>
            <Mark level={level} /> {duration(seconds)}
          </span>
        ))}
      </p>
      <CutStates history={history} />
    </section>
  );
}
