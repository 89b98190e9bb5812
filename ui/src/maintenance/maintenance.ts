import type { ChannelStatus, Maintenance } from '../api/types';

/** Maintenances of a channel and of its packager that have not ended at `now` in milliseconds, the first to begin first. */
export function maintenancesOf(
  status: Pick<ChannelStatus, 'code' | 'packager'>,
  maintenances: Maintenance[] | undefined,
  now: number,
): Maintenance[] {
  return (maintenances ?? [])
    .filter(
      (one) =>
        (one.channel === status.code || (one.packager !== null && one.packager === status.packager)) &&
        Date.parse(one.ends_at) > now,
    )
    .sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at));
}

/** The maintenance of a channel or of its packager that is in force at `now` in milliseconds: the one that ends last. */
export function maintenanceOf(
  status: Pick<ChannelStatus, 'code' | 'packager'>,
  maintenances: Maintenance[] | undefined,
  now: number,
): Maintenance | null {
  const own = maintenancesOf(status, maintenances, now).filter((one) => isInForce(one, now));
  return own.sort((a, b) => Date.parse(b.ends_at) - Date.parse(a.ends_at))[0] ?? null;
}

export function isInForce(maintenance: Maintenance, now: number): boolean {
  return Date.parse(maintenance.starts_at) <= now;
}
