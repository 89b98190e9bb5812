import type { QueryClient } from '@tanstack/react-query';
import { keys } from '../api/queries';
import type { ChannelStatus, ChannelStatuses } from '../api/types';

/** What is called with the channels that changed, and with all channels as they were before. */
export type StateListener = (changes: ChannelStatus[], before: Map<string, ChannelStatus>) => void;

/** Watches the states of the channels, whether a read or the stream changes them. Answers how to stop. */
export function watchStatuses(
  client: QueryClient,
  { onRead, onChange }: { onRead: () => void; onChange: StateListener },
): () => void {
  let known = client.getQueryData<ChannelStatuses>(keys.statuses)?.channels;
  const announce = (old: ChannelStatus[], channels: ChannelStatus[]) => {
    const before = new Map(old.map((status) => [status.code, status]));
    // The cache keeps the object of a channel that is as before.
    const changes = channels.filter((status) => before.get(status.code) !== status);
    if (changes.length > 0) onChange(changes, before);
  };
  return client.getQueryCache().subscribe((event) => {
    if (event.query.queryKey[0] !== keys.statuses[0]) return;
    if (event.type === 'removed') known = undefined;
    if (event.type !== 'updated') return;
    const channels = (event.query.state.data as ChannelStatuses | undefined)?.channels;
    if (event.action.type === 'success') {
      if (!event.action.manual) onRead();
      // What the first read finds has not changed.
      if (known && channels && known !== channels) announce(known, channels);
    }
    known = channels;
  });
}
