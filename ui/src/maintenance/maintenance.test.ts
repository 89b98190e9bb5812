import { expect, test } from 'vitest';
import type { Maintenance } from '../api/types';
import { maintenanceOf, maintenancesOf } from './maintenance';

const status = { code: 'CH_1', packager: 'packager-01' };
const at = Date.parse('2026-01-31T19:00:00Z');
const one = (id: string, changes: Partial<Maintenance>): Maintenance => ({
  id,
  scope: 'channel',
  channel: null,
  packager: null,
  in_force: true,
  starts_at: '2026-01-31T18:00:00Z',
  ends_at: '2026-01-31T20:00:00Z',
  created_by: 'lan',
  comment: 'encoder',
  ...changes,
});

test('a channel is in maintenance by itself or with its packager, until the later end', () => {
  const all = [
    one('other', { channel: 'CH_2', ends_at: '2026-02-01T00:00:00Z' }),
    one('own', { channel: 'CH_1' }),
    one('packager', { packager: 'packager-01', ends_at: '2026-01-31T21:00:00Z' }),
    one('later', { channel: 'CH_1', starts_at: '2026-01-31T22:00:00Z', ends_at: '2026-02-02T00:00:00Z' }),
  ];
  expect(maintenanceOf(status, all, at)?.id).toBe('packager');
  expect(maintenanceOf(status, all.slice(0, 2), at)?.id).toBe('own');
  expect(maintenanceOf(status, all.slice(0, 1), at)).toBeNull();
  expect(maintenanceOf(status, [one('ended', { channel: 'CH_1', ends_at: '2026-01-31T19:00:00Z' })], at)).toBeNull();
  expect(maintenanceOf({ code: 'A', packager: '' }, all, at)).toBeNull();
  expect(maintenanceOf(status, undefined, at)).toBeNull();
});

test('each maintenance of a channel stands by itself, also one that is planned', () => {
  const all = [
    one('later', { channel: 'CH_1', starts_at: '2026-01-31T22:00:00Z', ends_at: '2026-02-02T00:00:00Z' }),
    one('other', { channel: 'CH_2' }),
    one('ended', { channel: 'CH_1', ends_at: '2026-01-31T19:00:00Z' }),
    one('packager', { packager: 'packager-01', starts_at: '2026-01-31T18:30:00Z' }),
    one('own', { channel: 'CH_1' }),
  ];
  expect(maintenancesOf(status, all, at).map((each) => each.id)).toEqual(['own', 'packager', 'later']);
});
