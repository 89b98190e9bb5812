import type { ChannelStatus } from '../api/types';
import { isCurrent } from '../channels/filters';

/** Share of a packager's other channels from which on a fault that they have too is the packager's. */
const PACKAGER_SHARE = 0.5;

/** Where a fault probably lies, by the other channels of the same packager. */
export interface Fault {
  kind: 'packager' | 'some' | 'channel' | 'alone';
  check: string;
  packager: string;
  /** Number of the packager's other channels on which the check fails too. */
  count: number;
  /** Number of the packager's other channels that are probed. */
  total: number;
}

/** Compares the channel's worst failed check with the packager's other channels. `null` when nothing fails. */
export function faultOf(status: ChannelStatus, channels: ChannelStatus[]): Fault | null {
  const check = status.failed[0]?.check;
  if (!check || !isCurrent(status)) return null;
  const others = channels.filter(
    (other) => other.packager === status.packager && other.code !== status.code && isCurrent(other),
  );
  const count = others.filter((other) => other.failed.some((failed) => failed.check === check)).length;
  return { kind: kindOf(count, others.length), check, packager: status.packager, count, total: others.length };
}

function kindOf(count: number, total: number): Fault['kind'] {
  if (total === 0) return 'alone';
  if (count === 0) return 'channel';
  return count / total >= PACKAGER_SHARE ? 'packager' : 'some';
}
