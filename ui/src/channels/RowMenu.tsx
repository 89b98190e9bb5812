import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useMaintenances, useProbe, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { CopyCurl } from '../channel/CopyCurl';
import { MaintenanceDialog } from '../maintenance/MaintenanceDialog';
import { MaintenanceLine } from '../maintenance/MaintenanceLine';
import { maintenanceOf } from '../maintenance/maintenance';
import { usePermission } from '../people/usePermission';
import { StateMark } from '../severity/Mark';
import { useNow } from '../time/clock';
import { EnableButton } from './EnableButton';

/** What can be done with a channel from its row. */
export function RowMenu({ status, onClose }: { status: ChannelStatus | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={status !== null}
      onClose={onClose}
      title={status ? `${status.code} · ${status.name}` : ''}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      {status && <Actions status={status} onClose={onClose} />}
    </Modal>
  );
}

function Actions({ status, onClose }: { status: ChannelStatus; onClose: () => void }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const summary = useSummary().data;
  const [isMaintenanceOpen, setMaintenanceOpen] = useState(false);
  const probe = useProbe(status.code);
  const now = useNow();
  const isMaintained = maintenanceOf(status, useMaintenances().data, now) !== null;
  const operate = usePermission('operate');
  const write = usePermission('admin');
  const path = `/channels/${encodeURIComponent(status.code)}`;
  return (
    <div className="menu">
      <p>
        <StateMark status={status} />
      </p>
      <MaintenanceLine status={status} />
      <Button variant="default" onClick={() => navigate(path)} data-autofocus>
        {t('menu.open')}
      </Button>
      <Button
        variant="default"
        disabled={!operate.isAllowed}
        title={operate.why}
        loading={probe.isPending}
        onClick={() => probe.mutate()}
      >
        {t('channel.probeNow')}
      </Button>
      <Button variant="default" onClick={() => navigate(`/metrics?channels=${encodeURIComponent(status.code)}`)}>
        {t('nav.metrics')}
      </Button>
      <Button
        variant="default"
        disabled={!operate.isAllowed || summary?.has_alertmanager !== true || isMaintained}
        title={operate.why ?? (summary?.has_alertmanager ? undefined : t('maintenance.none'))}
        onClick={() => setMaintenanceOpen(true)}
      >
        {t('maintenance.open')}
      </Button>
      <Button
        variant="default"
        disabled={!write.isAllowed || !summary?.has_database}
        title={write.why}
        onClick={() => navigate(`${path}/edit`)}
      >
        {t('edit.open')}
      </Button>
      <EnableButton status={status} isPossible={write.isAllowed && summary?.has_database === true} onDone={onClose} />
      <Button variant="default" onClick={() => navigate(`${path}/report`)}>
        {t('report.open')}
      </Button>
      <CopyCurl code={status.code} />
      {write.why && <p className="empty">{operate.why ?? write.why}</p>}
      {summary && !summary.has_database && <p className="empty">{t('edit.noDatabase')}</p>}
      {probe.error && <p role="alert">{probe.error.message}</p>}
      <MaintenanceDialog status={status} isOpen={isMaintenanceOpen} onClose={() => setMaintenanceOpen(false)} />
    </div>
  );
}
