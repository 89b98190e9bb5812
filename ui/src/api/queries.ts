import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useLive } from '../live/LiveProvider';
import { api, body, exporterUrl } from './client';
import { getToken } from './session';
import type { Alert, ChannelStatuses, Report, Summary } from './types';

export const keys = {
  statuses: ['statuses'] as const,
  summary: ['summary'] as const,
  alerts: ['alerts'] as const,
  health: ['health'] as const,
  report: (code: string) => ['report', code] as const,
};

/** Largest number of pages of active alerts that the page reads, a thousand alerts each. */
const MAX_ALERT_PAGES = 5;
/** Time between two reads of what the stream doesn't send, in milliseconds. */
const SLOW_POLL = 15_000;
/** Time between two reads while no stream comes. */
const FAST_POLL = 5_000;

/** The state of every channel. The stream changes it; a read every 15 s brings the times of the last probes. */
export function useStatuses() {
  const { mode } = useLive();
  return useQuery({
    queryKey: keys.statuses,
    queryFn: ({ signal }): Promise<ChannelStatuses> => body(api.GET('/api/v1/channels/status', { signal })),
    refetchInterval: mode === 'stream' ? SLOW_POLL : FAST_POLL,
  });
}

export function useSummary() {
  const { mode } = useLive();
  return useQuery({
    queryKey: keys.summary,
    queryFn: ({ signal }): Promise<Summary> => body(api.GET('/api/v1/channels/summary', { signal })),
    // The stream brings it every 5 s.
    refetchInterval: mode === 'stream' ? false : FAST_POLL,
  });
}

export function useHealth() {
  return useQuery({
    queryKey: keys.health,
    queryFn: ({ signal }) => body(api.GET('/api/v1/health', { signal })),
    refetchInterval: SLOW_POLL,
  });
}

/** Firing and acknowledged alerts, the newest first. Nothing is asked without a database. */
export function useAlerts() {
  const summary = useSummary();
  const { mode } = useLive();
  return useQuery({
    queryKey: keys.alerts,
    enabled: summary.data?.has_database === true,
    refetchInterval: mode === 'stream' ? 30_000 : FAST_POLL,
    queryFn: async ({ signal }): Promise<Alert[]> => {
      const alerts: Alert[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_ALERT_PAGES; page += 1) {
        const query = cursor ? { limit: 1000, cursor } : { limit: 1000 };
        const answer = await body(api.GET('/api/v1/alerts/active', { params: { query }, signal }));
        alerts.push(...answer.alerts);
        if (!answer.next_cursor) break;
        cursor = answer.next_cursor;
      }
      return alerts;
    },
  });
}

/** The report of a channel's last probe; it is read again after each probe. */
export function useReport(code: string, probedAt: string | undefined) {
  return useQuery({
    queryKey: [...keys.report(code), probedAt],
    queryFn: async ({ signal }): Promise<Report> => {
      const path = { key: code };
      const report = await body(api.GET('/api/v1/channels/{key}/report', { params: { path }, signal }));
      return report as unknown as Report;
    },
    enabled: probedAt !== undefined,
    placeholderData: (before) => before,
  });
}

export interface Acknowledgement {
  ids: number[];
  by: string | null;
  comment: string | null;
  duration: string;
}

export interface Refusal {
  id: number;
  why: string;
}

/** Acknowledges alerts one after the other. Answers which were refused, and why. */
export function useAcknowledge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ ids, by, comment, duration }: Acknowledgement): Promise<Refusal[]> => {
      const refusals: Refusal[] = [];
      for (const id of ids) {
        const request = { by, comment, for: duration };
        const sent = api.POST('/api/v1/alerts/{id}/acknowledge', { params: { path: { id } }, body: request });
        await body(sent).catch((why: unknown) =>
          refusals.push({ id, why: String(why instanceof Error ? why.message : why) }),
        );
      }
      return refusals;
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.alerts }),
  });
}

/** Probes a channel now, as Prometheus does. */
export function useProbe(code: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const token = getToken();
      const headers = token ? { Authorization: `Bearer ${token}` } : undefined;
      const answer = await fetch(`${exporterUrl}/probe?target=${encodeURIComponent(code)}`, headers ? { headers } : {});
      if (!answer.ok) throw new Error(await answer.text());
    },
    onSettled: () => refresh(client),
  });
}

/** Reads everything again. */
export function refresh(client: QueryClient): Promise<void> {
  return client.invalidateQueries();
}
