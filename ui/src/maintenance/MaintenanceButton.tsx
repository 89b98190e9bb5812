import { Button, type ButtonProps } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMaintenances, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { usePermission } from '../people/usePermission';
import { useNow } from '../time/clock';
import { MaintenanceDialog } from './MaintenanceDialog';
import { maintenanceOf } from './maintenance';

interface Props extends ButtonProps {
  status: Pick<ChannelStatus, 'code' | 'packager'>;
  /** Called when the dialog opens or closes. */
  onDialog?: (isOpen: boolean) => void;
}

/** Begins a maintenance. A second one would replace that of a colleague: the first has to be ended before. */
export function MaintenanceButton({ status, onDialog, ...button }: Props) {
  const { t } = useTranslation();
  const operate = usePermission('operate');
  const hasAlertmanager = useSummary().data?.has_alertmanager === true;
  const isMaintained = maintenanceOf(status, useMaintenances().data, useNow()) !== null;
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    if (!isOpen) return;
    onDialog?.(true);
    return () => onDialog?.(false);
  }, [isOpen, onDialog]);
  const reason = isMaintained ? t('maintenance.mark') : undefined;
  return (
    <>
      <Button
        variant="default"
        {...button}
        disabled={!operate.isAllowed || !hasAlertmanager || isMaintained}
        title={operate.why ?? (hasAlertmanager ? reason : t('maintenance.none'))}
        onClick={() => setOpen(true)}
      >
        {t('maintenance.open')}
      </Button>
      <MaintenanceDialog status={status} isOpen={isOpen} onClose={() => setOpen(false)} />
    </>
  );
}
