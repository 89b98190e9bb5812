// @vitest-environment happy-dom
import { renderHook } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { noteAnswer } from './client';
import { acceptSession, refuseSession, useLoginNeeded } from './session';

afterEach(acceptSession);

test.each([
  ['health', true],
  ['openapi.json', true],
  ['channels/summary', false],
])('after an answer of %s a login is still needed: %o', (path, isNeeded) => {
  refuseSession();
  const answer = new Response('{}');
  Object.defineProperty(answer, 'url', { value: `http://exporter/px/api/v1/${path}` });
  noteAnswer(answer);
  expect(renderHook(() => useLoginNeeded()).result.current).toBe(isNeeded);
});
