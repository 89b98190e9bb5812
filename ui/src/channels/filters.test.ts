import { expect, test } from 'vitest';
import { channel, failed } from '../testing';
import { FILTERS, passes, readFilters, valuesOf, writeFilters } from './filters';

const rows = [
  channel({ code: 'CH_TV_HD_001', name: 'Kênh Đà Nẵng', tier: 1 }),
  channel({
    code: 'CH_2',
    tier: 2,
    is_4k: true,
    state: 'down',
    severity: 'critical',
    failed: [failed('manifest_unavailable')],
  }),
  channel({
    code: 'CH_3',
    tier: null,
    state: 'unknown',
    severity: null,
    failed: [failed('ts_pcr_wrong')],
    packager: 'p-2',
  }),
  channel({ code: 'CH_4', state: 'disabled', channel_type: 'VOD', template: 'TPL_4K' }),
];
const selected = (query: string) => rows.filter((row) => passes(readFilters(query), row)).map((row) => row.code);

test('each filter selects what it says', () => {
  expect(selected('')).toHaveLength(4);
  expect(selected('state=down')).toEqual(['CH_2']);
  expect(selected('state=down,unknown')).toEqual(['CH_2', 'CH_3']);
  expect(selected('severity=critical')).toEqual(['CH_2']);
  expect(selected('tier=2')).toEqual(['CH_2']);
  expect(selected('type=VOD')).toEqual(['CH_4']);
  expect(selected('packager=p-2')).toEqual(['CH_3']);
  expect(selected('template=TPL_4K')).toEqual(['CH_4']);
  expect(selected('4k=true')).toEqual(['CH_2']);
  expect(selected('active=true')).toEqual(['CH_TV_HD_001', 'CH_2', 'CH_3']);
  expect(selected('check=manifest_unavailable&tier=2')).toEqual(['CH_2']);
});

test('what failed in an old probe is not found as failing now', () => {
  expect(selected('check=ts_pcr_wrong')).toEqual([]);
});

test('a search needs no accents, in code or name, and all its words', () => {
  for (const q of ['da nang', 'ĐÀ NẴNG', 'kenh 001', '  hd_001 ']) {
    expect(selected(writeFilters({ q })), q).toEqual(['CH_TV_HD_001']);
  }
  expect(selected('q=kenh+002')).toEqual([]);
});

test('a value that can not be is left out and does not hide every channel', () => {
  for (const query of ['state=broken', 'severity=fatal', 'tier=x', '4k=1', 'unknown=1', 'sort=colour']) {
    expect(selected(query), query).toHaveLength(4);
  }
  expect(readFilters('state=down,broken').state).toBe('down');
});

test('a link holds every filter, and reading it gives the same filters', () => {
  const all =
    'q=a+%26+b&state=down%2Cunknown&severity=major&tier=3&type=LIVE&packager=p&template=T&check=c&4k=true&active=true&sort=-since';
  const filters = readFilters(all);
  expect(FILTERS.every((name) => filters[name] !== '')).toBe(true);
  expect(writeFilters(filters)).toBe(all);
  expect(writeFilters(readFilters(''))).toBe('');
});

test('the values of a list come once, in the order of people', () => {
  expect(valuesOf(rows, (row) => [String(row.tier ?? '')])).toEqual(['1', '2']);
  const packagers = ['p-10', 'p-9', 'p-10'].map((packager, i) => channel({ code: String(i), packager }));
  expect(valuesOf(packagers, (row) => [row.packager])).toEqual(['p-9', 'p-10']);
});
