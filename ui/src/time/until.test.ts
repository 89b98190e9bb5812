import { expect, test } from 'vitest';
import { secondsUntil } from './until';

const at = (hours: number, minutes: number, seconds = 0) => new Date(2026, 0, 31, hours, minutes, seconds).getTime();

test('a time of day is the next one, today or tomorrow', () => {
  expect(secondsUntil('06:00', at(3, 0))).toBe(3 * 3600);
  expect(secondsUntil('06:00', at(22, 30))).toBe(7.5 * 3600);
  expect(secondsUntil('06:00', at(6, 0))).toBe(86_400);
  expect(secondsUntil('06:00', at(5, 59, 59))).toBe(1);
});

test('what is no time of day has no end', () => {
  for (const text of ['', '6:00', '24:00', '12:60', 'soon']) expect(secondsUntil(text, at(3, 0)), text).toBeNull();
});
