import type { ChannelStatus } from '../api/types';
import { type Level, levelOf, rank } from '../severity/severity';

export type Pattern = 'critical' | 'major' | 'minor';

function patternOf(level: Level): Pattern | null {
  if (level === 'down' || level === 'critical') return 'critical';
  return level === 'major' || level === 'minor' ? level : null;
}

/** The one pattern for a burst of changes: that of the worst channel that got worse. `null` when none did. */
export function patternFor(changes: ChannelStatus[], before: Map<string, ChannelStatus>): Pattern | null {
  let worst: Level = 'up';
  for (const change of changes) {
    const known = before.get(change.code);
    const level = levelOf(change);
    if (rank(level) > (known ? rank(levelOf(known)) : 0) && rank(level) > rank(worst)) worst = level;
  }
  return patternOf(worst);
}
