/** The context of requests (deadline, `allowInstance`, referral rate limits), and work that several callers share. */

import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';
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
  readonly allowed: Map<string, Promise<void>>;
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
  private readonly controller = new AbortController();
  /** Aborted at the deadline, and by `end`. */
  readonly signal: AbortSignal = this.controller.signal;
  private endRaces!: (result: typeof over) => void;
  private readonly over = new Promise<typeof over>((resolve) => (this.endRaces = resolve));
  /** Contexts that end with this one. */
  private readonly children = new Set<RequestContext>();
  private readonly endsAt: number;
  private readonly timer: NodeJS.Timeout;
  /** See `ContextOptions`. `finish` sets it once the transaction is read. */
  typed: string | undefined;
  private hasHandle: boolean;

  constructor(
    readonly http: Http,
    options: ContextOptions,
    private readonly hosts: Hosts = { allowed: new Map(), standing: new Map() },
    private readonly parent?: RequestContext,
  ) {
    parent?.children.add(this);
    this.settings = http.settings;
    this.typed = options.typed;
    this.hasHandle = options.hasHandle ?? false;
    this.endsAt = performance.now() + options.timeoutMs;
    this.timer = setTimeout(() => this.end(), Math.ceil(options.timeoutMs));
    // Timers may fire a millisecond early. Less than 1 ms is too short for a request.
    if (options.timeoutMs < 1) this.end();
  }

  /** Whether the work ended before its deadline, because its result is not needed. Timers may fire some milliseconds early. */
  get isNotNeeded(): boolean {
    return this.signal.aborted && this.endsAt - performance.now() > 5;
  }

  /** Milliseconds, never negative. */
  get remainingMs(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.endsAt - performance.now());
  }

  /** @throws MastodonError `timeout` once the deadline has passed */
  throwIfOver(): void {
    if (this.remainingMs === 0) throw this.timeout();
  }

  /**
   * Waits for work that may continue without this caller.
   * @param host named in the error; default: the typed host
   * @throws MastodonError `timeout` at the deadline
   */
  async race<T>(work: PromiseLike<T>, host?: string): Promise<T> {
    const result = await Promise.race([this.over, work]);
    if (result === over) throw this.timeout(host);
    return result;
  }

  /** A context for part of the work, with the same or an earlier deadline. The caller calls its `end`. */
  within(timeoutMs: number): RequestContext {
    const { typed, hasHandle } = this;
    const options = { typed, hasHandle, timeoutMs: Math.min(timeoutMs, this.remainingMs) };
    return new RequestContext(this.http, options, this.hosts, this);
  }

  /** A context for shared work, with the same limits and its own deadline. The caller calls its `end`. */
  detached(timeoutMs = this.settings.outbound.loginTimeoutMs): RequestContext {
    const { typed, hasHandle } = this;
    return new RequestContext(this.http, { typed, hasHandle, timeoutMs }, this.hosts);
  }

  /**
   * Calls the site's `allowInstance`, once for each host.
   * @throws MastodonError `instance_not_allowed`; `instance_unsupported` after too many hosts; `timeout`; and what
   *   `allowInstance` throws
   */
  assertAllowed(host: string): Promise<void> {
    const { allowed } = this.hosts;
    const known = allowed.get(host);
    const asked = known ?? this.askSite(host, allowed.size >= maxHosts);
    if (!known) allowed.set(host, asked);
    return this.race(asked, host);
  }

  /** Sends a request once the referral rate limits allow it. @throws MastodonError `login_busy` */
  limited<T>({ host }: URL, send: () => Promise<T>): Promise<T> {
    const { typed, hasHandle, signal } = this;
    const standing = this.hosts.standing.get(host);
    return this.http.referrals.run({ host, typed, hasHandle, standing, signal }, send);
  }

  /** Sets what the visitor typed. */
  startAt({ host, username }: { readonly host: string; readonly username?: string }): void {
    this.typed = host;
    this.hasHandle = username !== undefined;
  }

  /** Records that the visitor's login is pending at this host. */
  isPendingAt(host: string): void {
    this.hosts.standing.set(host, 'pending');
  }

  /** Records that the host issued a token for the code of the visitor's login. */
  isConfirmedBy(host: string): void {
    this.hosts.standing.set(host, 'confirmed');
    this.http.referrals.confirm(host, this.typed);
  }

  /** Clears the timer, and aborts running requests. */
  end(): void {
    clearTimeout(this.timer);
    this.parent?.children.delete(this);
    for (const child of this.children) child.end();
    this.endRaces(over);
    // Without a reason, Node.js makes an error with a stack trace for every request.
    this.controller.abort(over);
  }

  private async askSite(host: string, isTooMany: boolean): Promise<void> {
    if (isTooMany) {
      const cause = 'one login has led to too many hosts';
      throw new MastodonError('instance_unsupported', { instance: host, cause });
    }
    const { allowInstance } = this.settings;
    if (allowInstance && !(await allowInstance(host))) {
      throw new MastodonError('instance_not_allowed', { instance: host });
    }
  }

  private timeout(instance = this.typed): MastodonError {
    return new MastodonError('timeout', { instance });
  }
}

/**
 * Shares one running task among all callers with one key. The task is registered before its first await, so only one of
 * two callers starts it. It is removed when it settles, so the next caller starts a new one.
 */
export class SingleFlight<T> {
  private readonly underWay = new Map<string, Promise<T>>();

  /** The running task of a key, if there is one. */
  joined(key: string): Promise<T> | undefined {
    return this.underWay.get(key);
  }

  /**
   * Starts the task of a key, or joins the running one. All callers share one result. Each caller gets a new error.
   * @param context its deadline ends the wait of the caller, not the task
   * @param work gets a separate context with the time limit of a login
   * @throws MastodonError `timeout`; what the work throws
   */
  async join(key: string, context: RequestContext, work: (shared: RequestContext) => Promise<T>): Promise<T> {
    const joined = this.underWay.get(key);
    let flight = joined;
    if (!flight) {
      const shared = context.detached();
      flight = (async () => work(shared))().finally(() => {
        this.underWay.delete(key);
        shared.end();
      });
      this.underWay.set(key, flight);
    }
    try {
      return await context.race(flight);
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      // Limits of the visitor who started the work say nothing about this one.
      if (joined && error.code === 'login_busy' && !context.signal.aborted)
        return this.join(key, context, work);
      throw error.with({});
    }
  }
}
