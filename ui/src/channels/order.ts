import type { ChannelStatus } from '../api/types';
import { levelOf, rank, worstFirst } from '../severity/severity';

/** An order of rows that somebody reads: the codes, and how bad each was when the order was made. */
export interface Held {
  codes: string[];
  ranks: Map<string, number>;
}

export function hold(rows: ChannelStatus[]): Held {
  const sorted = [...rows].sort(worstFirst);
  return { codes: sorted.map((row) => row.code), ranks: new Map(sorted.map((row) => [row.code, rank(levelOf(row))])) };
}

/** The rows, the worst first; in the held order while there is one, with new rows at the end. */
export function ordered(rows: ChannelStatus[], held: Held | null): ChannelStatus[] {
  if (!held) return [...rows].sort(worstFirst);
  const place = new Map(held.codes.map((code, index) => [code, index]));
  const last = held.codes.length;
  return [...rows].sort((a, b) => {
    const byPlace = (place.get(a.code) ?? last) - (place.get(b.code) ?? last);
    return byPlace !== 0 ? byPlace : worstFirst(a, b);
  });
}

/** The number of rows that are worse than when the order was made. */
export function worsened(rows: ChannelStatus[], held: Held): number {
  return rows.filter((row) => rank(levelOf(row)) > (held.ranks.get(row.code) ?? rank('up'))).length;
}
