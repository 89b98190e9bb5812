import { expect, test } from 'vitest';
import type { ChannelStatuses } from '../api/types';
import { channel } from '../testing';
import { noteChange, withRecentChanges } from './recent';

const probed = (started_at: string) => ({ started_at, duration_seconds: 1 });
const up = channel({ code: 'A', last_probe: probed('2026-01-31T18:00:00Z') });
const down = channel({ code: 'A', state: 'down', last_probe: probed('2026-01-31T18:00:15Z') });

test('an answer that is older than an event during the read does not undo the event', async () => {
  const answers: ((statuses: ChannelStatuses) => void)[] = [];
  const read = withRecentChanges(() => new Promise((resolve) => answers.push(resolve)));
  noteChange(down);
  answers[0]?.({ source: 'memory', channels: [up] });
  expect((await read).channels).toEqual([down]);
});

test('an event before the read began says nothing about its answer', async () => {
  noteChange(down);
  const read = withRecentChanges(async () => ({ source: 'memory', channels: [up] }));
  expect((await read).channels).toEqual([up]);
});
