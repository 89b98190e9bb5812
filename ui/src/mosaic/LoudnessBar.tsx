import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { seriesQuery } from '../api/queries';
import { formatOf } from '../charts/units';
import { serverNow } from '../time/clock';
import { heightOf, loudnessOf } from './loudness';

/** Seconds before now in which a loudness is looked for. */
const RANGE = 900;
/** Time in milliseconds between two reads. Loudness is pooled over hours: it changes slowly. */
const REFRESH = 60_000;
/** The same for a channel whose sound isn't measured. */
const ABSENT_REFRESH = 300_000;
const format = formatOf('loudness');

/** The loudness of a channel beside its picture, with the range that the template wants. Nothing where it isn't measured. */
export function LoudnessBar({ code }: { code: string }) {
  const { t } = useTranslation();
  const series = useQuery({
    ...seriesQuery(code, 'loudness', RANGE),
    refetchInterval: ({ state }) => (state.data && state.data.lines.length > 0 ? REFRESH : ABSENT_REFRESH),
    staleTime: REFRESH,
  });
  const loudness = series.data && loudnessOf(series.data, serverNow() / 1000);
  if (!loudness) return null;
  const { value, verdict, wanted } = loudness;
  const y = (lufs: number) => 100 - 100 * heightOf(lufs);
  const text = format(value);
  return (
    <>
      <svg className="loudness" data-verdict={verdict} viewBox="0 0 10 100" preserveAspectRatio="none" role="img">
        <title>{t(`mosaic.loudness.${verdict}`, { value: text })}</title>
        <rect className="loudness-level" x={2} y={y(value)} width={6} height={100 * heightOf(value)} />
        {wanted && (
          <rect
            className="loudness-wanted"
            x={0}
            y={y(wanted.high)}
            width={10}
            height={Math.max(2, y(wanted.low) - y(wanted.high))}
          />
        )}
      </svg>
      {verdict !== 'good' && (
        <span className="loudness-text" aria-hidden="true">
          {verdict === 'high' ? '▲' : '▼'} {text}
        </span>
      )}
    </>
  );
}
