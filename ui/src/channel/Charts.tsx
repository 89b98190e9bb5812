import { NativeSelect } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSeries } from '../api/queries';
import type { Metric } from '../api/types';
import { linesOf } from '../charts/align';
import { Chart } from '../charts/Chart';
import { RANGES, useRangeName } from '../charts/ranges';
import { bandOf, formatOf } from '../charts/units';
import { ErrorBox } from '../frame/ErrorBox';

const METRICS: Metric[] = ['bitrate', 'latency', 'download_ratio', 'loudness', 'mos'];

/** What the last probes measured, on one cursor. */
export function Charts({ code }: { code: string }) {
  const { t } = useTranslation();
  const rangeName = useRangeName();
  const [range, setRange] = useState(3600);
  return (
    <section aria-label={t('channel.charts')}>
      <div className="charts-head">
        <h3>{t('channel.charts')}</h3>
        <NativeSelect
          size="xs"
          aria-label={t('chart.range')}
          value={String(range)}
          onChange={(event) => setRange(Number(event.currentTarget.value))}
          data={RANGES.map((seconds) => ({ value: String(seconds), label: rangeName(seconds) }))}
        />
      </div>
      <div className="charts">
        {METRICS.map((metric) => (
          <OneChart key={metric} code={code} metric={metric} range={range} />
        ))}
      </div>
    </section>
  );
}

function OneChart({ code, metric, range }: { code: string; metric: Metric; range: number }) {
  const { t } = useTranslation();
  const series = useSeries(code, metric, range);
  const lines = useMemo(() => (series.data ? linesOf(series.data) : []), [series.data]);
  if (!series.data) {
    return series.error ? <ErrorBox error={series.error} onRetry={() => void series.refetch()} /> : null;
  }
  return (
    <Chart
      title={t(`metric.${metric}`)}
      lines={lines}
      format={formatOf(metric)}
      syncKey={code}
      band={bandOf(series.data)}
      note={`${t(`chart.source.${series.data.source}`)}${series.data.why ? ` ${series.data.why}` : ''}`}
    />
  );
}
