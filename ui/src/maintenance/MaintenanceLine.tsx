import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useEndMaintenance, useMaintenances } from '../api/queries';
import type { ChannelStatus, Maintenance } from '../api/types';
import { usePermission } from '../people/usePermission';
import { useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { isInForce, maintenancesOf } from './maintenance';

/** Says that a channel is in maintenance or will be, who said so and until when. Each maintenance is ended by itself. */
export function MaintenanceLine({ status }: { status: Pick<ChannelStatus, 'code' | 'packager'> }) {
  const now = useNow();
  const own = maintenancesOf(status, useMaintenances().data, now);
  return own.map((maintenance) => <Line key={maintenance.id} maintenance={maintenance} now={now} />);
}

function Line({ maintenance, now }: { maintenance: Maintenance; now: number }) {
  const { t } = useTranslation();
  const duration = useDuration();
  const end = useEndMaintenance();
  const operate = usePermission('operate');
  const { id, created_by: by, comment, packager } = maintenance;
  const isNow = isInForce(maintenance, now);
  const time = duration((Date.parse(isNow ? maintenance.ends_at : maintenance.starts_at) - now) / 1000);
  const until = () => {
    if (packager) return t(isNow ? 'maintenance.ofPackager' : 'maintenance.beginsPackager', { packager, by, time });
    return t(isNow ? 'maintenance.ofChannel' : 'maintenance.begins', { by, time });
  };
  const action = () => {
    if (packager) return t(isNow ? 'maintenance.endPackager' : 'maintenance.cancelPackager', { packager });
    return t(isNow ? 'maintenance.end' : 'maintenance.cancel');
  };
  return (
    <p className="undo">
      <strong>{t(isNow ? 'maintenance.mark' : 'maintenance.planned')}</strong>
      {until()}
      <em>{comment}</em>
      <Button
        size="xs"
        variant="default"
        disabled={!operate.isAllowed}
        title={operate.why}
        loading={end.isPending}
        onClick={() => end.mutate(id)}
      >
        {action()}
      </Button>
      {end.error && <span role="alert">{end.error.message}</span>}
    </p>
  );
}
