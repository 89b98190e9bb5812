import type { ChannelStatus } from '../api/types';
import type { LastKnown } from '../live/watch';
import { levelOf, rank, worstFirst } from '../severity/severity';
import { isWorse } from './sound';

/** Number of channels that a notification names. */
const NAMED = 3;

/** Channels that a burst of changes made worse, as bad as a sound announces, the worst first. */
export function worsenedChannels(changes: ChannelStatus[], before: LastKnown): ChannelStatus[] {
  // The last change of a channel counts.
  const last = new Map(changes.map((change) => [change.code, change]));
  return [...last.values()]
    .filter((change) => rank(levelOf(change)) >= rank('minor') && isWorse(change, before))
    .sort(worstFirst);
}

/** The codes that a notification names, and the number of the others. */
export function namesOf(channels: ChannelStatus[]): { names: string; more: number } {
  const names = channels.slice(0, NAMED).map((status) => status.code);
  return { names: names.join(', '), more: Math.max(0, channels.length - NAMED) };
}
