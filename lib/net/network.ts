/** The one way out: every request to an instance is made here, under all the rules at once. */

import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import tls from 'node:tls';
import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';
import { isReachableURL } from './addresses.js';
import { readBody } from './body.js';
import { PrivateAddressError, publicLookup, uncheckedLookup } from './lookup.js';

/** What came back, complete and within the limits; not yet judged. */
export interface Answer {
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly contentType: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

interface GetOptions {
  /** How many redirects are followed, each checked like the first URL. Default 3. */
  readonly redirects?: number;
  /** Sent as `Authorization: Bearer`; such a request follows no redirect. */
  readonly accessToken?: string;
  /** Default `application/json`. */
  readonly accept?: string;
}

/** Short enough that a server has hardly ever closed a connection which is used again. Milliseconds. */
const keepIdleMs = 2000;

/** What an answer may have on the wire beside its body: headers, interim answers, the frames of chunks. */
const maxOverheadBytes = 65_536;

export class Network {
  private readonly settings: Settings;
  private readonly agents: { readonly kept: Agents; readonly fresh: Agents };
  /** Made once: reading all the roots takes far longer than a handshake. */
  private readonly secureContext: tls.SecureContext | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    const { ca } = settings.outbound;
    this.secureContext = ca === undefined ? undefined : tls.createSecureContext({ ca: withDefaultRoots(ca) });
    const kept = { keepAlive: true, timeout: keepIdleMs, maxFreeSockets: 16, scheduling: 'lifo' as const };
    this.agents = {
      kept: { http: new http.Agent(kept), https: new https.Agent(kept) },
      fresh: { http: new http.Agent(), https: new https.Agent() },
    };
  }

  /** A GET that follows redirects. A reset on a kept connection is tried once more on a fresh one. */
  async get(target: string, options: GetOptions = {}): Promise<Answer> {
    return this.withinDeadline(new URL(target), async (signal) => {
      const headers: http.OutgoingHttpHeaders = { accept: options.accept ?? 'application/json' };
      if (options.accessToken !== undefined) headers.authorization = `Bearer ${options.accessToken}`;
      let left = options.accessToken !== undefined ? 0 : (options.redirects ?? 3);
      let url = new URL(target);
      for (;;) {
        const answer = await this.getOnce(url, headers, signal);
        const next = left > 0 ? redirectTarget(answer) : undefined;
        if (!next) return answer;
        url = next;
        left--;
      }
    });
  }

  /** A POST of a form. It follows no redirect and is never repeated. */
  async post(target: string, form: Readonly<Record<string, string | undefined>>): Promise<Answer> {
    const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
    const body = new URLSearchParams(fields).toString();
    const url = new URL(target);
    const headers = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    };
    return this.withinDeadline(url, (signal) => {
      if (url.protocol === 'http:') this.dropIdleConnections(url);
      return this.send(url, { method: 'POST', headers, body, signal, keep: true });
    });
  }

  /**
   * Some servers close kept connections without a word (snac over plain http). A GET survives that by its
   * second try; a POST has none, so it opens a connection of its own, which is then kept for what follows.
   */
  private dropIdleConnections(url: URL): void {
    const agent = this.agents.kept.http;
    const name = agent.getName({ host: url.hostname, port: Number(url.port || 80) });
    for (const socket of agent.freeSockets[name] ?? []) socket.destroy();
  }

  private async getOnce(url: URL, headers: http.OutgoingHttpHeaders, signal: AbortSignal): Promise<Answer> {
    const request = { method: 'GET', headers, signal };
    try {
      return await this.send(url, { ...request, keep: true });
    } catch (error) {
      if (!(error instanceof StaleConnectionError)) throw error;
      return await this.send(url, { ...request, keep: false });
    }
  }

  /** Runs one exchange with its deadline, and turns whatever goes wrong into a MastodonError. */
  private async withinDeadline(
    url: URL,
    exchange: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.settings.outbound.timeoutMs);
    try {
      return await exchange(deadline.signal);
    } catch (error) {
      throw asMastodonError(error, deadline.signal.aborted).at(url.host);
    } finally {
      clearTimeout(timer);
    }
  }

  private lookupFor(url: URL): LookupFunction | undefined {
    const { developmentOrigins, outbound } = this.settings;
    if (!developmentOrigins.has(url.origin)) return publicLookup(outbound.lookup);
    return outbound.lookup && uncheckedLookup(outbound.lookup);
  }

  private send(url: URL, outgoing: Outgoing): Promise<Answer> {
    const { developmentOrigins, outbound, userAgent } = this.settings;
    if (!isReachableURL(url, developmentOrigins)) {
      return Promise.reject(
        new MastodonError('instance_unreachable', { cause: new PrivateAddressError(url.host) }),
      );
    }
    const lookup = this.lookupFor(url);
    const secure = url.protocol === 'https:';
    const agents = outgoing.keep ? this.agents.kept : this.agents.fresh;
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(url, {
        method: outgoing.method,
        headers: { ...outgoing.headers, 'user-agent': userAgent, 'accept-encoding': 'gzip, deflate' },
        agent: secure ? agents.https : agents.http,
        signal: outgoing.signal,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 1000,
        ...(lookup && { lookup }),
        ...(secure && {
          rejectUnauthorized: true,
          ...(this.secureContext && { secureContext: this.secureContext }),
        }),
      } as https.RequestOptions);
      request.on('error', (error: NodeJS.ErrnoException) => {
        reject(request.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnectionError(error) : error);
      });
      // What the body's own limit does not see: interim answers, chunk extensions, compressed nothing.
      request.on('socket', (socket) => {
        let received = 0;
        const count = (bytes: Buffer) => {
          received += bytes.length;
          if (received <= outbound.maxResponseBytes + maxOverheadBytes) return;
          reject(new MastodonError('response_too_large'));
          request.destroy();
        };
        socket.on('data', count);
        request.once('close', () => socket.off('data', count));
      });
      request.on('upgrade', (_response, socket) => {
        socket.destroy();
        reject(
          new MastodonError('response_invalid', { cause: new Error('the server changed the protocol') }),
        );
      });
      request.on('response', (response) => {
        readBody(response, outbound.maxResponseBytes)
          .then((text) => ({
            status: response.statusCode ?? 0,
            url,
            contentType: response.headers['content-type'] ?? '',
            headers: response.headers,
            text,
          }))
          .then(resolve, (error: unknown) => {
            // Whatever was not read is not wanted: the connection goes, and the rest of the body with it.
            request.destroy();
            reject(error);
          });
      });
      request.end(outgoing.body);
    });
  }
}

interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

interface Outgoing {
  readonly method: string;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Whether the connection may be one kept from before, and is kept afterwards. */
  readonly keep: boolean;
}

/** A kept connection turned out to be closed before anything came back. */
class StaleConnectionError extends Error {
  constructor(cause: Error) {
    super('a kept connection was closed', { cause });
  }
}

function redirectTarget(answer: Answer): URL | undefined {
  const location = answer.headers.location;
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  if (!URL.canParse(location, answer.url.href)) {
    throw new MastodonError('response_invalid', { cause: new Error('redirect to an unreadable URL') });
  }
  return new URL(location, answer.url);
}

function asMastodonError(error: unknown, timedOut: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (timedOut) return new MastodonError('timeout');
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW')
    return new MastodonError('response_too_large', { cause: new Error(code) });
  // Errors of the HTTP parser hold the bytes that came, which may be a token; so only their code is kept.
  if (/^(HPE_|Z_)/.test(code)) return new MastodonError('response_invalid', { cause: new Error(code) });
  // Certificate errors quote the names in the server's certificate.
  const message = code.startsWith('ERR_TLS_') ? code : (error as Error).message;
  return new MastodonError('instance_unreachable', {
    cause: Object.assign(new Error(message), code && { code }),
  });
}

function withDefaultRoots(extra: NonNullable<Settings['outbound']['ca']>): Array<string | Buffer> {
  return [
    ...tls.rootCertificates,
    ...(Array.isArray(extra) ? (extra as Array<string | Buffer>) : [extra as string]),
  ];
}
