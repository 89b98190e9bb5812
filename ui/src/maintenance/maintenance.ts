import type { ChannelStatus, Maintenance } from '../api/types';

/** The maintenance of a channel or of its packager that is in force at `now` in milliseconds: the one that ends last. */
export function maintenanceOf(
  status: Pick<ChannelStatus, 'code' | 'packager'>,
  maintenances: Maintenance[] | undefined,
  now: number,
): Maintenance | null {
  const own = (maintenances ?? []).filter(
    (one) =>
      (one.channel === status.code || (one.packager !== null && one.packager === status.packager)) &&
      Date.parse(one.starts_at) <= now &&
      Date.parse(one.ends_at) > now,
  );
  return own.sort((a, b) => Date.parse(b.ends_at) - Date.parse(a.ends_at))[0] ?? null;
}
