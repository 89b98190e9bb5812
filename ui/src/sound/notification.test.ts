import { expect, test } from 'vitest';
import { channel } from '../testing';
import { namesOf, worsenedChannels } from './notification';

test('one notification names what a burst made worse, the worst first, and counts the rest', () => {
  const before = new Map(['A', 'B', 'C', 'D', 'E'].map((code) => [code, channel({ code })]));
  before.set('E', channel({ code: 'E', state: 'down', severity: 'critical' }));
  const changes = [
    channel({ code: 'A', state: 'degraded', severity: 'minor' }),
    channel({ code: 'B', state: 'down', severity: 'critical' }),
    channel({ code: 'C', state: 'degraded', severity: 'major' }),
    channel({ code: 'D', state: 'up', severity: 'warning' }),
    channel({ code: 'E', state: 'degraded', severity: 'major' }),
    // It was never seen before.
    channel({ code: 'F', state: 'down', severity: 'critical' }),
  ];
  const worse = worsenedChannels(changes, before);
  expect(worse.map((one) => one.code)).toEqual(['B', 'C', 'A']);
  expect(namesOf([...worse, channel({ code: 'G' })])).toEqual({ names: 'B, C, A', more: 1 });
  expect(worsenedChannels([changes[1], channel({ code: 'B' })] as never, before)).toEqual([]);
});
