import type { QueryClient } from '@tanstack/react-query';
import { keys, refresh } from './queries';
import type { ChannelStatus, ChannelStatuses } from './types';

/** Number of reads, and the time between two in milliseconds, until the exporter took a write over from the database. */
const ATTEMPTS = 10;
const PAUSE = 500;

/** Reads again until the states show what was written, for a few seconds at most. Answers whether they do. */
export async function untilStates(
  client: QueryClient,
  isShown: (channels: ChannelStatus[]) => boolean,
): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await refresh(client);
    const known = client.getQueryData<ChannelStatuses>(keys.statuses)?.channels;
    if (!known || isShown(known)) return true;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return false;
}
