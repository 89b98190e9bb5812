import { Button, Modal } from '@mantine/core';
import { useMounted } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useProbe, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { CopyCurl } from '../channel/CopyCurl';
import { GrafanaButton } from '../channel/GrafanaButton';
import { MaintenanceButton } from '../maintenance/MaintenanceButton';
import { MaintenanceLine } from '../maintenance/MaintenanceLine';
import { usePermission } from '../people/usePermission';
import { StateMark } from '../severity/Mark';
import { EnableButton } from './EnableButton';

/** What can be done with a channel from its row. */
export function RowMenu({ status, onClose }: { status: ChannelStatus | null; onClose: () => void }) {
  const { t } = useTranslation();
  // A dialog gives the focus back to what had it when the dialog opened: it has to be there before.
  const isMounted = useMounted();
  // Esc closes the dialog on top alone.
  const [isDialogOpen, setDialogOpen] = useState(false);
  return (
    <Modal
      opened={isMounted && status !== null}
      onClose={onClose}
      closeOnEscape={!isDialogOpen}
      title={status ? `${status.code} · ${status.name}` : ''}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      {status && <Actions key={status.code} status={status} onClose={onClose} onDialog={setDialogOpen} />}
    </Modal>
  );
}

interface ActionsProps {
  status: ChannelStatus;
  onClose: () => void;
  /** Called when a dialog above the menu opens or closes. */
  onDialog: (isOpen: boolean) => void;
}

function Actions({ status, onClose, onDialog }: ActionsProps) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const summary = useSummary().data;
  const probe = useProbe(status.code);
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
      <GrafanaButton code={status.code} />
      <MaintenanceButton status={status} onDialog={onDialog} />
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
    </div>
  );
}
