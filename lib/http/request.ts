/** Sends requests to instances: every rule applies to each of them. */

import { kindOf, MastodonError } from '../errors.js';
import { parsedURL } from '../util/url.js';
import { isReachableURL, PrivateAddressError } from './addresses.js';
import { redirectTarget, type Answer, type Outgoing } from './answer.js';
import type { RequestContext } from './context.js';

export type { Answer, Headers } from './answer.js';

/** Judges an answer. What it throws that is no MastodonError becomes `response_invalid`. */
export type Reader<T> = (answer: Answer) => T;

/** Bytes of metadata, WebFinger and host-meta: a few KB everywhere. */
export const smallDocumentBytes = 32_768;

/** NodeInfo and /api/v1/instance of Pleroma list every domain that is blocked there, which some servers do by the thousand. */
export const documentBytes = 131_072;

export interface GetOptions {
  /** How many redirects are followed. Default 3; with an access token none. */
  readonly redirects?: number;
  /** Sent as `Authorization: Bearer`. */
  readonly accessToken?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /**
   * Most bytes of the body, where `outbound.maxResponseBytes` is not less. Default: what discovery documents need; with an
   * access token, what an account needs.
   */
  readonly maxBytes?: number;
  /** Parameters appended to the URL, which has none. */
  readonly query?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, string | undefined>>;

/**
 * Sends a GET and follows its redirects. A redirect to another origin changes only the host: path and query stay those of
 * `url`, so that no server can choose what this site requests from another one.
 * @param read its result is the result; all errors of the request are MastodonErrors with `instance`
 * @throws MastodonError `instance_unreachable`, `timeout`, `login_busy`, `response_invalid`, `response_too_large`,
 *   `instance_not_allowed`; what `read` throws; what the site's `allowInstance` throws
 */
export async function get<T>(
  context: RequestContext,
  url: string,
  options: GetOptions,
  read: Reader<T>,
): Promise<T> {
  const { accessToken, accept = 'application/json', redirects = 3, query } = options;
  const { maxResponseBytes, maxAccountBytes } = context.settings.outbound;
  const [usual, most] =
    accessToken === undefined ? [documentBytes, maxResponseBytes] : [maxAccountBytes, maxAccountBytes];
  const target = query ? `${url}?${new URLSearchParams(query).toString()}` : url;
  const outgoing: Outgoing = {
    method: 'GET',
    headers: headersOf(context, accept, accessToken),
    maxBytes: Math.min(options.maxBytes ?? usual, most),
  };
  return send(context, target, outgoing, accessToken === undefined ? redirects : 0, read);
}

/** Sends a form by POST. It follows no redirect and is never repeated. Fields without a value are left out. @throws as `get` */
export async function postForm<T>(
  context: RequestContext,
  url: string,
  form: Fields,
  read: Reader<T>,
): Promise<T> {
  const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
  const body = new URLSearchParams(fields).toString();
  return post(context, url, body, 'application/x-www-form-urlencoded', {}, read);
}

/** Sends JSON by POST, as `postForm` does. With an access token the answer may be as large as an account. */
export async function postJSON<T>(
  context: RequestContext,
  url: string,
  value: unknown,
  options: { readonly accessToken?: string },
  read: Reader<T>,
): Promise<T> {
  return post(context, url, JSON.stringify(value), 'application/json', options, read);
}

function post<T>(
  context: RequestContext,
  url: string,
  body: string,
  contentType: string,
  { accessToken }: { readonly accessToken?: string },
  read: Reader<T>,
): Promise<T> {
  const { maxResponseBytes, maxAccountBytes } = context.settings.outbound;
  const outgoing: Outgoing = {
    method: 'POST',
    headers: { ...headersOf(context, 'application/json', accessToken), 'content-type': contentType },
    body,
    maxBytes: accessToken === undefined ? maxResponseBytes : maxAccountBytes,
  };
  return send(context, url, outgoing, 0, read);
}

function headersOf({ settings }: RequestContext, accept: string, accessToken?: string): Outgoing['headers'] {
  return {
    accept,
    'accept-encoding': 'gzip, deflate',
    'user-agent': settings.userAgent,
    ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
  };
}

/** The whole exchange: one deadline over all of its redirects. */
async function send<T>(
  caller: RequestContext,
  target: string,
  outgoing: Outgoing,
  redirects: number,
  read: Reader<T>,
): Promise<T> {
  const first = parsedURL(target);
  if (!first) throw new MastodonError('response_invalid', { cause: new Error('a URL that cannot be read') });
  const context = caller.within(caller.settings.outbound.timeoutMs);
  try {
    let url = first;
    for (let left = redirects; ; left--) {
      const answer = await sendOnce(context, url, outgoing);
      const next = left > 0 ? redirectTarget(answer) : undefined;
      if (!next) return readAnswer(answer, read);
      const isElsewhere = next.origin !== url.origin && /^https?:$/.test(next.protocol);
      url = isElsewhere ? new URL(first.pathname + first.search, next.origin) : next;
    }
  } finally {
    context.end();
  }
}

/** One request to one host, with its line in the site's log. */
async function sendOnce(context: RequestContext, url: URL, outgoing: Outgoing): Promise<Answer> {
  const { host } = url;
  if (context.isOver) throw new MastodonError('timeout', { instance: host });
  const isReachable = isReachableURL(url, context.settings.developmentOrigins);
  if (isReachable) await context.assertAllowed(host);
  const begun = performance.now();
  try {
    if (!isReachable) throw unreachable(url);
    const answer = await sendWithinLimits(context, url, outgoing);
    report(context, url, outgoing.method, begun, { status: answer.status });
    return answer;
  } catch (error) {
    const failure = failureOf(error, context.isOver).at(host);
    report(context, url, outgoing.method, begun, { code: failure.code });
    throw failure;
  }
}

async function sendWithinLimits(context: RequestContext, url: URL, outgoing: Outgoing): Promise<Answer> {
  const { http, signal } = context;
  const reply = await context.limited(url.host, () => http.connections.send(url, outgoing, signal));
  return { ...reply, url, contentType: reply.headers['content-type'] ?? '' };
}

/** Applies a reader to an answer, as the request functions do. @throws MastodonError about the answer's host */
export function readAnswer<T>(answer: Answer, read: Reader<T>): T {
  try {
    return read(answer);
  } catch (error) {
    const { host } = answer.url;
    if (error instanceof MastodonError) throw error.at(host);
    // The error's message may quote the answer.
    throw new MastodonError('response_invalid', { instance: host, cause: new Error(kindOf(error)) });
  }
}

/** A redirect chooses the path. */
const maxLoggedPath = 200;

/** Without the query, which may hold a handle. A log that fails is the site's own matter. */
function report(
  { settings }: RequestContext,
  { host, pathname }: URL,
  method: string,
  begun: number,
  outcome: { readonly status: number } | { readonly code: string },
): void {
  const path = pathname.slice(0, maxLoggedPath);
  const milliseconds = Math.round(performance.now() - begun);
  try {
    settings.log('request', { method, host, path, ...outcome, milliseconds });
  } catch {
    // As above.
  }
}

/** @param isOver whether the deadline has ended the request */
export function failureOf(error: unknown, isOver: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (isOver) return new MastodonError('timeout');
  const { name, message, code = '' } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new MastodonError('response_too_large', { cause: new Error(code) });
  }
  if (code.startsWith('Z_')) return new MastodonError('response_invalid', { cause: new Error(code) });
  // Errors of undici's HTTP parser hold the bytes that came, which may be a token; so only the parser's own words are kept.
  // The other two are its words for an answer to no request, and for another protocol than was asked for.
  const isUnreadable = code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(message);
  if (name === 'HTTPParserError' || isUnreadable) {
    return new MastodonError('response_invalid', { cause: new Error(message) });
  }
  // Certificate errors quote the names in the server's certificate.
  const cause = new Error(code.startsWith('ERR_TLS_') ? code : message);
  return new MastodonError('instance_unreachable', { cause: Object.assign(cause, code && { code }) });
}

/** For a URL that no request is sent to. */
export function unreachable(url: URL): MastodonError {
  return new MastodonError('instance_unreachable', { cause: new PrivateAddressError(url.host) });
}

/** As `get` of http/request takes them. */
interface DocumentOptions {
  readonly accept?: string;
  readonly maxBytes?: number;
}

/** The domain, the server behind it, and a second name of each. */
const maxOrigins = 4;

export class Documents {
  private readonly answers = new Map<string, Promise<Answer>>();
  private readonly origins = new Set<string>();
  private readonly answered = new Set<string>();

  constructor(private readonly context: RequestContext) {}

  /** @throws MastodonError like every request; `instance_unsupported` where too many origins were named */
  async get<T>(url: string, options: DocumentOptions, read: Reader<T>): Promise<T> {
    return readAnswer(await this.answer(url, options), read);
  }

  /** Whether the origin has answered any request yet. Where it has not, further requests would not help. */
  hasAnswered(origin: string): boolean {
    return this.answered.has(origin);
  }

  private answer(url: string, options: DocumentOptions): Promise<Answer> {
    const known = this.answers.get(url);
    if (known) return known;
    const { origin, host } = new URL(url);
    if (!this.origins.has(origin) && this.origins.size >= maxOrigins) {
      const cause = new Error('too many servers are named one after another');
      return Promise.reject(new MastodonError('instance_unsupported', { instance: host, cause }));
    }
    this.origins.add(origin);
    const answer = get(this.context, url, options, (complete) => complete).then((complete) => {
      this.answered.add(origin);
      // A redirect led here: who asks for this URL next has its answer already.
      if (!this.answers.has(complete.url.href)) this.answers.set(complete.url.href, answer);
      return complete;
    });
    this.answers.set(url, answer);
    return answer;
  }
}
