import type { Alert } from '../api/types';
import type { Ordering } from '../order/order';
import { isFound, plain, searchedText } from '../search/search';
import { severityRank } from '../severity/severity';

export interface AlertFilters {
  q: string;
  severity: string;
  status: string;
  /** `true`: only alerts of which people are notified. */
  loud: string;
}

/** The filters of a URL's query. */
export function readAlertFilters(query: string): AlertFilters {
  const given = new URLSearchParams(query);
  const status = given.get('status') ?? '';
  return {
    q: given.get('q')?.slice(0, 200) ?? '',
    severity: given.get('severity')?.slice(0, 200) ?? '',
    status: status === 'firing' || status === 'acknowledged' ? status : '',
    loud: given.get('loud') === 'true' ? 'true' : '',
  };
}

export function writeAlertFilters(filters: AlertFilters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  return query.toString();
}

/** Names of channels by their codes. */
export type ChannelNames = ReadonlyMap<string, string>;

export function alertPasses(filters: AlertFilters, alert: Alert, names: ChannelNames = new Map()): boolean {
  return (
    (filters.severity === '' || alert.severity === filters.severity) &&
    (filters.status === '' || alert.status === filters.status) &&
    (filters.loud === '' || !(isSilenced(alert) || isInhibited(alert))) &&
    isFound(filters.q, `${searchedAlert(alert)} ${plain(names.get(alert.channel ?? '') ?? '')}`)
  );
}

const searchedAlert = searchedText(
  (alert: Alert) => `${alert.alertname} ${alert.channel ?? ''} ${alert.summary ?? ''} ${alert.labels.packager ?? ''}`,
);

/** Whether a silence of this page or of Alertmanager keeps an alert quiet. */
export function isSilenced(alert: Alert): boolean {
  return alert.silence_id !== null || alert.silenced_by.length > 0;
}

/** Whether another alert keeps an alert quiet. */
export function isInhibited(alert: Alert): boolean {
  return alert.inhibited_by.length > 0;
}

/** Alerts that a person looks at: the Watchdog always fires and says only that alerts arrive. */
export function withoutWatchdog(alerts: Alert[]): Alert[] {
  return alerts.filter((alert) => alert.severity !== 'none');
}

/** Order of alerts: unacknowledged ones first, the worst first, then the newest. */
export function alertOrder(a: Alert, b: Alert): number {
  const byStatus = Number(a.status !== 'firing') - Number(b.status !== 'firing');
  const bySeverity = severityRank(b.severity) - severityRank(a.severity);
  return byStatus || bySeverity || Date.parse(b.starts_at) - Date.parse(a.starts_at) || b.id - a.id;
}

/** Order of the rows of alerts. One that somebody acknowledged is no news. */
export const ALERT_ORDERING: Ordering<Alert> = {
  keyOf: (alert) => alert.id,
  sorted: (alerts) => [...alerts].sort(alertOrder),
  rankOf: (alert) => (alert.status === 'firing' ? severityRank(alert.severity) : -2),
  quietRank: -2,
};

/** The values of a filter: those that there are, and the chosen one, which a link may name. */
export function withChosen(values: string[], chosen: string): string[] {
  return chosen === '' || values.includes(chosen) ? values : [...values, chosen];
}

/** The selected alerts that still fire; the same set where all do. */
export function stillFiring(selected: Set<number>, alerts: Alert[]): Set<number> {
  const firing = new Set(alerts.filter((alert) => alert.status === 'firing').map((alert) => alert.id));
  const left = [...selected].filter((id) => firing.has(id));
  return left.length === selected.size ? selected : new Set(left);
}

/** The alerts that stay selected when these are settled. */
export function withoutSettled(selected: Set<number>, settled: { id: number }[]): Set<number> {
  const ids = new Set(settled.map((alert) => alert.id));
  return new Set([...selected].filter((id) => !ids.has(id)));
}
