import { ApiError, api, body, detail, exporterUrl, noteAnswer } from './client';
import type { Channel, Imported, Report } from './types';

/** A channel of the database, and the version that a write must name. */
export interface VersionedChannel {
  channel: Channel;
  version: string;
}

/** One bad field or row of a write. */
export interface Fault {
  line?: number;
  detail: string;
}

/** Values of a channel's fields, as a write sends them. */
export type Fields = Record<string, unknown>;

/** A write that the exporter refused because of single fields or rows. */
export class FieldsError extends Error {
  constructor(
    message: string,
    readonly faults: Fault[],
  ) {
    super(message);
  }
}

/** Somebody changed the channel since it was read. */
export class ChangedError extends Error {}

async function failure(answer: Response): Promise<Error> {
  const problem: unknown = await answer.json().catch(() => null);
  const message = detail(problem, answer);
  if (answer.status === 412) return new ChangedError(message);
  const faults = (problem as { errors?: Fault[] } | null)?.errors;
  return faults ? new FieldsError(message, faults) : new ApiError(answer.status, message);
}

async function send(method: string, path: string, content: string, headers: Record<string, string>): Promise<Response> {
  const request = fetch(`${exporterUrl}/api/v1${path}`, { method, body: content, headers });
  const answer = await request.catch((why: unknown) => {
    throw new ApiError(0, why instanceof Error ? why.message : String(why));
  });
  if (!noteAnswer(answer).ok) throw await failure(answer);
  return answer;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const pathOf = (code: string) => `/channels/${encodeURIComponent(code)}`;

export async function readChannel(code: string): Promise<VersionedChannel> {
  const answer = await api.GET('/api/v1/channels/{key}', { params: { path: { key: code } } });
  const channel = await body(Promise.resolve(answer));
  return { channel, version: answer.response.headers.get('etag') ?? '*' };
}

/** Writes the fields that a person changed, unless somebody changed the channel since `version`. */
export async function changeChannel(code: string, fields: Fields, version: string): Promise<void> {
  await send('PATCH', pathOf(code), JSON.stringify(fields), { ...JSON_TYPE, 'If-Match': version });
}

export async function createChannel(fields: Fields): Promise<void> {
  await send('POST', '/channels', JSON.stringify(fields), JSON_TYPE);
}

export async function setEnabled(code: string, enabled: boolean): Promise<void> {
  await send('PATCH', pathOf(code), JSON.stringify({ enabled }), JSON_TYPE);
}

/** Probes a channel with these fields. Nothing is saved. */
export async function probeDraft(fields: Fields): Promise<Report> {
  const answer = await send('POST', '/channels/probe', JSON.stringify(fields), JSON_TYPE);
  return answer.json();
}

/** Imports channels from CSV, all rows or none; with `dryRun` the rows are only checked. */
export async function importCsv(text: string, dryRun: boolean): Promise<Imported> {
  const answer = await send('POST', `/channels/import?dry_run=${dryRun}`, text, { 'Content-Type': 'text/csv' });
  return answer.json();
}
