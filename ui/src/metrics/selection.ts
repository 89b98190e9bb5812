import { RANGES } from '../charts/ranges';

/** Largest number of channels in one chart. */
export const MAX_CHANNELS = 6;

export interface MetricsSelection {
  codes: string[];
  /** Time before now in seconds. */
  range: number;
}

/** The selection in a URL's query: at most six channels, each once, and a known range. */
export function readSelection(query: string): MetricsSelection {
  const given = new URLSearchParams(query);
  const codes = (given.get('channels') ?? '').slice(0, 500).split(',').filter(Boolean);
  const range = Number(given.get('range'));
  return { codes: [...new Set(codes)].slice(0, MAX_CHANNELS), range: RANGES.includes(range) ? range : 3600 };
}

export function writeSelection({ codes, range }: MetricsSelection): string {
  const query = new URLSearchParams();
  if (codes.length > 0) query.set('channels', codes.join(','));
  if (range !== 3600) query.set('range', String(range));
  return query.toString();
}
