import { expect, test } from 'vitest';
import { lineOf } from './lines';

test('a line is found whatever ends the lines, and a long one is cut', () => {
  expect([lineOf('a\r\nb\nc', 2), lineOf('a\rb', 2), lineOf('a', 5), lineOf('a', undefined)]).toEqual([
    'b',
    'b',
    '',
    '',
  ]);
  expect(lineOf('x'.repeat(300), 1)).toHaveLength(202);
});
