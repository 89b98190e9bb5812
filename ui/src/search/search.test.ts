import { expect, test, vi } from 'vitest';
import { isFound, plain, searchedText } from './search';

test('accents and the form in which a keyboard writes them do not count', () => {
  const name = plain('Kênh Đà Nẵng');
  expect(name).toBe('kenh da nang');
  for (const q of ['Đà Nẵng', 'Đà Nẵng'.normalize('NFD'), 'da NANG', ' nang  kenh ', '']) {
    expect(isFound(q, name), q).toBe(true);
  }
  expect(isFound('nẵng hue', name)).toBe(false);
});

test('the text of a row is made once, and again when the row is another object', () => {
  const textOf = vi.fn((row: { name: string }) => row.name);
  const text = searchedText(textOf);
  const row = { name: 'Huế' };
  expect([text(row), text(row), text({ name: 'Hà Nội' })]).toEqual(['hue', 'hue', 'ha noi']);
  expect(textOf).toHaveBeenCalledTimes(2);
});
