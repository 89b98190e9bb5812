import { Checkbox } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useUnacknowledge } from '../api/alertActions';
import { exporterUrl } from '../api/client';
import type { Alert } from '../api/types';
import { runbookOf } from '../channel/runbook';
import { rememberedName } from '../people/name';
import { Mark } from '../severity/Mark';
import { isSeverity } from '../severity/severity';
import { Ago, useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { age } from '../time/duration';

export interface Selection {
  ids: Set<number>;
  onChange: (ids: Set<number>) => void;
}

/** Alerts, with who acknowledged them. With a selection, firing alerts can be selected. */
export function AlertTable({ alerts, selection }: { alerts: Alert[]; selection?: Selection }) {
  const { t } = useTranslation();
  const firing = alerts.filter((alert) => alert.status === 'firing').map((alert) => alert.id);
  const isAll = firing.length > 0 && firing.every((id) => selection?.ids.has(id));
  return (
    <div className="scroll">
      <table className="alerts">
        <thead>
          <tr>
            {selection && (
              <th scope="col">
                <Checkbox
                  size="xs"
                  aria-label={t('alerts.selectAll')}
                  checked={isAll}
                  disabled={firing.length === 0}
                  onChange={() => selection.onChange(new Set(isAll ? [] : firing))}
                />
              </th>
            )}
            <th scope="col">{t('filter.severity')}</th>
            <th scope="col">{t('alerts.name')}</th>
            <th scope="col">{t('column.code')}</th>
            <th scope="col">{t('alerts.summary')}</th>
            <th scope="col">{t('alerts.since')}</th>
            <th scope="col">{t('alerts.acknowledged')}</th>
          </tr>
        </thead>
        <tbody>
          {alerts.map((alert) => (
            <Row key={alert.id} alert={alert} selection={selection} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ alert, selection }: { alert: Alert; selection: Selection | undefined }) {
  const { t } = useTranslation();
  const toggle = () => {
    const ids = new Set(selection?.ids);
    if (!ids.delete(alert.id)) ids.add(alert.id);
    selection?.onChange(ids);
  };
  return (
    <tr data-status={alert.status}>
      {selection && (
        <td>
          {alert.status === 'firing' && (
            <Checkbox
              size="xs"
              aria-label={t('alerts.select', { name: alert.alertname, channel: alert.channel ?? '–' })}
              checked={selection.ids.has(alert.id)}
              onChange={toggle}
            />
          )}
        </td>
      )}
      <td>{isSeverity(alert.severity) ? <Mark level={alert.severity} /> : alert.severity}</td>
      <td>
        <a href={runbookOf(alert, exporterUrl)} target="_blank" rel="noreferrer" title={t('channel.runbook')}>
          {alert.alertname}
        </a>
      </td>
      <td>{alert.channel && <Link href={`/channels/${encodeURIComponent(alert.channel)}`}>{alert.channel}</Link>}</td>
      <td>{alert.summary ?? alert.description}</td>
      <td>
        <Ago at={alert.starts_at} />
      </td>
      <td>
        <Acknowledged alert={alert} />
      </td>
    </tr>
  );
}

function Acknowledged({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const now = useNow();
  const duration = useDuration();
  if (alert.status !== 'acknowledged') return null;
  const time = duration(age(alert.acknowledged_at, now) ?? 0);
  return (
    <>
      {t('alerts.by', { by: alert.acknowledged_by ?? '–', time })}
      {alert.silence_id && ` · ${t('alerts.silenced')}`}
      {alert.comment && <div className="comment">{alert.comment}</div>}
      <TakeBack alert={alert} />
    </>
  );
}

/** Takes the acknowledgement of one alert back. */
function TakeBack({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const undo = useUnacknowledge();
  const refused = undo.data?.refused[0];
  return (
    <div>
      <button
        type="button"
        className="link"
        disabled={undo.isPending}
        aria-label={t('undo.one', { name: alert.alertname, channel: alert.channel ?? '–' })}
        onClick={() => undo.mutate({ alerts: [alert], by: rememberedName().trim() || null })}
      >
        {t('undo.undo')}
      </button>
      {(undo.error || refused) && <span role="alert"> {undo.error?.message ?? refused?.detail}</span>}
    </div>
  );
}
