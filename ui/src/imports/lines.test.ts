import { expect, test } from 'vitest';
import { lineOf, linesOf } from './lines';

test('a line is found whatever ends the lines, and a long one is cut', () => {
  const line = (text: string, number: number | undefined) => lineOf(linesOf(text), number);
  expect([line('a\r\nb\nc', 2), line('a\rb', 2), line('a', 5), line('a', undefined)]).toEqual(['b', 'b', '', '']);
  expect(line('x'.repeat(300), 1)).toHaveLength(202);
});
