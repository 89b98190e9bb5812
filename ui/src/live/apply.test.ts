import { expect, test } from 'vitest';
import type { ChannelStatuses } from '../api/types';
import { channel } from '../testing';
import { applyStates } from './apply';

const statuses: ChannelStatuses = { source: 'memory', channels: [channel({ code: 'A' }), channel({ code: 'B' })] };
const probed = (started_at: string) => ({ started_at, duration_seconds: 1 });

test('an event replaces its channel and leaves the others', () => {
  const down = channel({ code: 'B', state: 'down', last_probe: probed('2026-01-31T18:00:15Z') });
  const after = applyStates(statuses, [down]);
  expect(after.channels.map((c) => c.state)).toEqual(['up', 'down']);
  expect(after.channels[0]).toBe(statuses.channels[0]);
});

test('of several events of a channel the last counts, and one that is older than the state changes nothing', () => {
  const at = (seconds: number) => probed(`2026-01-31T18:00:${seconds}Z`);
  const down = channel({ code: 'A', state: 'down', last_probe: at(15) });
  const up = channel({ code: 'A', state: 'up', last_probe: at(30) });
  expect(applyStates(statuses, [down, up]).channels[0]).toBe(up);
  expect(applyStates(statuses, [up, down]).channels[0]).toBe(up);
  const old = channel({ code: 'B', state: 'down', last_probe: probed('2026-01-31T17:59:45Z') });
  expect(applyStates(statuses, [old]).channels[1]?.state).toBe('up');
});

test('a channel that was created since is added', () => {
  expect(applyStates(statuses, [channel({ code: 'C' })]).channels.map((c) => c.code)).toEqual(['A', 'B', 'C']);
});
