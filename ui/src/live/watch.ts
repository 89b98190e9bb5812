import type { QueryClient } from '@tanstack/react-query';
import { keys } from '../api/queries';
import type { ChannelStatus, ChannelStatuses } from '../api/types';

/** The last known state of each channel by its code. It stays while the channel is `unknown` or missing. */
export type LastKnown = Map<string, ChannelStatus>;

/** What is called with the channels that changed, and with the last known states before. */
export type StateListener = (changes: ChannelStatus[], before: LastKnown) => void;

interface Watcher {
  /** Holds the last known states; it is changed after `onChange`. */
  lastKnown: LastKnown;
  onRead: () => void;
  onChange: StateListener;
}

/** Watches the states of the channels, whether a read or the stream changes them. Answers how to stop. */
export function watchStatuses(client: QueryClient, { lastKnown, onRead, onChange }: Watcher): () => void {
  let before: ChannelStatus[] | undefined;
  const remember = (channels: ChannelStatus[] | undefined) => {
    // After a logout, nothing is known.
    if (!channels) lastKnown.clear();
    for (const status of channels ?? []) {
      if (status.state !== 'unknown' || !lastKnown.has(status.code)) lastKnown.set(status.code, status);
    }
    before = channels;
  };
  const announce = (old: ChannelStatus[], channels: ChannelStatus[]) => {
    // The cache keeps the object of a channel that is as before.
    const same = new Set(old);
    const changes = channels.filter((status) => !same.has(status));
    if (changes.length > 0) onChange(changes, lastKnown);
  };
  remember(client.getQueryData<ChannelStatuses>(keys.statuses)?.channels);
  return client.getQueryCache().subscribe((event) => {
    if (event.query.queryKey[0] !== keys.statuses[0]) return;
    if (event.type === 'removed') remember(undefined);
    if (event.type !== 'updated') return;
    const channels = (event.query.state.data as ChannelStatuses | undefined)?.channels;
    if (event.action.type === 'success') {
      if (!event.action.manual) onRead();
      // What the first read finds has not changed.
      if (before && channels && before !== channels) announce(before, channels);
    }
    if (before !== channels) remember(channels);
  });
}
