/** Sends requests to instances, within all limits and address rules. */

import { MastodonError } from '../errors.js';
import { kindOf } from '../util/error-kind.js';
import { parsedURL } from '../util/url.js';
import { isReachableURL, NotPublicError } from './addresses.js';
import { redirectTarget, type Answer, type HttpRequest } from './answer.js';
import type { RequestContext } from './context.js';

export type { Answer } from './answer.js';

/** Reads a response. An error other than a MastodonError becomes `response_invalid`. */
type Reader<T> = (answer: Answer) => T;

/** Maximum size of a discovery document. On Pleroma, NodeInfo lists all blocked domains, often thousands. Bytes. */
const documentBytes = 131_072;

export interface GetOptions {
  /** Maximum number of redirects. Default 3; with an access token 0. */
  readonly redirects?: number;
  /** Sent as `Authorization: Bearer`. */
  readonly accessToken?: string;
  /** Default `application/json`. */
  readonly accept?: string;
}

/**
 * Sends a GET and follows its redirects. A redirect to another origin changes only the host. Path and query stay those
 * of `url`, so a server cannot use this site to send requests of its choice. (One exception: see `redirected`.)
 * @param read returns the result; errors of the request are MastodonErrors with `instance`
 * @throws MastodonError `instance_unreachable`, `timeout`, `login_busy`, `response_invalid`, `response_too_large`,
 *   `instance_not_allowed`; what `read` throws; what `allowInstance` throws
 */
export async function get<T>(
  context: RequestContext,
  url: string,
  options: GetOptions,
  read: Reader<T>,
): Promise<T> {
  const redirects = options.accessToken === undefined ? (options.redirects ?? 3) : 0;
  return send(context, url, { ...options, method: 'GET', redirects }, read);
}

/**
 * Sends a form by POST. It does not follow redirects and is never repeated. Empty fields are omitted. @throws as `get`
 */
export async function postForm<T>(
  context: RequestContext,
  url: string,
  form: Readonly<Record<string, string | undefined>>,
  read: Reader<T>,
): Promise<T> {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) fields.append(name, value);
  const body = fields.toString();
  return send(context, url, { method: 'POST', body, contentType: 'application/x-www-form-urlencoded' }, read);
}

/** Sends JSON with an access token by POST, like `postForm`. The response may be as large as an account. */
export async function postJSON<T>(
  context: RequestContext,
  url: string,
  value: unknown,
  accessToken: string,
  read: Reader<T>,
): Promise<T> {
  const body = JSON.stringify(value);
  return send(context, url, { method: 'POST', body, contentType: 'application/json', accessToken }, read);
}

interface RequestOptions extends GetOptions {
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  readonly contentType?: string;
}

/** Sends a request and follows its redirects, under one deadline. */
async function send<T>(
  caller: RequestContext,
  target: string,
  request: RequestOptions,
  read: Reader<T>,
): Promise<T> {
  const first = parsedURL(target);
  if (!first) throw new MastodonError('response_invalid', { cause: 'a URL that cannot be read' });
  const { accept = 'application/json', accessToken, body = null, contentType } = request;
  const { outbound, userAgent } = caller.settings;
  const { maxResponseBytes, maxAccountBytes } = outbound;
  const maxBytes = request.method === 'GET' ? Math.min(documentBytes, maxResponseBytes) : maxResponseBytes;
  const outgoing: HttpRequest = {
    method: request.method,
    headers: {
      ...{ accept, 'accept-encoding': 'gzip, deflate', 'user-agent': userAgent },
      authorization: accessToken === undefined ? undefined : `Bearer ${accessToken}`,
      'content-type': contentType,
    },
    body,
    maxBytes: accessToken === undefined ? maxBytes : maxAccountBytes,
  };
  const context = caller.within(outbound.timeoutMs);
  try {
    let url = first;
    for (let left = request.redirects ?? 0; ; left--) {
      // A redirect may move the handle from the query into the path. So only the original path is logged then.
      const loggedPath = first.search === '' ? url.pathname : first.pathname;
      const answer = await sendOnce(context, url, outgoing, loggedPath.slice(0, maxLoggedPath));
      const next = left > 0 ? redirectTarget(answer) : undefined;
      if (next) {
        url = redirected(first, url, next);
        continue;
      }
      try {
        return read(answer);
      } catch (error) {
        const instance = url.host;
        if (error instanceof MastodonError) throw error.at(instance);
        // The error's message may quote the answer.
        throw new MastodonError('response_invalid', { instance, cause: kindOf(error) });
      }
    }
  } finally {
    context.end();
  }
}

/**
 * The URL of a redirect. To another origin, path and query stay those of the request. Exception: a WebFinger query for
 * another account, because personal sites redirect all WebFinger to the account of their owner.
 */
function redirected(first: URL, from: URL, to: URL): URL {
  if (to.origin === from.origin) return to;
  const resource = to.searchParams.size === 1 ? (to.searchParams.get('resource') ?? '') : '';
  const isQuestion = isAccount.test(resource);
  return first.pathname === webFingerPath && to.pathname === webFingerPath && isQuestion
    ? new URL(`${webFingerPath}?resource=${encodeURIComponent(resource)}`, to.origin)
    : new URL(first.pathname + first.search, to.origin);
}

const webFingerPath = '/.well-known/webfinger';

const isAccount = /^acct:[\w.+~-]{1,100}@[a-z0-9.-]{1,253}(?::\d{1,5})?$/i;

/** Maximum length of a logged path, because a redirect may choose it. */
const maxLoggedPath = 200;

/** Sends one request to one host, and reports it to the log. */
async function sendOnce(
  context: RequestContext,
  url: URL,
  outgoing: HttpRequest,
  path: string,
): Promise<Answer> {
  const { host } = url;
  const { http, hosts, settings, signal, typed, hasHandle } = context;
  if (signal.aborted) throw new MastodonError('timeout', { instance: host });
  const isReachable = isReachableURL(url, settings.developmentOrigins);
  if (isReachable) await context.assertAllowed(host);
  const begun = performance.now();
  let outcome: { readonly status: number } | { readonly code: string } | undefined;
  try {
    if (!isReachable) throw new NotPublicError(host);
    const referral = { host, typed, hasHandle, standing: hosts.standing.get(host), signal };
    const response = await http.referrals.run(referral, () => http.connections.send(url, outgoing, signal));
    const { status } = response;
    outcome = { status };
    return {
      ...response,
      url,
      ok: status >= 200 && status <= 299,
      contentType: response.headers['content-type'] ?? '',
    };
  } catch (error) {
    const failure = failureOf(error, signal.aborted).at(host);
    if (!context.isNotNeeded) outcome = { code: failure.code };
    throw failure;
  } finally {
    const milliseconds = Math.round(performance.now() - begun);
    if (outcome) settings.log('request', { method: outgoing.method, host, path, ...outcome, milliseconds });
  }
}

/** @param isOver whether the deadline aborted the request */
function failureOf(error: unknown, isOver: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (isOver) return new MastodonError('timeout');
  const { name, message, code = '' } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'ERR_BUFFER_TOO_LARGE') {
    return new MastodonError('response_too_large', { cause: code });
  }
  // Of zlib, and of a text that is not UTF-8.
  if (code.startsWith('Z_') || code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return new MastodonError('response_invalid', { cause: code });
  }
  // Errors of undici's HTTP parser contain received bytes, which may be a token, so only the parser's message is kept. The
  // two other messages are for an unrequested response, and for an unrequested change of protocol.
  const isUnreadable = code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(message);
  if (name === 'HTTPParserError' || isUnreadable) {
    return new MastodonError('response_invalid', { cause: message });
  }
  const defect = certificateDefects.find(([codes]) => codes.test(code))?.[1];
  if (defect !== undefined) {
    const cause = Object.assign(new Error(`the server's certificate ${defect} (${code})`), { code });
    return new MastodonError('instance_unreachable', { cause, reason: 'certificate' });
  }
  // TLS errors quote text of the server.
  const cause = new Error(code.startsWith('ERR_TLS_') ? code : message);
  return new MastodonError('instance_unreachable', { cause: Object.assign(cause, code && { code }) });
}

/** Certificate defects by the error codes of Node.js (those of OpenSSL without X509_V_ERR_). */
const certificateDefects: readonly (readonly [codes: RegExp, defect: string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'has expired'],
  [/^CERT_NOT_YET_VALID$/, 'is not valid yet'],
  [/^(?:ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/, 'is for another host'],
  [
    /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/,
    'was sent without its intermediate certificate, or its authority is unknown',
  ],
  [/^UNABLE_TO_GET_ISSUER_CERT/, 'is from an unknown authority (for one of your own, set outbound.ca)'],
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN)$/,
    'is signed by itself (to trust it, set outbound.ca)',
  ],
  [/^(?:CERT_|UNABLE_TO_|ERR_TLS_CERT_|INVALID_(?:CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$)/, 'is not valid'],
];

/** Fetches the documents of one discovery, each URL at most once. */
export class Documents {
  private readonly answers = new Map<string, Promise<Answer>>();
  private readonly answered = new Set<string>();

  readonly developmentOrigins: ReadonlySet<string>;

  constructor(readonly context: RequestContext) {
    this.developmentOrigins = context.settings.developmentOrigins;
  }

  /** @throws MastodonError as `get` of this file */
  get(url: string, options: Omit<GetOptions, 'accessToken'>): Promise<Answer> {
    const known = this.answers.get(url);
    if (known) return known;
    const answer = get(this.context, url, options, (complete) => {
      this.answered.add(new URL(url).origin);
      // A redirect led here: this URL need not be fetched again.
      if (!this.answers.has(complete.url.href)) this.answers.set(complete.url.href, answer);
      return complete;
    });
    this.answers.set(url, answer);
    return answer;
  }

  /** Takes over the answers of another search, so that no document is fetched twice. */
  reuse({ answers }: Documents): void {
    for (const [url, answer] of answers) if (!this.answers.has(url)) this.answers.set(url, answer);
  }

  /** Whether the origin has answered a request. If it has not, further requests are useless. */
  hasAnswered(origin: string): boolean {
    return this.answered.has(origin);
  }
}
