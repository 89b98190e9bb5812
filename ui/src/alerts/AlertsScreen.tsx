import { Button, NativeSelect } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAlerts, useSummary } from '../api/queries';
import type { AlertsDone } from '../api/types';
import { ErrorBox } from '../frame/ErrorBox';
import { SearchBox } from '../frame/SearchBox';
import { useQueryString } from '../frame/useQueryString';
import { isSeverity } from '../severity/severity';
import { AcknowledgeDialog } from './AcknowledgeDialog';
import { AlertTable } from './AlertTable';
import {
  type AlertFilters,
  alertOrder,
  alertPasses,
  readAlertFilters,
  withoutWatchdog,
  writeAlertFilters,
} from './alerts';
import { Undo } from './Undo';

/** Active alerts, what nobody acknowledged on top; several can be acknowledged at once. */
export function AlertsScreen() {
  const { t } = useTranslation();
  const summary = useSummary();
  const alerts = useAlerts();
  const [query, setQuery] = useQueryString();
  const filters = useMemo(() => readAlertFilters(query), [query]);
  const [selected, setSelected] = useState<Set<number>>(new Set());
  const [isOpen, setOpen] = useState(false);
  // What this person acknowledged last, for as long as it can be the wrong one.
  const [last, setLast] = useState<AlertsDone | null>(null);
  const all = useMemo(() => withoutWatchdog(alerts.data ?? []).sort(alertOrder), [alerts.data]);
  if (summary.data && !summary.data.has_database) return <p className="empty">{t('alerts.noDatabase')}</p>;
  if (!alerts.data) {
    return alerts.error ? <ErrorBox error={alerts.error} onRetry={() => void alerts.refetch()} /> : null;
  }
  const rows = all.filter((alert) => alertPasses(filters, alert));
  // An alert that ended or that another person acknowledged is no longer selected.
  const ids = rows.filter((alert) => alert.status === 'firing' && selected.has(alert.id)).map((alert) => alert.id);
  return (
    <section aria-label={t('nav.alerts')}>
      <AlertFilterBar
        filters={filters}
        severities={severities(all)}
        onChange={(next) => setQuery(writeAlertFilters(next))}
      />
      <p className="actions">
        <Button size="xs" data-acknowledge disabled={ids.length === 0} onClick={() => setOpen(true)}>
          {ids.length === 0 ? t('alerts.acknowledge') : t('alerts.acknowledgeCount', { count: ids.length })}
        </Button>
      </p>
      {last && <Undo done={last} alerts={all} onClose={() => setLast(null)} />}
      {rows.length === 0 ? (
        <p className="empty">{all.length === 0 ? t('alerts.none') : t('alerts.noMatch')}</p>
      ) : (
        <AlertTable alerts={rows} selection={{ ids: new Set(ids), onChange: setSelected }} />
      )}
      <AcknowledgeDialog
        ids={ids}
        isOpen={isOpen}
        silences={summary.data?.has_alertmanager ?? false}
        onClose={() => setOpen(false)}
        onDone={setLast}
      />
    </section>
  );
}

/** Severities of the alerts with their numbers, the worst first. */
function severities(alerts: { severity: string | null }[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { severity } of alerts) if (severity) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  return [...counts];
}

interface FilterBarProps {
  filters: AlertFilters;
  severities: [string, number][];
  onChange: (filters: AlertFilters) => void;
}

function AlertFilterBar({ filters, severities, onChange }: FilterBarProps) {
  const { t } = useTranslation();
  const all = { value: '', label: t('filter.all') };
  const word = (severity: string) => (isSeverity(severity) ? t(`level.${severity}`) : severity);
  return (
    <search className="filters">
      <SearchBox value={filters.q} onChange={(q) => onChange({ ...filters, q })} />
      <NativeSelect
        size="xs"
        label={t('filter.severity')}
        value={filters.severity}
        onChange={(event) => onChange({ ...filters, severity: event.currentTarget.value })}
        data={[all, ...severities.map(([value, count]) => ({ value, label: `${word(value)} (${count})` }))]}
      />
      <NativeSelect
        size="xs"
        label={t('alerts.status')}
        value={filters.status}
        onChange={(event) => onChange({ ...filters, status: event.currentTarget.value })}
        data={[
          all,
          { value: 'firing', label: t('alerts.status.firing') },
          { value: 'acknowledged', label: t('alerts.status.acknowledged') },
        ]}
      />
    </search>
  );
}
