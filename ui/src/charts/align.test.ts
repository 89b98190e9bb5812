import { expect, test } from 'vitest';
import type { Series } from '../api/types';
import { align, extent, lineOfChannel, linesOf } from './align';

const series = (changes: Partial<Series>): Series => ({
  channel: 'CH_1',
  metric: 'bitrate',
  source: 'memory',
  why: null,
  step: null,
  times: [10, 20, 30],
  lines: [],
  thresholds: {},
  ...changes,
});

test('a value that was not measured stays a gap, and a time of another line is none', () => {
  const data = align([
    { label: 'a', times: [10, 20, 30], values: [1, null, 3] },
    { label: 'b', times: [15, 30], values: [5, 6] },
  ]);
  expect(data).toEqual([
    [10, 15, 20, 30],
    [1, undefined, null, 3],
    [undefined, 5, undefined, 6],
  ]);
});

test('renditions of one output have their own names, those of several name the output', () => {
  const line = (output: string, rendition: string) => ({ output, rendition, values: [1, 2, 3] });
  const labels = (lines: Series['lines']) => linesOf(series({ lines })).map((one) => one.label);
  expect(labels([line('hls', '720p'), line('hls', '1080p')])).toEqual(['720p', '1080p']);
  expect(labels([line('hls', '720p'), line('dash', '')])).toEqual(['hls · 720p', 'dash']);
  expect(labels([line('', '')])).toEqual(['CH_1']);
});

test('a channel among others is its largest bit rate and its lowest score', () => {
  const lines = [
    { output: 'hls', rendition: 'a', values: [1, null, null] },
    { output: 'hls', rendition: 'b', values: [2, 4, null] },
  ];
  expect(lineOfChannel(series({ lines })).values).toEqual([2, 4, null]);
  expect(lineOfChannel(series({ lines, metric: 'mos' })).values).toEqual([1, 4, null]);
  expect(lineOfChannel(series({ lines, metric: 'loudness' })).values).toEqual([1, null, null]);
});

test('the extent of a line knows measured values only', () => {
  expect(extent([null, 3, undefined, 1, null])).toEqual({ low: 1, high: 3, last: 1 });
  expect(extent([null, undefined])).toBeNull();
});
