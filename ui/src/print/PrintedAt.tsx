import { useTranslation } from 'react-i18next';
import { useInstallationName } from '../frame/installation';
import { serverNow } from '../time/clock';
import { fullTime } from '../time/duration';
import { useIsPrinting } from './useIsPrinting';

/** When and where a paper was made: it says how long ago things were, and is read later. */
export function PrintedAt() {
  const { t } = useTranslation();
  const exporter = useInstallationName();
  if (!useIsPrinting()) return null;
  return <p className="printed-at">{t('report.madeAt', { time: fullTime(serverNow()), exporter })}</p>;
}
