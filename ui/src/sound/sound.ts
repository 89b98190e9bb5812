import type { ChannelStatus } from '../api/types';
import { type Level, levelOf, rank } from '../severity/severity';

export type Pattern = 'critical' | 'major' | 'minor';

const PATTERNS: Record<Pattern, { frequency: number; beeps: number }> = {
  critical: { frequency: 880, beeps: 3 },
  major: { frequency: 587, beeps: 2 },
  minor: { frequency: 392, beeps: 1 },
};

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

let context: AudioContext | undefined;

/** Plays a pattern. A browser plays nothing before somebody clicked on the page. */
export function play(pattern: Pattern): void {
  context ??= new AudioContext();
  void context.resume();
  const { frequency, beeps } = PATTERNS[pattern];
  for (let beep = 0; beep < beeps; beep += 1) {
    const start = context.currentTime + beep * 0.28;
    const gain = context.createGain();
    const tone = context.createOscillator();
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0.0001, start);
    gain.gain.exponentialRampToValueAtTime(0.3, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.2);
    tone.connect(gain).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.22);
  }
}
