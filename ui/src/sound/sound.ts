import type { ChannelStatus } from '../api/types';
import type { LastKnown } from '../live/watch';
import { type Level, levelOf, rank } from '../severity/severity';

/** A pattern for each severity that sounds, and one for a page that knows nothing of the present. */
export type Pattern = 'critical' | 'major' | 'minor' | 'blind';

function patternOf(level: Level): Pattern | null {
  if (level === 'down' || level === 'critical') return 'critical';
  return level === 'major' || level === 'minor' ? level : null;
}

/** Whether a channel is worse than it was last known. One that was never seen before is no news. */
export function isWorse(change: ChannelStatus, before: LastKnown): boolean {
  const known = before.get(change.code);
  return known !== undefined && rank(levelOf(change)) > rank(levelOf(known));
}

/** The one pattern for a burst of changes: that of the worst channel that got worse. `null` when none did. */
export function patternFor(changes: ChannelStatus[], before: LastKnown): Pattern | null {
  let worst: Level = 'up';
  for (const change of changes) {
    const level = levelOf(change);
    if (rank(level) > rank(worst) && isWorse(change, before)) worst = level;
  }
  return patternOf(worst);
}
