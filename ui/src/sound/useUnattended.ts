import { useCallback, useMemo } from 'react';
import { useAlerts, useMaintenances, useStatuses } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { useLive } from '../live/LiveProvider';
import { serverNow } from '../time/clock';
import { isAttended, unattendedCritical } from './unattended';

/** Channels that are critical or down and on which nobody works, as known now. One that nobody probes any more is as it was last known. */
export function useUnattended(): ChannelStatus[] {
  const statuses = useStatuses().data;
  const { lastKnown } = useLive();
  const alerts = useAlerts().data;
  const maintenances = useMaintenances().data;
  return useMemo(
    () => unattendedCritical(statuses?.channels.map(lastKnown) ?? [], { alerts, maintenances, now: serverNow() }),
    [statuses, lastKnown, alerts, maintenances],
  );
}

/** Leaves out the changes of channels on which somebody works. */
export function useWithoutAttended(): (changes: ChannelStatus[]) => ChannelStatus[] {
  const alerts = useAlerts().data;
  const maintenances = useMaintenances().data;
  return useCallback(
    (changes) => changes.filter((change) => !isAttended(change, { alerts, maintenances, now: serverNow() })),
    [alerts, maintenances],
  );
}
