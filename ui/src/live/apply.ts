import type { ChannelStatus, ChannelStatuses } from '../api/types';

/** The states after events of channels, in their order. An event that is older than the known state changes nothing. */
export function applyStates(statuses: ChannelStatuses, changes: ChannelStatus[]): ChannelStatuses {
  if (changes.length === 0) return statuses;
  const byCode = new Map(statuses.channels.map((known) => [known.code, known]));
  for (const change of changes) {
    const known = byCode.get(change.code);
    if (!known || startOf(known) <= startOf(change)) byCode.set(change.code, change);
  }
  return { ...statuses, channels: [...byCode.values()] };
}

function startOf(status: ChannelStatus): number {
  return status.last_probe ? Date.parse(status.last_probe.started_at) : Number.NEGATIVE_INFINITY;
}
