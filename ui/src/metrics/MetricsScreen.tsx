import { Button, NativeSelect, TextInput } from '@mantine/core';
import { type UseQueryResult, useQueries } from '@tanstack/react-query';
import { type FormEvent, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { seriesQuery, useStatuses } from '../api/queries';
import type { ChannelStatus, Metric, Series } from '../api/types';
import { searchedName } from '../channels/filters';
import { lineOfChannel } from '../charts/align';
import { Chart } from '../charts/Chart';
import { RANGES, useRangeName } from '../charts/ranges';
import { bandOf, formatOf } from '../charts/units';
import { ErrorBox } from '../frame/ErrorBox';
import { useQueryString } from '../frame/useQueryString';
import { isFound } from '../search/search';
import { worstFirst } from '../severity/severity';
import { MAX_CHANNELS, type MetricsSelection, readSelection, writeSelection } from './selection';

const METRICS: Metric[] = ['mos', 'loudness', 'bitrate'];

/** Trends of up to six channels next to each other. The channels stand in the URL. */
export function MetricsScreen() {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const rangeName = useRangeName();
  const [query, setQuery] = useQueryString();
  const selection = useMemo(() => readSelection(query), [query]);
  const change = (next: Partial<MetricsSelection>) => setQuery(writeSelection({ ...selection, ...next }));
  const { codes, range } = selection;
  if (!statuses.data) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{t('channels.loading')}</p>;
  }
  return (
    <section aria-label={t('nav.metrics')}>
      <div className="filters">
        <AddChannel
          channels={statuses.data.channels}
          codes={codes}
          onAdd={(code) => change({ codes: [...codes, code] })}
        />
        <NativeSelect
          size="xs"
          label={t('chart.range')}
          value={String(range)}
          onChange={(event) => change({ range: Number(event.currentTarget.value) })}
          data={RANGES.map((seconds) => ({ value: String(seconds), label: rangeName(seconds) }))}
        />
      </div>
      <ul className="chosen">
        {codes.map((code) => (
          <li key={code}>
            <Link href={`/channels/${encodeURIComponent(code)}`}>{code}</Link>
            <button
              type="button"
              aria-label={t('metrics.remove', { code })}
              onClick={() => change({ codes: codes.filter((other) => other !== code) })}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      {codes.length === 0 ? (
        <p className="empty">{t('metrics.none')}</p>
      ) : (
        METRICS.map((metric) => <Trend key={metric} metric={metric} codes={codes} range={range} />)
      )}
    </section>
  );
}

interface AddProps {
  channels: ChannelStatus[];
  codes: string[];
  onAdd: (code: string) => void;
}

/** A field that completes the codes of channels, the worst channels first. */
function AddChannel({ channels, codes, onAdd }: AddProps) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const isFull = codes.length >= MAX_CHANNELS;
  const word = text.trim();
  const matches = useMemo(
    () =>
      channels
        .filter((channel) => isFound(word, searchedName(channel)))
        .filter((channel) => !codes.includes(channel.code))
        .sort(worstFirst),
    [channels, codes, word],
  );
  const exact = matches.find((channel) => channel.code.toLowerCase() === word.toLowerCase());
  const chosen = exact ?? (word !== '' && matches.length === 1 ? matches[0] : undefined);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!chosen || isFull) return;
    onAdd(chosen.code);
    setText('');
  };
  return (
    <form className="filters" onSubmit={submit}>
      <TextInput
        size="xs"
        label={t('metrics.channel')}
        description={isFull ? t('metrics.full', { count: MAX_CHANNELS }) : undefined}
        list="metrics-channels"
        value={text}
        disabled={isFull}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <datalist id="metrics-channels">
        {matches.slice(0, 50).map((channel) => (
          <option key={channel.code} value={channel.code}>
            {channel.name}
          </option>
        ))}
      </datalist>
      <Button size="xs" type="submit" disabled={!chosen || isFull}>
        {t('metrics.add')}
      </Button>
    </form>
  );
}

/** What became of the question for each channel. One that is not known must not hide the others. */
function answersOf(answers: UseQueryResult<Series>[]): { data: Series | undefined; why: string | null }[] {
  return answers.map(({ data, error }) => ({ data, why: error && !data ? error.message : null }));
}

function Trend({ metric, codes, range }: { metric: Metric; codes: string[]; range: number }) {
  const { t } = useTranslation();
  const answers = useQueries({ queries: codes.map((code) => seriesQuery(code, metric, range)), combine: answersOf });
  const series = useMemo(() => answers.flatMap(({ data }) => (data ? [data] : [])), [answers]);
  const lines = useMemo(() => series.map(lineOfChannel), [series]);
  const bands = series.map(bandOf).filter((band) => band !== null);
  // Channels of several templates have no range in common.
  const isCommon =
    bands.length === series.length && new Set(bands.map((band) => `${band.low} ${band.high}`)).size === 1;
  const source = series[0]?.source;
  return (
    <>
      <Chart
        title={t(`metric.${metric}`)}
        lines={lines}
        format={formatOf(metric)}
        syncKey="metrics"
        band={isCommon ? (bands[0] ?? null) : null}
        {...(source && { note: t(`chart.source.${source}`) })}
      />
      {answers.map(
        ({ why }, index) =>
          why !== null && (
            <p key={codes[index]} role="alert">
              {codes[index]}: {why}
            </p>
          ),
      )}
    </>
  );
}
