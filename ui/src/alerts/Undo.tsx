import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useUnacknowledge } from '../api/alertActions';
import type { Alert, AlertsDone } from '../api/types';
import { rememberedName } from '../people/name';
import { usePermission } from '../people/usePermission';
import { namesOfAlerts, stillMeant } from './undo';

interface Props {
  /** What this person's last request did. */
  done: AlertsDone;
  /** The active alerts now. */
  alerts: Alert[];
  onClose: () => void;
}

/** Says what was acknowledged last, and takes exactly that back: a tired person acknowledges the wrong one. */
export function Undo({ done, alerts, onClose }: Props) {
  const { t } = useTranslation();
  const undo = useUnacknowledge();
  const operate = usePermission('operate');
  // Alerts that ended or that another person took back need nothing.
  const left = stillMeant(done.alerts, alerts);
  const { unchanged } = done;
  const refused = undo.data?.refused[0];
  if (left.length === 0 && unchanged.length === 0 && !refused) return null;
  return (
    <div className="undo" role="status">
      {left.length > 0 && t('undo.done', { count: left.length, names: namesOfAlerts(left) })}
      {unchanged.length > 0 && (
        <span>
          {t('undo.unchanged', {
            count: unchanged.length,
            by: unchanged[0]?.acknowledged_by ?? '–',
            names: namesOfAlerts(unchanged),
          })}
        </span>
      )}
      {left.length > 0 && (
        <Button
          size="xs"
          variant="default"
          disabled={!operate.isAllowed}
          title={operate.why}
          loading={undo.isPending}
          onClick={() => undo.mutate({ alerts: left, by: rememberedName().trim() || null })}
        >
          {t('undo.undo')}
        </Button>
      )}
      <Button size="xs" variant="default" onClick={onClose}>
        {t('keys.close')}
      </Button>
      {(undo.error || refused) && <span role="alert">{undo.error?.message ?? refused?.detail}</span>}
    </div>
  );
}
