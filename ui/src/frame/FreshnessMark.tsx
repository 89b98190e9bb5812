import { useTranslation } from 'react-i18next';
import { useFreshness, useLive } from '../live/LiveProvider';
import { useDuration } from '../time/Ago';

/** How long ago the exporter was heard, and how. */
export function FreshnessMark() {
  const { t } = useTranslation();
  const { mode } = useLive();
  const { freshness, seconds } = useFreshness();
  const duration = useDuration();
  const heard = seconds === undefined ? t('fresh.waiting') : t('fresh.heard', { time: duration(seconds) });
  return (
    <span className="freshness" data-freshness={freshness}>
      <span className="pulse" aria-hidden="true" />
      {heard} · {mode === 'stream' ? t('fresh.stream') : t('fresh.polling')}
    </span>
  );
}

/** A banner that nobody overlooks while the exporter does not answer. */
export function LostBanner() {
  const { t } = useTranslation();
  const { freshness, seconds } = useFreshness();
  const duration = useDuration();
  if (freshness !== 'lost') return null;
  return (
    <div className="lost" role="alert">
      {t('fresh.lost', { time: duration(seconds ?? 15) })}
    </div>
  );
}
