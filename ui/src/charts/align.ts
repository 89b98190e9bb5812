import type { Series } from '../api/types';

/** One line of a chart. `null` is a value that was not measured. */
export interface ChartLine {
  label: string;
  times: number[];
  values: (number | null)[];
}

/** Times in seconds since 1970, and the values of each line at these times, as uPlot takes them. */
export type ChartData = [number[], ...(number | null | undefined)[][]];

/**
 * Lines on one axis of times. At a time that only another line has, a line has `undefined`, over which it is drawn on;
 * `null` stays a gap.
 */
export function align(lines: ChartLine[]): ChartData {
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
  const columns = lines.map((line) => {
    const values = new Map(line.times.map((time, index) => [time, line.values[index] ?? null]));
    return times.map((time) => values.get(time));
  });
  return [times, ...columns];
}

/** The lines of a series: one for each rendition. The output is named when there are several. */
export function linesOf(series: Series): ChartLine[] {
  const outputs = new Set(series.lines.map((line) => line.output));
  return series.lines.map((line) => {
    const parts = outputs.size > 1 || line.rendition === '' ? [line.output, line.rendition] : [line.rendition];
    return { label: parts.filter(Boolean).join(' · ') || series.channel, times: series.times, values: line.values };
  });
}

/** The one line that stands for a channel among others: its largest bit rate, its lowest score, its first sound. */
export function lineOfChannel(series: Series): ChartLine {
  const columns = series.metric === 'loudness' ? series.lines.slice(0, 1) : series.lines;
  const pick = series.metric === 'mos' ? Math.min : Math.max;
  const values = series.times.map((_, index) => {
    const measured = columns.map((line) => line.values[index]).filter((value) => value != null);
    return measured.length > 0 ? pick(...measured) : null;
  });
  return { label: series.channel, times: series.times, values };
}

/** Lowest and highest measured value of a line; `null` when nothing was measured. */
export function extent(values: (number | null | undefined)[]): { low: number; high: number } | null {
  const measured = values.filter((value) => value != null);
  return measured.length === 0 ? null : { low: Math.min(...measured), high: Math.max(...measured) };
}

/** Age in seconds up to which a value is of the present, and the number of steps where these are longer. */
const PRESENT = 120;
const PRESENT_STEPS = 3;

/** The last measured value of a line, if it is of the present: `now` in seconds since 1970. */
export function presentValue({ times, values }: ChartLine, now: number): number | null {
  const last = values.findLastIndex((value) => value !== null);
  const at = times[last];
  if (at === undefined) return null;
  const step = times.length > 1 ? ((times.at(-1) ?? at) - (times[0] ?? at)) / (times.length - 1) : 0;
  return now - at <= Math.max(PRESENT, PRESENT_STEPS * step) ? (values[last] ?? null) : null;
}

/** Shortest time in seconds over which the axis runs. */
const SHORTEST = 60;

/**
 * The range of the axis of times in seconds, and whether a person chose it. All times together run until now: a chart that ends with its
 * last value hides that nothing is measured any more.
 */
export function timeRange(
  times: ArrayLike<number>,
  min: number,
  max: number,
  now: number,
): { range: [number, number]; isZoomed: boolean } {
  const isZoomed = min !== times[0] || max !== times[times.length - 1];
  const end = isZoomed ? max : Math.max(max, now);
  return { range: [Math.min(min, end - SHORTEST), end], isZoomed };
}
