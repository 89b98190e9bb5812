import { Checkbox } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useUnacknowledge } from '../api/alertActions';
import { exporterUrl } from '../api/client';
import type { Alert } from '../api/types';
import { runbookOf } from '../channel/runbook';
import { rememberedName } from '../people/name';
import { usePermission } from '../people/usePermission';
import { Mark } from '../severity/Mark';
import { isSeverity } from '../severity/severity';
import { Ago, useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { age, fullTime } from '../time/duration';
import { isInhibited, isSilenced } from './alerts';

export interface Selection {
  ids: Set<number>;
  onChange: (ids: Set<number>) => void;
}

interface Props {
  alert: Alert;
  name: string | undefined;
  selection?: Selection | undefined;
  onOpen?: ((id: number) => void) | undefined;
  /** Whether the cells are for paper: it says times of day, and has no buttons. */
  isPrinted?: boolean;
}

/** The cells of an alert. With a selection, a firing alert can be selected. */
export function AlertCells({ alert, name, selection, onOpen, isPrinted = false }: Props) {
  const { t } = useTranslation();
  const toggle = () => {
    const ids = new Set(selection?.ids);
    if (!ids.delete(alert.id)) ids.add(alert.id);
    selection?.onChange(ids);
  };
  return (
    <>
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
      <td>
        {alert.channel && <Link href={`/channels/${encodeURIComponent(alert.channel)}`}>{alert.channel}</Link>}
        {name && <div className="url">{name}</div>}
      </td>
      <td>{alert.summary ?? alert.description}</td>
      <td>{isPrinted ? fullTime(alert.starts_at) : <Ago at={alert.starts_at} />}</td>
      <td>
        <Acknowledged alert={alert} isPrinted={isPrinted} />
        <Quiet alert={alert} />
      </td>
      {onOpen && (
        <td>
          <button
            type="button"
            className="link"
            data-open
            aria-label={t('alerts.openOne', { name: alert.alertname, channel: alert.channel ?? '–' })}
            onClick={() => onOpen(alert.id)}
          >
            {t('alerts.open')}
          </button>
        </td>
      )}
    </>
  );
}

function Acknowledged({ alert, isPrinted }: { alert: Alert; isPrinted: boolean }) {
  const { t } = useTranslation();
  const now = useNow();
  const duration = useDuration();
  if (alert.status !== 'acknowledged') return null;
  const by = alert.acknowledged_by ?? '–';
  const time = duration(age(alert.acknowledged_at, now) ?? 0);
  return (
    <>
      {isPrinted ? `${by}, ${fullTime(alert.acknowledged_at ?? '')}` : t('alerts.by', { by, time })}
      {alert.comment && <div className="comment">{alert.comment}</div>}
      {!isPrinted && <TakeBack alert={alert} />}
    </>
  );
}

/** Why nobody is notified of an alert: a silence of this page or of Alertmanager, or another alert. */
function Quiet({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const reasons = [
    ...(isSilenced(alert) ? [t('alerts.silenced')] : []),
    ...(isInhibited(alert) ? [t('alerts.inhibited')] : []),
  ];
  return reasons.map((reason) => (
    <span key={reason} className="tag">
      {reason}
    </span>
  ));
}

/** Takes the acknowledgement of one alert back. */
function TakeBack({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const operate = usePermission('operate');
  const undo = useUnacknowledge();
  const refused = undo.data?.refused[0];
  return (
    <div>
      <button
        type="button"
        className="link"
        disabled={undo.isPending || !operate.isAllowed}
        title={operate.why}
        aria-label={t('undo.one', { name: alert.alertname, channel: alert.channel ?? '–' })}
        onClick={() => undo.mutate({ alerts: [alert], by: rememberedName().trim() || null })}
      >
        {t('undo.undo')}
      </button>
      {(undo.error || refused) && <span role="alert"> {undo.error?.message ?? refused?.detail}</span>}
    </div>
  );
}
