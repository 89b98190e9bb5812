import { expect, test } from 'vitest';
import { channel, failed } from '../testing';
import { faultOf } from './fault';

const bad = channel({
  code: 'BAD',
  state: 'down',
  severity: 'critical',
  failed: [failed('a', 'critical'), failed('b')],
});

test('the worst check is compared with the other channels of the same packager', () => {
  const same = channel({ code: 'SAME', failed: [failed('a', 'critical')] });
  const well = channel({ code: 'WELL' });
  const elsewhere = channel({ code: 'ELSE', packager: 'packager-02', failed: [failed('a')] });
  const unprobed = channel({ code: 'OLD', state: 'unknown', failed: [failed('a')] });
  const all = [bad, same, well, elsewhere, unprobed];
  expect(faultOf(bad, all)).toEqual({ kind: 'packager', check: 'a', packager: 'packager-01', count: 1, total: 2 });
  const third = channel({ code: 'THIRD' });
  expect(faultOf(bad, [...all, third])).toMatchObject({ kind: 'some', count: 1, total: 3 });
  expect(faultOf(bad, [bad, well])).toMatchObject({ kind: 'channel', count: 0, total: 1 });
  expect(faultOf(bad, [bad, elsewhere])).toMatchObject({ kind: 'alone', total: 0 });
});

test('a channel without a failed check has no fault', () => {
  expect(faultOf(channel({ code: 'A' }), [])).toBeNull();
  expect(faultOf({ ...bad, state: 'unknown' }, [bad])).toBeNull();
});
