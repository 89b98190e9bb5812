import { useComputedColorScheme } from '@mantine/core';
import { lazy, Suspense, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { serverNow } from '../time/clock';
import { align, type ChartLine, extent, presentValue } from './align';
import { strokeOf } from './colors';
import type { Band } from './Plot';

const Plot = lazy(() => import('./Plot'));

interface Props {
  title: string;
  lines: ChartLine[];
  format: (value: number) => string;
  syncKey: string;
  band?: Band | null;
  /** Says what the band is. */
  note?: string;
}

/** A chart with its name, and a table of its lines: the legend, and what a screen reader reads. */
export function Chart({ title, lines, format, syncKey, band = null, note }: Props) {
  const { t } = useTranslation();
  const data = useMemo(() => align(lines), [lines]);
  const labels = lines.map((line) => line.label);
  const isEmpty = lines.every((line) => extent(line.values) === null);
  return (
    <figure className="chart">
      <figcaption>
        {title} {note && <small>{note}</small>}
      </figcaption>
      {isEmpty ? (
        <p className="empty">{t('chart.notMeasured')}</p>
      ) : (
        <>
          <Suspense fallback={<div style={{ height: 180 }} />}>
            <Plot data={data} labels={labels} format={format} syncKey={syncKey} band={band} />
          </Suspense>
          <Legend lines={lines} format={format} />
        </>
      )}
    </figure>
  );
}

function Legend({ lines, format }: Pick<Props, 'lines' | 'format'>) {
  const { t } = useTranslation();
  const isDark = useComputedColorScheme('dark') === 'dark';
  return (
    <table className="legend">
      <thead>
        <tr>
          <th scope="col">{t('chart.line')}</th>
          <th scope="col">{t('chart.last')}</th>
          <th scope="col">{t('chart.lowest')}</th>
          <th scope="col">{t('chart.highest')}</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line, index) => {
          const values = extent(line.values);
          const last = presentValue(line, serverNow() / 1000);
          const { color, dash } = strokeOf(index, isDark);
          return (
            <tr key={line.label}>
              <th scope="row">
                <svg width="22" height="8" aria-hidden="true">
                  <line x1="0" x2="22" y1="4" y2="4" stroke={color} strokeWidth="3" strokeDasharray={dash.join(' ')} />
                </svg>{' '}
                {line.label}
              </th>
              {values ? (
                <>
                  <td>{last === null ? '–' : format(last)}</td>
                  <td>{format(values.low)}</td>
                  <td>{format(values.high)}</td>
                </>
              ) : (
                <td colSpan={3}>{t('chart.notMeasured')}</td>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
