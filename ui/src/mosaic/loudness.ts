import type { Series } from '../api/types';
import { lineOfChannel, presentValue } from '../charts/align';
import { bandOf } from '../charts/units';

/** Loudness in LUFS at the lower and the upper end of a bar: below is nearly silence, above nothing is broadcast. */
const LOWEST = -45;
const HIGHEST = -5;

/** The loudness of a channel now, and how it lies to what its template wants. */
export interface Loudness {
  /** Loudness in LUFS. */
  value: number;
  verdict: 'good' | 'high' | 'low';
  /** The wanted range in LUFS; `null` when the template wants none. */
  wanted: { low: number; high: number } | null;
}

/** The loudness at `now` in seconds since 1970; `null` when it was not measured lately. */
export function loudnessOf(series: Series, now: number): Loudness | null {
  const value = presentValue(lineOfChannel(series), now);
  if (value === null) return null;
  const wanted = bandOf(series);
  const verdict = wanted && value > wanted.high ? 'high' : wanted && value < wanted.low ? 'low' : 'good';
  return { value, verdict, wanted };
}

/** The height of a loudness in a bar, from 0 to 1. */
export function heightOf(lufs: number): number {
  return Math.min(1, Math.max(0, (lufs - LOWEST) / (HIGHEST - LOWEST)));
}
