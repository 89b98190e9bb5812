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

/** Lowest, highest and last measured value of a line; `null` when nothing was measured. */
export function extent(values: (number | null | undefined)[]): { low: number; high: number; last: number } | null {
  const measured = values.filter((value) => value != null);
  const last = measured.at(-1);
  if (last === undefined) return null;
  return { low: Math.min(...measured), high: Math.max(...measured), last };
}
