/** The one way out: every request to an instance is made here, under all the rules at once. */

import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';
import { isReachableURL } from './addresses.js';
import type { Budget } from './budget.js';
import type { Outgoing } from './connection.js';
import { Connections } from './connections.js';
import { Deadline } from './deadline.js';
import { exchange, exchangeError, StaleConnectionError, unreachable, type Answer } from './exchange.js';
import { documentBytes } from './limits.js';
import { parsedURL } from '../util/url.js';

export type { Answer } from './exchange.js';

export interface GetOptions {
  /** How many redirects are followed, each checked like the first URL. Default 3. */
  readonly redirects?: number;
  /** Sent as `Authorization: Bearer`; such a request follows no redirect. */
  readonly accessToken?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /**
   * Most bytes of the body, where `outbound.maxResponseBytes` is not less. Default: what discovery documents need;
   * with an access token, what an account needs.
   */
  readonly maxBytes?: number;
}

export interface PostOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly accessToken?: string;
}

export class Network {
  constructor(
    private readonly settings: Settings,
    private readonly connections = new Connections(settings.outbound),
    private readonly budget?: Budget,
  ) {}

  /** The same network for one login: all of its requests share the budget, beside the deadline that each has. */
  within(budget: Budget): Network {
    return new Network(this.settings, this.connections, budget);
  }

  /** A GET that follows redirects. A reset on a kept connection is tried once more on a fresh one. */
  async get(target: string, options: GetOptions = {}): Promise<Answer> {
    const { accessToken, accept = 'application/json' } = options;
    const { maxResponseBytes, maxAccountBytes } = this.settings.outbound;
    const maxBytes =
      accessToken === undefined
        ? Math.min(options.maxBytes ?? documentBytes, maxResponseBytes)
        : Math.min(options.maxBytes ?? maxAccountBytes, maxAccountBytes);
    const headers = this.headers(accept, accessToken);
    const first = new URL(target);
    return this.withinDeadline(first, async (deadline) => {
      let left = accessToken !== undefined ? 0 : (options.redirects ?? 3);
      let url = first;
      for (;;) {
        const answer = await this.step(url, { method: 'GET', headers, maxBytes }, deadline);
        const next = left > 0 ? redirectTarget(answer) : undefined;
        if (!next) return answer;
        url = next;
        left--;
      }
    });
  }

  /** A POST of a form. It follows no redirect, and what may have been sent is never repeated. */
  async post(target: string, form: Readonly<Record<string, string | undefined>>): Promise<Answer> {
    const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
    const body = new URLSearchParams(fields).toString();
    const type = 'application/x-www-form-urlencoded';
    return this.postBody(target, body, type, undefined, this.settings.outbound.maxResponseBytes);
  }

  /** The same of JSON. With an access token the answer may be as large as an account. */
  async postJSON(target: string, value: unknown, { accessToken }: PostOptions = {}): Promise<Answer> {
    const { maxResponseBytes, maxAccountBytes } = this.settings.outbound;
    const maxBytes = accessToken === undefined ? maxResponseBytes : maxAccountBytes;
    return this.postBody(target, JSON.stringify(value), 'application/json', accessToken, maxBytes);
  }

  private postBody(
    target: string,
    body: string,
    contentType: string,
    accessToken: string | undefined,
    maxBytes: number,
  ): Promise<Answer> {
    const url = new URL(target);
    const headers = this.headers('application/json', accessToken);
    headers['content-type'] = contentType;
    return this.withinDeadline(url, (deadline) => {
      if (url.protocol === 'http:') this.connections.dropIdle(url);
      return this.step(url, { method: 'POST', headers, body, maxBytes }, deadline);
    });
  }

  private headers(accept: string, accessToken: string | undefined): Record<string, string> {
    const headers: Record<string, string> = {
      accept,
      'accept-encoding': 'gzip, deflate',
      'user-agent': this.settings.userAgent,
    };
    if (accessToken !== undefined) headers.authorization = `Bearer ${accessToken}`;
    return headers;
  }

  /** Runs one exchange with its deadline, and turns whatever goes wrong into a MastodonError. */
  private async withinDeadline(
    url: URL,
    exchanges: (deadline: Deadline) => Promise<Answer>,
  ): Promise<Answer> {
    const limitMs = Math.min(this.settings.outbound.timeoutMs, this.budget?.remainingMs ?? Infinity);
    // A timer of no length would still let a request out, and timers end up to a millisecond early.
    if (limitMs < 1) throw new MastodonError('timeout', { instance: url.host });
    const deadline = new Deadline(Math.ceil(limitMs));
    try {
      return await exchanges(deadline);
    } catch (error) {
      throw exchangeError(error, deadline.isOver).at(url.host);
    } finally {
      deadline.clear();
    }
  }

  /** One step of a way that redirects may lengthen, told to the site's log. */
  private async step(url: URL, step: Outgoing, deadline: Deadline): Promise<Answer> {
    const begun = performance.now();
    try {
      const answer = await this.send(url, step, deadline);
      this.report(url, step.method, begun, { status: answer.status });
      return answer;
    } catch (error) {
      this.report(url, step.method, begun, { code: exchangeError(error, deadline.isOver).code });
      throw error;
    }
  }

  private async send(url: URL, step: Outgoing, deadline: Deadline): Promise<Answer> {
    const { developmentOrigins } = this.settings;
    if (!isReachableURL(url, developmentOrigins)) throw unreachable(url);
    const isDevelopment = developmentOrigins.has(url.origin);
    try {
      return await exchange(this.connections, url, step, isDevelopment, deadline);
    } catch (error) {
      if (!(error instanceof StaleConnectionError) || (step.method !== 'GET' && error.wasSent)) throw error;
      return await exchange(this.connections, url, step, isDevelopment, deadline, false);
    }
  }

  /** Without the query, where a handle may be; and never in the way of the request. */
  private report(
    url: URL,
    method: string,
    begun: number,
    outcome: { readonly status: number } | { readonly code: string },
  ): void {
    const { host, pathname } = url;
    const path = pathname.slice(0, maxLoggedPath);
    const fields = { method, host, path, ...outcome, milliseconds: Math.round(performance.now() - begun) };
    try {
      this.settings.log?.('request', fields);
    } catch {
      // A log that fails is the site's own matter.
    }
  }
}

/** Whoever redirects chooses the path. */
const maxLoggedPath = 200;

/**
 * Where an answer redirects to, if it does.
 * @param instance whose answer it is, where the caller cannot say so later
 * @throws MastodonError `response_invalid`
 */
export function redirectTarget({ status, headers, url }: Answer, instance?: string): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const target = parsedURL(location, url.href);
  if (target) return target;
  const cause = new Error('redirect to an unreadable URL');
  throw new MastodonError('response_invalid', { instance, cause });
}
