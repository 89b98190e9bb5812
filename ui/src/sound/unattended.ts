import type { Alert, ChannelStatus, Maintenance } from '../api/types';
import { maintenanceOf } from '../maintenance/maintenance';
import { levelOf, rank, severityRank } from '../severity/severity';

/** What is known of the people who work on channels. */
export interface Attention {
  alerts: Alert[] | undefined;
  maintenances: Maintenance[] | undefined;
  now: number;
}

interface AlertIndex {
  byChannel: Map<string, Alert[]>;
  /** Alerts about a packager as a whole. */
  byPackager: Map<string, Alert[]>;
  byFingerprint: Map<string, Alert>;
}

// When a packager dies, thousands of channels ask for the same alerts.
const indexes = new WeakMap<Alert[], AlertIndex>();

function indexOf(alerts: Alert[]): AlertIndex {
  const known = indexes.get(alerts);
  if (known) return known;
  const index: AlertIndex = {
    byChannel: new Map(),
    byPackager: new Map(),
    byFingerprint: new Map(alerts.map((alert) => [alert.fingerprint, alert])),
  };
  const put = (map: Map<string, Alert[]>, key: string, alert: Alert) => {
    const found = map.get(key);
    if (found) found.push(alert);
    else map.set(key, [alert]);
  };
  for (const alert of alerts) {
    if (alert.channel !== null) put(index.byChannel, alert.channel, alert);
    else if (alert.labels.packager) put(index.byPackager, alert.labels.packager, alert);
  }
  indexes.set(alerts, index);
  return index;
}

/**
 * Whether somebody works on what is wrong with a channel: it is in maintenance, or each alert about it or its packager is
 * settled. Alerts that are less severe than the channel's state say nothing about that state.
 */
export function isAttended(status: ChannelStatus, { alerts, maintenances, now }: Attention): boolean {
  if (maintenanceOf(status, maintenances, now)) return true;
  const level = levelOf(status);
  const least = rank(level === 'down' ? 'critical' : level);
  const { byChannel, byPackager, byFingerprint } = indexOf(alerts ?? []);
  const about = [...(byChannel.get(status.code) ?? []), ...(byPackager.get(status.packager) ?? [])];
  const own = about.filter((alert) => severityRank(alert.severity) >= least);
  return own.length > 0 && own.every((alert) => isSettled(alert, byFingerprint));
}

/** An alert that nobody has to hear: acknowledged, silenced, or inhibited by alerts of which none has to be heard. */
function isSettled(alert: Alert, byFingerprint: Map<string, Alert>): boolean {
  if (isTaken(alert)) return true;
  if (alert.inhibited_by.length === 0) return false;
  // Alerts of severity `none` only inhibit others, and the exporter doesn't list them.
  return alert.inhibited_by.every((fingerprint) => {
    const other = byFingerprint.get(fingerprint);
    return other === undefined || isTaken(other);
  });
}

function isTaken(alert: Alert): boolean {
  return alert.status === 'acknowledged' || alert.silenced_by.length > 0;
}

/** Channels that are critical or down and on which nobody works. */
export function unattendedCritical(channels: ChannelStatus[], attention: Attention): ChannelStatus[] {
  return channels.filter((status) => {
    const level = levelOf(status);
    return (level === 'down' || level === 'critical') && !isAttended(status, attention);
  });
}
