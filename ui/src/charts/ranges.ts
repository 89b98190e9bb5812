import { useDuration } from '../time/Ago';

/** Ranges in seconds that a person can choose. */
export const RANGES = [900, 3600, 21_600, 86_400, 604_800];

/** The name of a range in the page's language. */
export function useRangeName(): (seconds: number) => string {
  return useDuration();
}
