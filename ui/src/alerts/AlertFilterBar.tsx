import { Button, Checkbox, NativeSelect } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import { SearchBox } from '../frame/SearchBox';
import { isSeverity } from '../severity/severity';
import { type AlertFilters, readAlertFilters, withChosen, writeAlertFilters } from './alerts';

/** Severities of the alerts with their numbers, the worst first. */
function severities(alerts: Alert[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { severity } of alerts) if (severity) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  return counts;
}

interface Props {
  filters: AlertFilters;
  /** All alerts, whatever the filters are. */
  alerts: Alert[];
  onChange: (filters: AlertFilters) => void;
}

/** Filters of the alerts. They stand in the URL, so that a link shows the same rows. */
export function AlertFilterBar({ filters, alerts, onChange }: Props) {
  const { t } = useTranslation();
  const counts = useMemo(() => severities(alerts), [alerts]);
  const values = withChosen([...counts.keys()], filters.severity);
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
        data={[all, ...values.map((value) => ({ value, label: `${word(value)} (${counts.get(value) ?? 0})` }))]}
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
      <Checkbox
        size="xs"
        label={t('alerts.loud')}
        checked={filters.loud !== ''}
        onChange={(event) => onChange({ ...filters, loud: event.currentTarget.checked ? 'true' : '' })}
      />
      {writeAlertFilters(filters) !== '' && (
        <Button size="xs" variant="default" onClick={() => onChange(readAlertFilters(''))}>
          {t('filter.clear')}
        </Button>
      )}
    </search>
  );
}
