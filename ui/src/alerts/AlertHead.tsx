import { Checkbox } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import type { Selection } from './AlertCells';

interface Props {
  alerts: Alert[];
  selection?: Selection;
  hasActions?: boolean;
}

/** The head of a table of alerts. With a selection, it selects every firing alert. */
export function AlertHead({ alerts, selection, hasActions = false }: Props) {
  const { t } = useTranslation();
  const firing = alerts.filter((alert) => alert.status === 'firing').map((alert) => alert.id);
  const isAll = firing.length > 0 && firing.every((id) => selection?.ids.has(id));
  return (
    <thead>
      <tr>
        {selection && (
          <th scope="col" className="alert-select">
            <Checkbox
              size="xs"
              aria-label={t('alerts.selectAll')}
              checked={isAll}
              disabled={firing.length === 0}
              onChange={() => selection.onChange(new Set(isAll ? [] : firing))}
            />
          </th>
        )}
        <th scope="col" className="alert-severity">
          {t('filter.severity')}
        </th>
        <th scope="col" className="alert-name">
          {t('alerts.name')}
        </th>
        <th scope="col" className="alert-channel">
          {t('column.code')}
        </th>
        <th scope="col">{t('alerts.summary')}</th>
        <th scope="col" className="alert-since">
          {t('alerts.since')}
        </th>
        <th scope="col" className="alert-acknowledged">
          {t('alerts.acknowledged')}
        </th>
        {hasActions && (
          <th scope="col" className="alert-menu">
            {t('column.menu')}
          </th>
        )}
      </tr>
    </thead>
  );
}
