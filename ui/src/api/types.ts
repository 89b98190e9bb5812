import type { components } from './schema';

type Schemas = components['schemas'];

export type ChannelStatus = Schemas['ChannelStatus'];
export type ChannelStatuses = Schemas['ChannelStatuses'];
export type Summary = Schemas['ChannelSummary'];
export type Health = Schemas['Health'];
export type Alert = Schemas['Alert'];
export type AlertEvent = Schemas['AlertEvent'];
export type AlertsDone = Schemas['SeveralAlertsDone'];
export type Check = Schemas['Check'];
export type Series = Schemas['Series'];
export type Metric = Series['metric'];
export type Maintenance = Schemas['Maintenance'];
export type Channel = Schemas['Channel'];
export type Imported = Schemas['Imported'];
export type ChannelHistory = Schemas['ChannelHistory'];

/** A finding of the report: why a check failed. */
export interface Finding {
  check: string;
  severity: string;
  output: string;
  rendition: string | null;
  message: string;
  evidence: Record<string, unknown>;
  reference: string;
}

/** A check of the report: `ok`, `failed` or `not_run` on one output. */
export interface Outcome {
  check: string;
  severity: string;
  output: string;
  result: 'ok' | 'failed' | 'not_run';
  reason?: string;
}

/** A rendition of the report. A value that the probe didn't measure is missing. */
export interface Rendition {
  name: string;
  media: string;
  rendition_info: { codecs: string; resolution: string; frame_rate: string; language: string; id: string };
  rendition_available?: boolean;
  rendition_bandwidth_bits_per_second?: { declared?: number; average?: number; measured?: number };
  playlist_age_seconds?: number;
  live_edge_latency_seconds?: number;
  segment_download_ratio?: number;
  segments_inspected?: number;
}

export interface Output {
  name: string;
  protocol: string;
  url: string;
  http_status_code?: number;
  renditions: Rendition[];
}

/** The report of a channel's last probe. The OpenAPI document doesn't describe its members. */
export interface Report {
  target: string;
  template: string;
  started_at: string;
  duration_seconds: number;
  success: boolean;
  outputs: Output[];
  checks: Outcome[];
  findings: Finding[];
}
