import { useTranslation } from 'react-i18next';
import { useFreshness, useLive } from '../live/LiveProvider';
import { useLostText } from '../live/useLostText';
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
      {heard}
      {/* A stream on which nothing comes is not live. */}
      {(mode === 'polling' || freshness !== 'lost') && ` · ${t(mode === 'stream' ? 'fresh.stream' : 'fresh.polling')}`}
    </span>
  );
}

/** A banner that nobody overlooks while the page shows nothing of the present. */
export function LostBanner() {
  const { freshness, seconds } = useFreshness();
  const text = useLostText();
  const duration = useDuration();
  if (freshness !== 'lost') return null;
  return (
    // A screen reader says the text once: the time beside it changes each second.
    <div className="lost" role="alert">
      {text}
      {seconds !== undefined && <span aria-hidden="true"> {duration(seconds)}</span>}
    </div>
  );
}
