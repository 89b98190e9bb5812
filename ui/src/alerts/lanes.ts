import type { Alert } from '../api/types';
import { DAY } from '../channel/day';
import { severityRank } from '../severity/severity';

/** A time in which an alert was active. Times are in milliseconds. */
export interface Span {
  id: number;
  from: number;
  to: number;
}

/** The times of one alert of one channel in the last day. */
export interface Lane {
  key: string;
  alertname: string;
  channel: string | null;
  severity: string | null;
  spans: Span[];
}

/** A lane for each alert of each channel that was active in the day before `now`, the worst first, then the newest. */
export function lanesOf(alerts: Alert[], now: number): Lane[] {
  const lanes = new Map<string, Lane>();
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  for (const alert of byId.values()) {
    const span = spanOf(alert, now);
    if (span.to <= now - DAY) continue;
    const { alertname, channel, severity } = alert;
    const key = `${alertname} ${channel ?? alert.fingerprint}`;
    const lane = lanes.get(key) ?? { key, alertname, channel, severity, spans: [] };
    if (severityRank(severity) > severityRank(lane.severity)) lane.severity = severity;
    lane.spans.push({ ...span, from: Math.max(span.from, now - DAY) });
    lanes.set(key, lane);
  }
  const newest = (lane: Lane) => Math.max(...lane.spans.map((span) => span.from));
  return [...lanes.values()].sort(
    (a, b) => severityRank(b.severity) - severityRank(a.severity) || newest(b) - newest(a),
  );
}

function spanOf(alert: Alert, now: number): Span {
  const from = Date.parse(alert.starts_at);
  const ended = alert.status === 'resolved' ? Date.parse(alert.resolved_at ?? alert.ends_at ?? alert.starts_at) : now;
  return { id: alert.id, from, to: Math.min(now, Math.max(from, ended)) };
}
