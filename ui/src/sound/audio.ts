import { useSyncExternalStore } from 'react';
import type { Pattern } from './sound';

const PATTERNS: Record<Pattern, { frequency: number; beeps: number }> = {
  critical: { frequency: 880, beeps: 3 },
  major: { frequency: 587, beeps: 2 },
  minor: { frequency: 392, beeps: 1 },
  blind: { frequency: 294, beeps: 4 },
};

const listeners = new Set<() => void>();
let context: AudioContext | undefined;

function changed(): void {
  for (const listener of listeners) listener();
}

/** Asks the browser for sound. It refuses until somebody clicked on the page, and then answers later. */
export async function startAudio(): Promise<void> {
  if (typeof AudioContext === 'undefined') return;
  if (!context) {
    context = new AudioContext();
    context.addEventListener('statechange', changed);
  }
  await context.resume().catch(() => undefined);
  changed();
}

function isRunning(): boolean {
  return context?.state === 'running';
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the browser plays what it is given. */
export function useAudioRunning(): boolean {
  return useSyncExternalStore(subscribe, isRunning);
}

/** Plays a pattern. Nothing is kept for later while the browser refuses sound: it would all sound at once. */
export function play(pattern: Pattern): void {
  if (!context || !isRunning()) return;
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
