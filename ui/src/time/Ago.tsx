import { useTranslation } from 'react-i18next';
import { useNow } from './clock';
import { age, fullTime, parts } from './duration';

/** The text of a length of time in the page's language. */
export function useDuration(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) =>
    parts(seconds)
      .map(([n, unit]) => `${n} ${t(`unit.${unit}`)}`)
      .join(' ');
}

/** The time since `at`; its tooltip is the time of day. A dash without a time. */
export function Ago({ at, atLeast = false }: { at: string | null | undefined; atLeast?: boolean }) {
  const now = useNow();
  const duration = useDuration();
  const seconds = age(at, now);
  if (seconds === undefined || !at) return <span>–</span>;
  return (
    <time dateTime={at} title={fullTime(at)}>
      {atLeast ? '≥ ' : ''}
      {duration(seconds)}
    </time>
  );
}
