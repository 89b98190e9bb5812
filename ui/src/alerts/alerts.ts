import type { Alert } from '../api/types';
import { severityRank } from '../severity/severity';

export interface AlertFilters {
  q: string;
  severity: string;
  status: string;
}

/** The filters of a URL's query. */
export function readAlertFilters(query: string): AlertFilters {
  const given = new URLSearchParams(query);
  const status = given.get('status') ?? '';
  return {
    q: given.get('q')?.slice(0, 200) ?? '',
    severity: given.get('severity')?.slice(0, 200) ?? '',
    status: status === 'firing' || status === 'acknowledged' ? status : '',
  };
}

export function writeAlertFilters(filters: AlertFilters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  return query.toString();
}

export function alertPasses(filters: AlertFilters, alert: Alert): boolean {
  const text = `${alert.alertname} ${alert.channel ?? ''} ${alert.summary ?? ''}`.toLowerCase();
  return (
    (filters.severity === '' || alert.severity === filters.severity) &&
    (filters.status === '' || alert.status === filters.status) &&
    filters.q
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word))
  );
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
