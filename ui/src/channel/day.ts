import type { ChannelHistory, ChannelStatus } from '../api/types';
import { isSeverity, type Level, levelOf, rank } from '../severity/severity';

/** Longest time that a strip shows, in milliseconds. */
export const DAY = 86_400_000;
/** Exporters write once a minute that a state still lasts: after a longer silence nobody knows it. */
const SILENCE = 180_000;

/** A time in which a channel had one level. Times are in milliseconds. */
export interface Piece {
  from: number;
  to: number;
  level: Level;
  checks: string[];
}

type StateInterval = ChannelHistory['states'][number];

/** What the exporter knows of a channel's states, and since when. */
export type States = Pick<ChannelHistory, 'states' | 'since' | 'states_complete_since'>;

/** When the strip begins: a day before `now`, or later where older states are missing. Times are in milliseconds. */
export function beginOf(history: States, now: number): number {
  return Math.max(now - DAY, Date.parse(history.states_complete_since));
}

/** Whether states of the last day are missing, because there were too many. */
export function isCut(history: States): boolean {
  return Date.parse(history.states_complete_since) > Date.parse(history.since);
}

/**
 * The levels of a channel from the strip's beginning until `now`, in order. Where several exporters saw different levels, the
 * worst counts. A time that nobody saw is in no piece.
 */
export function dayPieces(history: States, now: number): Piece[] {
  const begin = beginOf(history, now);
  const seen = history.states.map((state) => pieceOf(state, begin, now)).filter((piece) => piece.to > piece.from);
  const times = [...new Set(seen.flatMap((piece) => [piece.from, piece.to]))].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (const [index, from] of times.entries()) {
    const to = times[index + 1];
    const worst = seen
      .filter((piece) => to !== undefined && piece.from <= from && piece.to >= to)
      .sort((a, b) => rank(b.level) - rank(a.level))[0];
    if (to === undefined || !worst) continue;
    const last = pieces.at(-1);
    if (last && last.to === from && last.level === worst.level && last.checks.join() === worst.checks.join())
      last.to = to;
    else pieces.push({ from, to, level: worst.level, checks: worst.checks });
  }
  return pieces;
}

function pieceOf(state: StateInterval, begin: number, now: number): Piece {
  const seenAt = Date.parse(state.seen_at);
  const until = Math.min(now, state.until === null ? now : Date.parse(state.until));
  const severity = isSeverity(state.severity) ? state.severity : null;
  return {
    from: Math.max(begin, Date.parse(state.since)),
    to: until - seenAt > SILENCE ? seenAt : until,
    level: levelOf({ state: state.state as ChannelStatus['state'], severity }),
    checks: state.failed_checks,
  };
}

/** Seconds of each level in the pieces, the worst first; `unknown` is the rest of the `length` of the strip in milliseconds. */
export function totals(pieces: Piece[], length: number): [Level, number][] {
  const sums = new Map<Level, number>();
  let known = 0;
  for (const { from, to, level } of pieces) {
    sums.set(level, (sums.get(level) ?? 0) + (to - from) / 1000);
    known += to - from;
  }
  if (length - known >= 1000) sums.set('unknown', (length - known) / 1000);
  return [...sums].sort(([a], [b]) => rank(b) - rank(a));
}
