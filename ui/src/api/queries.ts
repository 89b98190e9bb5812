import { keepPreviousData, type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useLive } from '../live/LiveProvider';
import { withRecentChanges } from '../live/recent';
import { serverNow } from '../time/clock';
import { ApiError, answered, api, body, detail, exporterUrl } from './client';
import { leaveSession } from './session';
import type {
  Alert,
  AlertEvent,
  ChannelHistory,
  Check,
  Health,
  Maintenance,
  Metric,
  Report,
  Series,
  Summary,
} from './types';

export const keys = {
  statuses: ['statuses'] as const,
  summary: ['summary'] as const,
  alerts: ['alerts'] as const,
  health: ['health'] as const,
  checks: ['checks'] as const,
  maintenances: ['maintenances'] as const,
  caller: ['caller'] as const,
  report: (code: string) => ['report', code] as const,
  series: (code: string, metric: Metric, range: number) => ['series', code, metric, range] as const,
  dayAlerts: ['day-alerts'] as const,
  alertHistory: (id: number) => ['alert-history', id] as const,
  history: (code: string) => ['history', code] as const,
};

/** Largest number of pages of alerts that the page reads, a thousand alerts each. */
const MAX_ALERT_PAGES = 5;
export const MAX_ALERTS_READ = MAX_ALERT_PAGES * 1000;
/** Time between two reads of what the stream doesn't send, in milliseconds. */
const SLOW_POLL = 15_000;
/** Time between two reads while no stream comes. */
const FAST_POLL = 5_000;

/** The state of every channel. The stream changes it; a read every 15 s brings the times of the last probes. */
export function useStatuses() {
  const { mode } = useLive();
  return useQuery({
    queryKey: keys.statuses,
    queryFn: ({ signal }) => withRecentChanges(() => body(api.GET('/api/v1/channels/status', { signal }))),
    // After a failed read the states may be old, also where the stream comes.
    refetchInterval: ({ state }) => (mode === 'stream' && state.status !== 'error' ? SLOW_POLL : FAST_POLL),
  });
}

/** How to make the address of a path of the probing server, for a browser or curl. `null`: the address is not known. */
export function useProbingUrl(): ((path: string) => string) | null {
  const base = useSummary().data?.probing_base ?? null;
  // It may be a prefix alone.
  return base === null ? null : (path) => new URL(base + path, exporterUrl).href;
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

/** The health of the exporter. One that is unhealthy answers 503, and says why in the same form. */
export function useHealth() {
  return useQuery({
    queryKey: keys.health,
    queryFn: async ({ signal }): Promise<Health> => {
      const { data, error, response } = await answered(api.GET('/api/v1/health', { signal }));
      const health: unknown = data ?? error;
      if (isHealth(health)) return health;
      throw new ApiError(response.status, detail(error, response));
    },
    refetchInterval: SLOW_POLL,
  });
}

/** A proxy between the page and the exporter answers 503 in another form. */
function isHealth(answer: unknown): answer is Health {
  return typeof answer === 'object' && answer !== null && 'reasons' in answer;
}

interface ReadAlerts {
  alerts: Alert[];
  /** Whether there are older alerts, which were not read. */
  isCut: boolean;
}

interface AlertPage {
  limit: number;
  cursor?: string;
}

/** Reads pages of alerts, the newest first, up to the largest number of pages. */
async function readPages(
  read: (page: AlertPage) => Promise<{ alerts: Alert[]; next_cursor: string | null }>,
): Promise<ReadAlerts> {
  const alerts: Alert[] = [];
  let page: AlertPage = { limit: 1000 };
  for (let pages = 0; pages < MAX_ALERT_PAGES; pages += 1) {
    const answer = await read(page);
    alerts.push(...answer.alerts);
    if (!answer.next_cursor) return { alerts, isCut: false };
    page = { limit: 1000, cursor: answer.next_cursor };
  }
  return { alerts, isCut: true };
}

function useActiveAlerts<T>(select: (read: ReadAlerts) => T) {
  const summary = useSummary();
  const { mode } = useLive();
  return useQuery({
    queryKey: keys.alerts,
    enabled: summary.data?.has_database === true,
    refetchInterval: mode === 'stream' ? 30_000 : FAST_POLL,
    select,
    queryFn: async ({ signal }): Promise<ReadAlerts> => {
      const readPage = (query: AlertPage & { alertname?: string }) =>
        body(api.GET('/api/v1/alerts/active', { params: { query }, signal }));
      const read = await readPages(readPage);
      if (!read.isCut || read.alerts.some(isWatchdog)) return read;
      // The Watchdog is older than most alerts.
      const watchdog = await readPage({ alertname: WATCHDOG, limit: 1 });
      return { alerts: [...read.alerts, ...watchdog.alerts], isCut: true };
    },
  });
}

const WATCHDOG = 'Watchdog';

/** Whether an alert is the one that always fires, and shows that alerts arrive. */
export function isWatchdog(alert: Alert): boolean {
  return alert.alertname === WATCHDOG;
}

const alertsOf = (read: ReadAlerts) => read.alerts;
const isCutOf = (read: ReadAlerts) => read.isCut;

/** Firing and acknowledged alerts, the newest first. Nothing is asked without a database. */
export function useAlerts() {
  return useActiveAlerts(alertsOf);
}

/** Whether there are more active alerts than the page reads. */
export function useAlertsCut(): boolean {
  return useActiveAlerts(isCutOf).data === true;
}

/** Alerts that were active in the last 24 hours, also those that ended. */
export function useDayAlerts() {
  return useQuery({
    queryKey: keys.dayAlerts,
    refetchInterval: 60_000,
    queryFn: ({ signal }): Promise<ReadAlerts> => {
      const active_since = new Date(serverNow() - 86_400_000).toISOString();
      return readPages((page) =>
        body(api.GET('/api/v1/alerts', { params: { query: { active_since, ...page } }, signal })),
      );
    },
  });
}

/** What happened to an alert, in the order of time. */
export function useAlertHistory(id: number) {
  return useQuery({
    queryKey: keys.alertHistory(id),
    queryFn: async ({ signal }): Promise<AlertEvent[]> => {
      const answer = await body(api.GET('/api/v1/alerts/{id}/history', { params: { path: { id } }, signal }));
      return answer.events;
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
    // The report before stays while the next one is read, and only then.
    ...(probedAt !== undefined && { placeholderData: keepPreviousData }),
  });
}

/** What each check means, by its id. It changes with the exporter's version alone. */
export function useChecks() {
  return useQuery({
    queryKey: keys.checks,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }): Promise<Map<string, Check>> => {
      const answer = await body(api.GET('/api/v1/checks', { signal }));
      return new Map(answer.checks.map((check) => [check.id, check]));
    },
  });
}

/** How a query reads a measured value of a channel over the last `range` seconds. */
export function seriesQuery(code: string, metric: Metric, range: number) {
  return {
    queryKey: keys.series(code, metric, range),
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<Series> => {
      const params = { path: { key: code }, query: { metric, range } };
      return body(api.GET('/api/v1/channels/{key}/series', { params, signal }));
    },
    refetchInterval: SLOW_POLL,
    // A chart keeps its lines while a longer range is read.
    placeholderData: (before: Series | undefined) => before,
  };
}

export function useSeries(code: string, metric: Metric, range: number) {
  return useQuery(seriesQuery(code, metric, range));
}

/** States and alerts of a channel in the last 24 hours. Nothing is asked without a database. */
export function useHistory(code: string) {
  const summary = useSummary();
  return useQuery({
    queryKey: keys.history(code),
    enabled: summary.data?.has_database === true,
    refetchInterval: 60_000,
    queryFn: ({ signal }): Promise<ChannelHistory> =>
      body(api.GET('/api/v1/channels/{key}/history', { params: { path: { key: code } }, signal })),
  });
}

/** Maintenances of all channels and packagers. Nothing is asked without Alertmanager. */
export function useMaintenances() {
  const summary = useSummary();
  return useQuery({
    queryKey: keys.maintenances,
    enabled: summary.data?.has_alertmanager === true,
    refetchInterval: 30_000,
    queryFn: async ({ signal }): Promise<Maintenance[]> => {
      const answer = await body(api.GET('/api/v1/maintenance', { signal }));
      return answer.maintenances;
    },
  });
}

export interface MaintenanceWish {
  codes: string[];
  by: string | null;
  comment: string | null;
  duration: string;
  scope: 'channel' | 'packager';
}

export function useBeginMaintenance() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ codes, by, comment, duration, scope }: MaintenanceWish): Promise<void> => {
      for (const key of codes) {
        const params = { path: { key } };
        const request = { by, comment, for: duration, scope };
        await body(api.POST('/api/v1/channels/{key}/maintenance', { params, body: request }));
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.maintenances }),
  });
}

/** Ends one maintenance, and no other. */
export function useEndMaintenance() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => body(api.DELETE('/api/v1/maintenance/{id}', { params: { path: { id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.maintenances }),
  });
}

/** Probes a channel now. */
export function useProbe(code: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/channels/{key}/probe', { params: { path: { key: code } } })),
    onSettled: () => refresh(client),
  });
}

/** Who the exporter takes this browser for. */
export function useCaller() {
  return useQuery({
    queryKey: keys.caller,
    queryFn: ({ signal }) => body(api.GET('/api/v1/session', { signal })),
    refetchInterval: 60_000,
  });
}

/** Begins a session with a token. The page forgets the token; the browser keeps a cookie that scripts can't read. */
export function useLogIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => body(api.POST('/api/v1/session', { headers: { Authorization: `Bearer ${token}` } })),
    onSuccess: () => refresh(client),
  });
}

/** Ends the session, and forgets what was read in it. Fails while the session still counts. */
export function useLogOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const { error, response } = await answered(api.DELETE('/api/v1/session'));
      // Without a valid session there is nothing to end.
      if (!response.ok && response.status !== 401) throw new ApiError(response.status, detail(error, response));
    },
    onSuccess: async () => {
      leaveSession();
      await client.resetQueries();
    },
  });
}

/** Reads everything again. */
export function refresh(client: QueryClient): Promise<void> {
  return client.invalidateQueries();
}
