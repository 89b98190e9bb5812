import { useTranslation } from 'react-i18next';
import { useAlerts, useHealth, useMaintenances, useSummary } from '../api/queries';
import { useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { type Missing, missing } from './missing';

/** One line that says what the page does not know, and why. */
export function MissingLine() {
  const summary = useSummary();
  const health = useHealth();
  const alerts = useAlerts();
  const maintenances = useMaintenances();
  const now = useNow();
  const text = useMissingText();
  const found = missing({
    summary: summary.data,
    health: health.data,
    alerts: alerts.data,
    // While nothing of the exporter is heard, nobody knows what it would say of the others.
    alertsError: health.error ? null : alerts.error,
    maintenancesError: health.error ? null : maintenances.error,
    now,
  });
  if (found.length === 0) return null;
  return <p className="missing">{found.map(text).join(' · ')}</p>;
}

function useMissingText(): (one: Missing) => string {
  const { t } = useTranslation();
  const duration = useDuration();
  return (one) => {
    switch (one.kind) {
      case 'probes':
        return t('missing.probes', { time: duration(one.seconds) });
      case 'reason':
        return t('missing.reason', { reason: one.reason });
      default:
        return t(`missing.${one.kind}`);
    }
  };
}
