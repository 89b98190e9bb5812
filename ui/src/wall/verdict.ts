import type { ChannelStatus } from '../api/types';
import { levelOf, rank } from '../severity/severity';

/** What the wall says about all its channels where it has no list of bad ones. */
export type Verdict =
  | { kind: 'unread' }
  | { kind: 'failed'; why: string }
  | { kind: 'none' | 'noMatch' | 'allWell' }
  | { kind: 'bad'; channels: ChannelStatus[] }
  | { kind: 'unknown' | 'wellButUnknown'; count: number };

interface Known {
  /** All channels of the exporter; `undefined` until they were read. */
  all: ChannelStatus[] | undefined;
  /** Why the channels could not be read. */
  error: Error | null;
  /** The channels on the wall. */
  channels: ChannelStatus[];
}

/** Judges the channels on the wall. Only channels that were probed can be well. */
export function verdictOf({ all, error, channels }: Known): Verdict {
  if (!all) return error ? { kind: 'failed', why: error.message } : { kind: 'unread' };
  if (channels.length === 0) return { kind: all.length === 0 ? 'none' : 'noMatch' };
  const bad = channels.filter((status) => rank(levelOf(status)) > rank('unknown'));
  if (bad.length > 0) return { kind: 'bad', channels: bad };
  const count = channels.filter((status) => status.state === 'unknown').length;
  if (count === 0) return { kind: 'allWell' };
  return { kind: count === channels.length ? 'unknown' : 'wellButUnknown', count };
}
