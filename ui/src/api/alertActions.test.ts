// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { inPieces, MAX_ALERTS } from './alertActions';
import { ApiError } from './client';
import type { Alert } from './types';

const ids = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
const changed = (piece: number[]) => ({
  alerts: piece.map((id) => ({ id }) as Alert),
  unchanged: [],
  refused: [],
});

test('more alerts than one request may name are sent in pieces, and the answers are one', async () => {
  const sizes: number[] = [];
  const send = async (piece: number[]) => {
    sizes.push(piece.length);
    return changed(piece);
  };
  const done = await inPieces(ids(1201), (id) => id, send);
  expect(sizes).toEqual([500, 500, 201]);
  expect(done.alerts.map((alert) => alert.id)).toEqual(ids(1201));
  await inPieces(ids(MAX_ALERTS), (id) => id, send);
  expect(sizes).toHaveLength(4);
});

test('what was changed before a request failed can still be taken back', async () => {
  let requests = 0;
  const send = async (piece: number[]) => {
    requests += 1;
    if (requests === 2) throw new ApiError(503, 'the database is away');
    return changed(piece);
  };
  const done = await inPieces(ids(1200), (id) => id, send);
  expect([requests, done.alerts.length, done.refused.length]).toEqual([2, 500, 700]);
  expect(done.refused[0]).toEqual({ id: 501, status: 503, detail: 'the database is away' });
});

test('a first request that fails is an error', async () => {
  const send = () => Promise.reject(new ApiError(403, 'the role is too low'));
  await expect(inPieces(ids(1200), (id) => id, send)).rejects.toThrow('the role is too low');
});
