import type { Rendition } from '../api/types';

/** Whether a rendition played in the last probe; `unmeasured` when the probe had no time to find out. */
export function plays(rendition: Pick<Rendition, 'rendition_available'>): 'yes' | 'no' | 'unmeasured' {
  if (rendition.rendition_available === undefined) return 'unmeasured';
  return rendition.rendition_available ? 'yes' : 'no';
}

/** A bit rate in Mbit/s with two significant digits at least; a dash when it was not measured. */
export function megabits(bits: number | undefined): string {
  if (bits === undefined) return '–';
  const value = bits / 1e6;
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
