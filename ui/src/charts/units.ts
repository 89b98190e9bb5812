import type { Series } from '../api/types';
import type { Band } from './Plot';

/** The text of a value of a metric, with its unit. */
export function formatOf(metric: Series['metric']): (value: number) => string {
  switch (metric) {
    case 'bitrate':
      return (value) => `${(value / 1e6).toFixed(2)} Mbit/s`;
    case 'latency':
      return (value) => `${value.toFixed(1)} s`;
    case 'loudness':
      return (value) => `${value.toFixed(1)} LUFS`;
    case 'mos':
    case 'download_ratio':
      return (value) => value.toFixed(2);
  }
}

/** The range that the template wants of a metric; `null` when it wants none. */
export function bandOf(series: Series | undefined): Band | null {
  if (!series) return null;
  const { min_mos, loudness_target, loudness_tolerance } = series.thresholds;
  if (series.metric === 'mos' && min_mos !== undefined) return { low: min_mos, high: 5 };
  if (series.metric === 'loudness' && loudness_target !== undefined) {
    const tolerance = loudness_tolerance ?? 0;
    return { low: loudness_target - tolerance, high: loudness_target + tolerance };
  }
  // Above 1 a segment takes longer to download than to play.
  return series.metric === 'download_ratio' ? { low: 0, high: 1 } : null;
}
