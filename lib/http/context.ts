/** The context of requests (deadline, `allowInstance`, referral rate limits), and work that several callers share. */

import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';
import { domainOf } from './addresses.js';
import type { ConcurrencyLimit } from './concurrency.js';
import { Connections } from './connections.js';
import { ReferralLimits, type Referral } from './referrals.js';

/** Shared by all requests of one login object: settings, connections and referral rate limits. */
export class Http {
  readonly connections: Connections;
  readonly referrals = new ReferralLimits();

  constructor(readonly settings: Settings) {
    this.connections = new Connections(settings);
  }
}

export interface ContextOptions {
  /** Deadline, in milliseconds from now. */
  readonly timeoutMs: number;
  /**
   * Host that the visitor typed for this login. Requests to other domains count as referred by it. Undefined: every
   * request counts as referred.
   */
  readonly typed?: string | undefined;
  /** Whether the visitor typed a handle. */
  readonly hasHandle?: boolean;
}

/** Maximum number of hosts per context: the typed domain, its server, and another name of each. */
const maxHosts = 4;

interface Hosts {
  /** Results of `allowInstance`, by host. */
  readonly allowed: Map<string, boolean | Promise<boolean>>;
  /** The state of this login at a host, see `Referral`. */
  readonly standing: Map<string, Referral['standing']>;
}

/** In place of a result: the deadline has passed. */
const over = Symbol('over');

/**
 * The deadline and the limits of one task: `begin`, `finish`, shared work, or background work.
 * @example
 * const context = new RequestContext(http, { timeoutMs: 15_000, typed: 'mastodon.example' });
 * try {
 *   return await get(context, 'https://mastodon.example/api/v1/instance', {}, jsonObject);
 * } finally {
 *   context.end();
 * }
 */
export class RequestContext {
  readonly settings: Settings;
  /** See `ContextOptions`. They change when the visitor's input or the transaction is read. */
  typed: string | undefined;
  hasHandle: boolean;
  /** Whether the work ended before its deadline, because its result is not needed. */
  isNotNeeded = false;
  private readonly controller = new AbortController();
  /** Aborted at the deadline, and by `end`. */
  readonly signal: AbortSignal = this.controller.signal;
  private endRaces!: (result: typeof over) => void;
  private readonly over = new Promise<typeof over>((resolve) => (this.endRaces = resolve));
  /** By `performance.now()`; 0 once it has ended. */
  private endsAt: number;
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly http: Http,
    { timeoutMs, typed, hasHandle = false }: ContextOptions,
    readonly hosts: Hosts = { allowed: new Map(), standing: new Map() },
  ) {
    this.settings = http.settings;
    this.typed = typed;
    this.hasHandle = hasHandle;
    this.endsAt = performance.now() + timeoutMs;
    this.timer = setTimeout(() => this.end(false), timeoutMs);
    // Less than 1 ms is too short for a request.
    if (timeoutMs < 1) this.end(false);
  }

  /** Equal for contexts whose requests count against the same referral rate limits. */
  get quota(): string {
    return JSON.stringify([domainOf(this.typed ?? ''), this.hasHandle, ...this.hosts.standing]);
  }

  /** Milliseconds, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.endsAt - performance.now());
  }

  /** @throws MastodonError `timeout` once the deadline has passed */
  throwIfOver(): void {
    if (performance.now() >= this.endsAt) throw new MastodonError('timeout', { instance: this.typed });
  }

  /**
   * Waits for work that may continue without this caller.
   * @param host named in the error; default: the typed host
   * @throws MastodonError `timeout` at the deadline
   */
  async race<T>(work: T | PromiseLike<T>, host = this.typed): Promise<T> {
    const result = await Promise.race([this.over, work]);
    if (result === over) throw new MastodonError('timeout', { instance: host });
    return result as T;
  }

  /** A context for part of the work, with the same or an earlier deadline. The caller calls its `end`. */
  within(timeoutMs: number): RequestContext {
    const { http, typed, hasHandle, hosts, remainingMs } = this;
    const own = { typed, hasHandle, timeoutMs: Math.min(timeoutMs, remainingMs) };
    const part = new RequestContext(http, own, hosts);
    this.signal.addEventListener('abort', () => part.end(this.isNotNeeded));
    return part;
  }

  /** A context for shared work, with the same limits and the time limit of a login. The caller calls its `end`. */
  detached(): RequestContext {
    const { http, typed, hasHandle, hosts, settings } = this;
    return new RequestContext(http, { typed, hasHandle, timeoutMs: settings.outbound.loginTimeoutMs }, hosts);
  }

  /**
   * Runs work for an instance under a limit, with a deadline of its own. The caller does not wait for it.
   * @param failed called with the error of the work or of the limit
   */
  async inBackground(
    limit: ConcurrencyLimit,
    host: string,
    work: (context: RequestContext) => Promise<void>,
    failed?: (error: unknown) => void,
  ): Promise<void> {
    const context = this.detached();
    try {
      await limit.run(context, host, () => work(context));
    } catch (error) {
      failed?.(error);
    } finally {
      context.end();
    }
  }

  /**
   * Calls the site's `allowInstance`, once for each host.
   * @throws MastodonError `instance_not_allowed`; `instance_unsupported` after too many hosts; `timeout`; and what
   *   `allowInstance` throws
   */
  async assertAllowed(host: string): Promise<void> {
    const { allowed } = this.hosts;
    if (!allowed.has(host)) {
      if (allowed.size >= maxHosts) {
        const cause = 'one login has led to too many hosts';
        throw new MastodonError('instance_unsupported', { instance: host, cause });
      }
      const { allowInstance } = this.settings;
      allowed.set(host, allowInstance ? allowInstance(host) : true);
    }
    const isAllowed: unknown = await this.race(allowed.get(host), host);
    if (isAllowed) return;
    const cause = `the option allowInstance returned ${String(isAllowed)}`;
    throw new MastodonError('instance_not_allowed', { instance: host, cause });
  }

  /** Clears the timer, and aborts running requests. */
  end(isNotNeeded = true): void {
    if (this.signal.aborted) return;
    this.isNotNeeded = isNotNeeded;
    this.endsAt = 0;
    clearTimeout(this.timer);
    this.endRaces(over);
    // Without a reason, Node.js makes an error with a stack trace for every request.
    this.controller.abort(over);
  }
}

/**
 * Shares one running task among all callers with one key. It is removed when it settles, so the next caller starts a new
 * one.
 */
export class SingleFlight<T> {
  private readonly underWay = new Map<string, { readonly result: Promise<T>; readonly quota: string }>();

  /** The running task of a key, if there is one. */
  joined(key: string): Promise<T> | undefined {
    return this.underWay.get(key)?.result;
  }

  /**
   * Starts the task of a key, or joins the running one. All callers share one result. Each caller gets a new error.
   * @param context its deadline ends the wait of the caller, not the task
   * @param work gets a separate context with the time limit of a login
   * @throws MastodonError `timeout`; what the work throws
   */
  async join(key: string, context: RequestContext, work: (shared: RequestContext) => Promise<T>): Promise<T> {
    const { quota } = context;
    let flight = this.underWay.get(key);
    if (!flight) {
      const shared = context.detached();
      const result = work(shared).finally(() => {
        this.underWay.delete(key);
        shared.end();
      });
      flight = { result, quota };
      this.underWay.set(key, flight);
    }
    try {
      return await context.race(flight.result);
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      // The limit that was reached is that of the visitor who started the work. A visitor with another one may have requests
      // left. If those with the same one tried again too, a thousand of them would block the process for seconds.
      if (error.code === 'login_busy' && flight.quota !== quota) return this.join(key, context, work);
      throw error.with({});
    }
  }
}
