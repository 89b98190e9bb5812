import { ApiError } from '../api/client';
import type { Alert, Health, Summary } from '../api/types';
import { UNPROBED } from '../live/freshness';
import { age } from '../time/duration';

/** What is missing for the page to be right. */
export type Missing =
  | { kind: 'never' | 'database' | 'databaseAway' | 'alertmanager' | 'alertmanagerAway' | 'watchdog' }
  | { kind: 'probes'; seconds: number }
  | { kind: 'degraded'; reason: string };

export interface Known {
  summary: Summary | undefined;
  health: Health | undefined;
  alerts: Alert[] | undefined;
  alertsError: Error | null;
  maintenancesError: Error | null;
  /** The exporter's clock in milliseconds. */
  now: number;
}

/** Everything that is missing, the gravest first. Nothing is said about what was not read yet. */
export function missing({ summary, health, alerts, alertsError, maintenancesError, now }: Known): Missing[] {
  const found: Missing[] = [];
  if (summary && summary.active > 0) {
    const seconds = age(summary.heard_at, now);
    if (seconds === undefined) found.push({ kind: 'never' });
    // The exporter knows how often each channel is probed: it takes none for known that is overdue.
    else if (seconds > UNPROBED && summary.states.unknown >= summary.active) found.push({ kind: 'probes', seconds });
  }
  const isAway = health?.database === 'disconnected' || (alertsError instanceof ApiError && alertsError.status === 503);
  if (summary && !summary.has_database) found.push({ kind: 'database' });
  else if (isAway) found.push({ kind: 'databaseAway' });
  else if (alerts && !alerts.some((alert) => alert.alertname === 'Watchdog')) found.push({ kind: 'watchdog' });
  if (summary?.has_database && !summary.has_alertmanager) found.push({ kind: 'alertmanager' });
  if (maintenancesError instanceof ApiError && maintenancesError.status === 502)
    found.push({ kind: 'alertmanagerAway' });
  if (health?.status === 'degraded' && health.database === 'connected') {
    found.push(...health.reasons.map((reason): Missing => ({ kind: 'degraded', reason })));
  }
  return found;
}
