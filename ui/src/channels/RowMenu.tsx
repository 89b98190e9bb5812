import { Button, Modal } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { setEnabled } from '../api/channels';
import { refresh, useMaintenances, useProbe, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { CopyCurl } from '../channel/CopyCurl';
import { MaintenanceDialog } from '../maintenance/MaintenanceDialog';
import { MaintenanceLine } from '../maintenance/MaintenanceLine';
import { maintenanceOf } from '../maintenance/maintenance';
import { StateMark } from '../severity/Mark';
import { useNow } from '../time/clock';

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
  const client = useQueryClient();
  const summary = useSummary().data;
  const [isMaintenanceOpen, setMaintenanceOpen] = useState(false);
  const probe = useProbe(status.code);
  const enable = useMutation({
    mutationFn: (enabled: boolean) => setEnabled(status.code, enabled),
    onSettled: () => refresh(client),
  });
  const now = useNow();
  const isMaintained = maintenanceOf(status, useMaintenances().data, now) !== null;
  const isDisabled = status.state === 'disabled';
  const path = `/channels/${encodeURIComponent(status.code)}`;
  const error = probe.error ?? enable.error;
  return (
    <div className="menu">
      <p>
        <StateMark status={status} />
      </p>
      <MaintenanceLine status={status} />
      <Button variant="default" onClick={() => navigate(path)} data-autofocus>
        {t('menu.open')}
      </Button>
      <Button variant="default" loading={probe.isPending} onClick={() => probe.mutate()}>
        {t('channel.probeNow')}
      </Button>
      <Button variant="default" onClick={() => navigate(`/metrics?channels=${encodeURIComponent(status.code)}`)}>
        {t('nav.metrics')}
      </Button>
      <Button
        variant="default"
        disabled={summary?.has_alertmanager !== true || isMaintained}
        title={summary?.has_alertmanager ? undefined : t('maintenance.none')}
        onClick={() => setMaintenanceOpen(true)}
      >
        {t('maintenance.open')}
      </Button>
      <Button variant="default" disabled={!summary?.has_database} onClick={() => navigate(`${path}/edit`)}>
        {t('edit.open')}
      </Button>
      <Button
        variant="default"
        disabled={!summary?.has_database}
        loading={enable.isPending}
        onClick={() => enable.mutate(isDisabled, { onSuccess: onClose })}
      >
        {isDisabled ? t('menu.enable') : t('menu.disable')}
      </Button>
      <Button variant="default" onClick={() => navigate(`${path}/report`)}>
        {t('report.open')}
      </Button>
      <CopyCurl code={status.code} />
      {summary && !summary.has_database && <p className="empty">{t('edit.noDatabase')}</p>}
      {error && <p role="alert">{error.message}</p>}
      <MaintenanceDialog status={status} isOpen={isMaintenanceOpen} onClose={() => setMaintenanceOpen(false)} />
    </div>
  );
}
