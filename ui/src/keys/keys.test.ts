import { expect, test } from 'vitest';
import { actionOf } from './useKeys';

test('g and a letter go to a screen; the letter alone does not', () => {
  expect(actionOf('c', 'g')).toEqual({ kind: 'go', to: '/channels' });
  expect(actionOf('a', 'g')).toEqual({ kind: 'go', to: '/alerts' });
  expect(actionOf('w', 'g')).toEqual({ kind: 'go', to: '/wall' });
  expect(actionOf('a', '')).toEqual({ kind: 'acknowledge' });
  expect([actionOf('c', ''), actionOf('w', 'x'), actionOf('g', '')]).toEqual([null, null, null]);
});

test('search, help and rows have their keys', () => {
  expect([actionOf('/', ''), actionOf('?', ''), actionOf('j', ''), actionOf('k', 'j')].map((a) => a?.kind)).toEqual([
    'search',
    'help',
    'rows',
    'rows',
  ]);
});
