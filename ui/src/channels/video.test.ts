import { expect, test } from 'vitest';
import { codecFamily, differs } from './video';

test('a codec is the same however people and streams write it', () => {
  expect(new Set(['H.264', 'h264', 'AVC', 'avc1.640028', 'avc3.64001f'].map(codecFamily))).toEqual(new Set(['h264']));
  expect(new Set(['HEVC', 'H.265', 'hvc1.2.4.L153.B0', 'hev1'].map(codecFamily))).toEqual(new Set(['h265']));
  expect([codecFamily('AV1'), codecFamily('av01.0.08M.08')]).toEqual(['av1', 'av1']);
});

test('only two known values can differ', () => {
  expect(differs({ declared: 'HEVC', measured: 'avc1.640028' })).toBe(true);
  expect(differs({ declared: '1920x1080', measured: '1280x720' })).toBe(true);
  expect(differs({ declared: '1920x1080', measured: '1920x1080' })).toBe(false);
  expect(differs({ declared: null, measured: 'avc1' }) || differs({ declared: 'HEVC', measured: null })).toBe(false);
});
