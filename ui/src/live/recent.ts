import type { ChannelStatus, ChannelStatuses } from '../api/types';
import { applyStates } from './apply';

/** The events that arrived during each read that has not ended. */
const reads = new Set<ChannelStatus[]>();

/** Remembers an event of the stream for the reads that are under way. */
export function noteChange(change: ChannelStatus): void {
  for (const changes of reads) changes.push(change);
}

/** Reads all states. The answer may be older than an event that arrives during the read: the event counts then. */
export async function withRecentChanges(read: () => Promise<ChannelStatuses>): Promise<ChannelStatuses> {
  const changes: ChannelStatus[] = [];
  reads.add(changes);
  try {
    return applyStates(await read(), changes);
  } finally {
    reads.delete(changes);
  }
}
