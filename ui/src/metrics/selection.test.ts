import { expect, test } from 'vitest';
import { readSelection, writeSelection } from './selection';

test('a link holds at most six channels, each once, and a known range', () => {
  expect(readSelection('channels=a,b,,a,c,d,e,f,g&range=86400')).toEqual({
    codes: ['a', 'b', 'c', 'd', 'e', 'f'],
    range: 86_400,
  });
  expect(readSelection('range=7')).toEqual({ codes: [], range: 3600 });
  const selection = { codes: ['a', 'b'], range: 900 };
  expect(readSelection(writeSelection(selection))).toEqual(selection);
});
