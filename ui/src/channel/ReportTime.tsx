import { useTranslation } from 'react-i18next';
import type { Report } from '../api/types';
import { fullTime } from '../time/duration';

/** When the probe of a report began. */
export function ReportTime({ report }: { report: Report }) {
  const { t } = useTranslation();
  return <small>{t('channel.probeOf', { time: fullTime(report.started_at) })}</small>;
}
