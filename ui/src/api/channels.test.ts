// @vitest-environment happy-dom
import { renderHook } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { ChangedError, changeChannel, createChannel, setEnabled } from './channels';
import { acceptSession, useLoginNeeded } from './session';

const answer = (status: number, content: object) => {
  const response = new Response(JSON.stringify(content), { status });
  vi.stubGlobal('fetch', () => Promise.resolve(response));
};

afterEach(() => {
  vi.unstubAllGlobals();
  acceptSession();
});

test('a write without a session asks for a login, and the next good answer ends that', async () => {
  const login = renderHook(() => useLoginNeeded());
  expect(login.result.current).toBe(false);
  answer(401, { detail: 'a token is needed' });
  await expect(setEnabled('CH_1', false)).rejects.toThrow('a token is needed');
  login.rerender();
  expect(login.result.current).toBe(true);
  answer(201, {});
  await createChannel({ channel_code: 'CH_1' });
  login.rerender();
  expect(login.result.current).toBe(false);
});

test('a channel that somebody changed since is an error of its own', async () => {
  answer(412, { detail: 'it was changed since you read it (version 3 now); read it again' });
  await expect(changeChannel('CH_1', { tier: 1 }, '"2"')).rejects.toBeInstanceOf(ChangedError);
});
