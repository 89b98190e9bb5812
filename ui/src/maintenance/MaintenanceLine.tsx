import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useEndMaintenance, useMaintenances } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { maintenanceOf } from './maintenance';

/** Says that a channel is in maintenance, who said so and until when, and ends it. */
export function MaintenanceLine({ status }: { status: Pick<ChannelStatus, 'code' | 'packager'> }) {
  const { t } = useTranslation();
  const now = useNow();
  const duration = useDuration();
  const end = useEndMaintenance();
  const maintenance = maintenanceOf(status, useMaintenances().data, now);
  if (!maintenance) return null;
  const { created_by: by, comment, packager } = maintenance;
  const time = duration((Date.parse(maintenance.ends_at) - now) / 1000);
  return (
    <p className="undo">
      <strong>{t('maintenance.mark')}</strong>
      {packager ? t('maintenance.ofPackager', { packager, by, time }) : t('maintenance.ofChannel', { by, time })}
      <em>{comment}</em>
      <Button size="xs" variant="default" loading={end.isPending} onClick={() => end.mutate(status.code)}>
        {t('maintenance.end')}
      </Button>
      {end.error && <span role="alert">{end.error.message}</span>}
    </p>
  );
}
