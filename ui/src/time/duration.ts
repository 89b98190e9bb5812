export type Unit = 's' | 'min' | 'h' | 'd';

/** A length of time in at most two units. The smaller unit is left out when it is 0. */
export function parts(seconds: number): [number, Unit][] {
  const s = Math.max(0, Math.floor(seconds));
  const two = (large: number, unit: Unit, small: number, smallUnit: Unit): [number, Unit][] =>
    small > 0
      ? [
          [large, unit],
          [small, smallUnit],
        ]
      : [[large, unit]];
  if (s < 60) return [[s, 's']];
  if (s < 3600) return s < 600 ? two(Math.floor(s / 60), 'min', s % 60, 's') : [[Math.floor(s / 60), 'min']];
  if (s < 86_400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
  return two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

/** Seconds from an RFC 3339 time until `now` in milliseconds; never below 0. `undefined` without a time. */
export function age(at: string | null | undefined, now: number): number | undefined {
  if (!at) return undefined;
  const then = Date.parse(at);
  return Number.isFinite(then) ? Math.max(0, (now - then) / 1000) : undefined;
}

/** `mm:ss`, or `h:mm:ss` from an hour on. */
export function stopwatch(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** The time of day in hours and minutes, from 00:00 to 23:59 in every language, and in seconds where wanted. */
export function clockTime(time: number, more: { second?: '2-digit' } = {}): string {
  return new Date(time).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...more,
  });
}

/**
 * A date and a time of day with its zone, such as `2026-01-31 19:00:05 GMT+7`: a paper is read elsewhere, and later. It is the same in
 * every language, because people read `01/02` in two ways.
 */
export function fullTime(time: string | number): string {
  const parts = new Map(FULL.formatToParts(new Date(time)).map(({ type, value }) => [type, value]));
  const [year, month, day, hour, minute, second, zone] = FULL_PARTS.map((type) => parts.get(type) ?? '');
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${zone}`;
}

const FULL_PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'timeZoneName'] as const;
const FULL = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});
