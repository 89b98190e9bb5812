import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useResolve } from '../api/alertActions';
import { useAlertHistory } from '../api/queries';
import type { Alert } from '../api/types';
import { ErrorBox } from '../frame/ErrorBox';
import { NameField } from '../people/NameField';
import { rememberedName, rememberName } from '../people/name';
import { usePermission } from '../people/usePermission';
import { fullTime } from '../time/duration';

interface Props {
  /** The alert that is open; `null` for none. */
  alert: Alert | null;
  onClose: () => void;
}

/** What happened to an alert, and its end by hand. */
export function AlertDialog({ alert, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={alert !== null}
      onClose={onClose}
      size="lg"
      title={alert ? `${alert.alertname} ${alert.channel ?? ''}`.trim() : ''}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      {alert && (
        <>
          <p>{alert.description ?? alert.summary}</p>
          <History id={alert.id} />
          <Resolve id={alert.id} onDone={onClose} />
        </>
      )}
    </Modal>
  );
}

function History({ id }: { id: number }) {
  const { t } = useTranslation();
  const history = useAlertHistory(id);
  if (history.error && !history.data) {
    return <ErrorBox error={history.error} onRetry={() => void history.refetch()} />;
  }
  return (
    <ul className="not-run">
      {history.data?.map((event) => (
        <li key={`${event.at} ${event.event}`}>
          {fullTime(event.at)} · <strong>{t(`alerts.event.${event.event}`)}</strong>
          {event.by && ` · ${event.by}`}
          {(event.comment ?? (event.event === 'text_changed' ? event.summary : null)) && (
            <div className="comment">{event.comment ?? event.summary}</div>
          )}
        </li>
      ))}
    </ul>
  );
}

function Resolve({ id, onDone }: { id: number; onDone: () => void }) {
  const { t } = useTranslation();
  const operate = usePermission('operate');
  const resolve = useResolve(id);
  const [by, setBy] = useState(rememberedName);
  const send = () => {
    rememberName(by);
    resolve.mutate(by.trim() || null, { onSuccess: onDone });
  };
  return (
    <>
      <NameField value={by} onChange={setBy} />
      <p>{t('alerts.resolveHelp')}</p>
      {operate.why && <p className="empty">{operate.why}</p>}
      {resolve.error && <p role="alert">{resolve.error.message}</p>}
      <p className="actions">
        <Button variant="default" disabled={!operate.isAllowed} loading={resolve.isPending} onClick={send}>
          {t('alerts.resolve')}
        </Button>
      </p>
    </>
  );
}
