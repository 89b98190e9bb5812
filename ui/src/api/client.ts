import createClient, { type Middleware } from 'openapi-fetch';
import { setServerDate } from '../time/clock';
import type { paths } from './schema';
import { acceptSession, refuseSession } from './session';

/** Address of the exporter without a slash at its end: the page lies in `ui/` below it. */
export const exporterUrl = new URL('..', document.baseURI).href.replace(/\/$/, '');

/** What everybody may read: an answer says nothing about a login. */
const PUBLIC = /\/(health|openapi\.json)$/;

/** Takes from an answer of the exporter what the page keeps of each: its clock, and whether somebody has to log in. */
export function noteAnswer(response: Response): Response {
  setServerDate(response.headers.get('date'));
  if (response.status === 401) refuseSession();
  else if (response.ok && !PUBLIC.test(response.url)) acceptSession();
  return response;
}

const session: Middleware = { onResponse: ({ response }) => noteAnswer(response) };

export const api = createClient<paths>({ baseUrl: exporterUrl });
api.use(session);

/** A request that the exporter refused, or that it did not answer. */
export class ApiError extends Error {
  constructor(
    /** Status of HTTP; 0 when nothing answered. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** An answer of any status. Throws an `ApiError` with status 0 when nothing answered. */
export function answered<T>(answer: Promise<Answer<T>>): Promise<Answer<T>> {
  return answer.catch((why: unknown) => {
    throw new ApiError(0, why instanceof Error ? why.message : String(why));
  });
}

/** The body of an answer. Throws an `ApiError` with the problem document's text for any other answer. */
export async function body<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answered(answer);
  if (!response.ok || data === undefined) throw new ApiError(response.status, detail(error, response));
  return data;
}

/** The text of a problem document, or the status of an answer without one. */
export function detail(error: unknown, response: Response): string {
  if (typeof error === 'object' && error !== null && 'detail' in error && typeof error.detail === 'string') {
    return error.detail;
  }
  return `HTTP ${response.status}`;
}
