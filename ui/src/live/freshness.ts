/** Time in milliseconds after which the page says that the exporter was not heard. */
export const LATE = 8_000;
/** Time after which nothing on the page may be taken for the present: it turns grey. */
export const LOST = 15_000;
/** Time without any probe after which the page says that nobody probes. */
export const UNPROBED = 90;

export type Freshness = 'fresh' | 'late' | 'lost';

/** How current the page is, by the time in milliseconds since the exporter was last heard. */
export function freshness(silence: number): Freshness {
  if (silence >= LOST) return 'lost';
  return silence >= LATE ? 'late' : 'fresh';
}
