import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { serverNow } from '../time/clock';
import { clockTime } from '../time/duration';
import { type ChartData, timeRange } from './align';
import { strokeOf } from './colors';

const HEIGHT = 180;

export interface Band {
  low: number;
  high: number;
}

export interface PlotProps {
  data: ChartData;
  labels: string[];
  format: (value: number) => string;
  /** Charts with the same key show the same time under the pointer. */
  syncKey: string;
  /** A range that is wanted, which is drawn behind the lines. */
  band: Band | null;
}

/** A chart of lines by uPlot. This file is loaded when the first chart is shown. */
export default function Plot({ data, labels, format, syncKey, band }: PlotProps) {
  const { ref, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const merged = useMergedRef(ref, place);
  const plot = useRef<uPlot | null>(null);
  const isDark = useComputedColorScheme('dark') === 'dark';
  const key = labels.join('\n');
  const low = band?.low;
  const high = band?.high;
  const isZoomed = useRef(false);
  const latest = useRef({ data, format });
  latest.current = { data, format };

  useEffect(() => {
    if (!place.current || width === 0) return;
    const wanted = low === undefined || high === undefined ? null : { low, high };
    const options = optionsOf(key.split('\n'), width, isDark, syncKey, wanted, {
      format: (value) => latest.current.format(value),
      onZoom: (zoomed) => {
        isZoomed.current = zoomed;
      },
    });
    plot.current = new uPlot(options, latest.current.data as uPlot.AlignedData, place.current);
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [key, width, isDark, syncKey, low, high]);

  useEffect(() => {
    // New values must not take the part away at which somebody looks.
    const keepsRange = isZoomed.current;
    plot.current?.setData(data as uPlot.AlignedData, !keepsRange);
    if (keepsRange) plot.current?.redraw();
  }, [data]);
  return <div ref={merged} style={{ height: HEIGHT }} />;
}

function optionsOf(
  labels: string[],
  width: number,
  isDark: boolean,
  syncKey: string,
  band: Band | null,
  { format, onZoom }: { format: (value: number) => string; onZoom: (isZoomed: boolean) => void },
): uPlot.Options {
  const text = isDark ? '#c7d0d9' : '#3b434c';
  const grid = { stroke: isDark ? '#37404a' : '#d5dae0', width: 1 };
  const axis = { stroke: text, grid, ticks: grid };
  return {
    width,
    height: HEIGHT,
    // The table below the chart is its legend.
    legend: { show: false },
    cursor: { sync: { key: syncKey }, drag: { x: true, y: false } },
    scales: {
      x: {
        range: ({ data }, min, max) => {
          const { range, isZoomed } = timeRange(data[0], min, max, serverNow() / 1000);
          onZoom(isZoomed);
          return range;
        },
      },
      y: { range: (_, min, max) => rangeOf(min, max, band) },
    },
    axes: [
      { ...axis, values: (_, times, __, ___, step) => times.map((time) => timeText(time, step)) },
      { ...axis, size: 88, values: (_, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...labels.map((label, index) => {
        const { color, dash } = strokeOf(index, isDark);
        return { label, stroke: color, dash, width: 2, spanGaps: false, points: { size: 4 } };
      }),
    ],
    hooks: { drawClear: [(plot) => drawBand(plot, band, isDark)] },
  };
}

/** The text of a time on the axis, in 24 hours; `step` is the distance to the next one in seconds. */
function timeText(time: number, step: number): string {
  const date = new Date(time * 1000);
  if (step >= 86_400) return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
  return clockTime(time * 1000, step < 60 ? { second: '2-digit' } : {});
}

/** The range of the axis: the values and the wanted range, with some room. */
function rangeOf(min: number | null, max: number | null, band: Band | null): [number, number] {
  const values = [min, max, band?.low, band?.high].filter((value) => value != null);
  if (values.length === 0) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  // What is never negative doesn't look so.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

function drawBand(plot: uPlot, band: Band | null, isDark: boolean): void {
  if (!band) return;
  const top = plot.valToPos(band.high, 'y', true);
  const bottom = plot.valToPos(band.low, 'y', true);
  const { left, width } = plot.bbox;
  plot.ctx.save();
  plot.ctx.fillStyle = isDark ? 'rgba(0, 158, 115, 0.25)' : 'rgba(0, 158, 115, 0.15)';
  plot.ctx.fillRect(left, top, width, Math.max(bottom - top, 2));
  plot.ctx.restore();
}
