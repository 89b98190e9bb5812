/** Seconds from `now` in milliseconds until the clock here next shows a time such as `06:00`; `null` for another text. */
export function secondsUntil(clock: string, now: number): number | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)/.exec(clock);
  if (!match) return null;
  const end = new Date(now);
  end.setHours(Number(match[1]), Number(match[2]), 0, 0);
  // A day is not always 24 hours long.
  if (end.getTime() <= now) end.setDate(end.getDate() + 1);
  return Math.ceil((end.getTime() - now) / 1000);
}
