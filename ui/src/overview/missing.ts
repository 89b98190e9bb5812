import { ApiError } from '../api/client';
import { isWatchdog } from '../api/queries';
import type { Alert, Health, Summary } from '../api/types';
import { UNPROBED } from '../live/freshness';
import { age } from '../time/duration';

/** Nobody probes: never since the exporter started, or not for so long. */
type MissingProbes = { kind: 'never' } | { kind: 'probes'; seconds: number };

/** What is missing for the page to be right. */
export type Missing =
  | MissingProbes
  | { kind: 'database' | 'databaseAway' | 'alertmanager' | 'alertmanagerAway' | 'watchdog' }
  | { kind: 'reason'; reason: string };

export interface Known {
  summary: Summary | undefined;
  health: Health | undefined;
  alerts: Alert[] | undefined;
  alertsError: Error | null;
  maintenancesError: Error | null;
  /** The exporter's clock in milliseconds. */
  now: number;
}

/** Whether nobody probes any channel. `null`: somebody does, or that is not known yet. */
export function missingProbes(summary: Summary | undefined, now: number): MissingProbes | null {
  if (!summary || summary.active === 0) return null;
  const seconds = age(summary.heard_at, now);
  if (seconds === undefined) return { kind: 'never' };
  // The exporter knows how often each channel is probed: it takes none for known that is overdue.
  return seconds > UNPROBED && summary.states.unknown >= summary.active ? { kind: 'probes', seconds } : null;
}

/** Everything that is missing, the gravest first. Nothing is said about what was not read yet. */
export function missing({ summary, health, alerts, alertsError, maintenancesError, now }: Known): Missing[] {
  const found: Missing[] = [];
  const reasons = health?.reasons.map((reason): Missing => ({ kind: 'reason', reason })) ?? [];
  // An exporter that has not read its catalogue knows no channel.
  if (health?.status === 'unhealthy') found.push(...reasons);
  const probes = missingProbes(summary, now);
  if (probes) found.push(probes);
  const isAway = health?.database === 'disconnected' || (alertsError instanceof ApiError && alertsError.status === 503);
  if (summary && !summary.has_database) found.push({ kind: 'database' });
  else if (isAway) found.push({ kind: 'databaseAway' });
  else if (alerts && !alerts.some(isWatchdog)) found.push({ kind: 'watchdog' });
  if (summary?.has_database && !summary.has_alertmanager) found.push({ kind: 'alertmanager' });
  if (maintenancesError instanceof ApiError && maintenancesError.status === 502)
    found.push({ kind: 'alertmanagerAway' });
  if (health?.status === 'degraded' && health.database === 'connected') found.push(...reasons);
  return found;
}
