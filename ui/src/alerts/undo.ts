import type { Alert } from '../api/types';

/** Acknowledgements of a request that can still be taken back: the alert has this acknowledgement and no other. */
export function stillMeant(changed: Alert[], now: Alert[]): Alert[] {
  const known = new Map(now.map((alert) => [alert.id, alert]));
  return changed.filter((alert) => {
    const present = known.get(alert.id);
    return present?.status === 'acknowledged' && present.acknowledged_at === alert.acknowledged_at;
  });
}

/** Number of alerts that a sentence names. */
const NAMED = 3;

/** The alerts in a sentence, such as `ChannelDown CH_1, RenditionDown CH_2 …`. */
export function namesOfAlerts(alerts: Alert[]): string {
  const names = alerts.slice(0, NAMED).map((alert) => `${alert.alertname} ${alert.channel ?? ''}`.trim());
  return names.join(', ') + (alerts.length > NAMED ? ' …' : '');
}
