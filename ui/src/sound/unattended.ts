import type { Alert, ChannelStatus, Maintenance } from '../api/types';
import { maintenanceOf } from '../maintenance/maintenance';
import { levelOf } from '../severity/severity';

/** What is known of the people who work on channels. */
export interface Attention {
  alerts: Alert[] | undefined;
  maintenances: Maintenance[] | undefined;
  now: number;
}

/** Whether somebody works on a channel: it is in maintenance, or all its alerts are acknowledged. */
export function isAttended(status: ChannelStatus, { alerts, maintenances, now }: Attention): boolean {
  if (maintenanceOf(status, maintenances, now)) return true;
  const own = alerts?.filter((alert) => alert.channel === status.code) ?? [];
  return own.length > 0 && own.every((alert) => alert.status === 'acknowledged');
}

/** Channels that are critical or down and on which nobody works. */
export function unattendedCritical(channels: ChannelStatus[], attention: Attention): ChannelStatus[] {
  return channels.filter((status) => {
    const level = levelOf(status);
    return (level === 'down' || level === 'critical') && !isAttended(status, attention);
  });
}
