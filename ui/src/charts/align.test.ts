import { expect, test } from 'vitest';
import type { Series } from '../api/types';
import { align, extent, lineOfChannel, linesOf, presentValue, timeRange } from './align';

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
  expect(extent([null, 3, undefined, 1, null])).toEqual({ low: 1, high: 3 });
  expect(extent([null, undefined])).toBeNull();
});

test('the last value of a line is shown only while it is of the present', () => {
  const line = { label: 'a', times: [1000, 1015, 1030], values: [1, 2, null] };
  expect([presentValue(line, 1030), presentValue(line, 1135), presentValue(line, 1136)]).toEqual([2, 2, null]);
  const slow = { label: 'a', times: [1000, 1300, 1600], values: [1, 2, 3] };
  expect([presentValue(slow, 2500), presentValue(slow, 2501)]).toEqual([3, null]);
  expect(presentValue({ label: 'a', times: [1000], values: [null] }, 1000)).toBeNull();
});

test('the axis runs until now, and stays where a person zoomed', () => {
  const times = [1000, 2000, 3000];
  expect(timeRange(times, 1000, 3000, 9000)).toEqual({ range: [1000, 9000], isZoomed: false });
  expect(timeRange(times, 1500, 2500, 9000)).toEqual({ range: [1500, 2500], isZoomed: true });
  expect(timeRange(times, 1500, 1510, 9000).range).toEqual([1450, 1510]);
});
