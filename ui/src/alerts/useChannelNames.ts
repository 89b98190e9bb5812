import { useMemo } from 'react';
import { useStatuses } from '../api/queries';
import type { ChannelNames } from './alerts';

/** Names of all channels by their codes. */
export function useChannelNames(): ChannelNames {
  const channels = useStatuses().data?.channels;
  return useMemo(() => new Map(channels?.map((status) => [status.code, status.name])), [channels]);
}
