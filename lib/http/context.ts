/** What every request to an instance needs: a deadline, the site's `allowInstance`, and the limits on third parties. */

import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';
import { Connections } from './connections.js';
import { ReferralLimits, type Referral } from './referrals.js';

/** What all requests of one login object share: settings, connections and the limits on third parties. */
export class Http {
  readonly connections: Connections;
  readonly referrals = new ReferralLimits();

  constructor(readonly settings: Settings) {
    this.connections = new Connections(settings);
  }

  context(options: ContextOptions): RequestContext {
    return new RequestContext(this, options);
  }
}

export interface ContextOptions {
  /** Milliseconds until the work of this context has to be over. */
  readonly timeoutMs: number;
  /**
   * Host that the visitor typed (or, in the second half of a login, the one that was typed for it). Requests to hosts of
   * another domain are counted as referred by it. Undefined: every request is a referred one.
   */
  readonly typed?: string | undefined;
}

/** Hosts that one piece of work may contact: the typed domain, the server behind it, and another name of each. */
const maxHosts = 4;

interface Hosts {
  /** What the site answered, by host. */
  readonly allowed: Map<string, Promise<void>>;
  /** What this login has at a host, see `Referral`. */
  readonly standing: Map<string, Referral['standing']>;
}

/**
 * The deadline and the rules of one piece of work: one half of a login, shared work, or background work.
 * @example
 * const context = http.context({ timeoutMs: 15_000, typed: 'mastodon.example' });
 * try {
 *   return await get(context, 'https://mastodon.example/api/v1/instance', {}, jsonObject);
 * } finally {
 *   context.end();
 * }
 */
export class RequestContext {
  private readonly controller = new AbortController();
  private readonly endsAt: number;
  private readonly timer: NodeJS.Timeout;
  /** See `ContextOptions`. The second half of a login knows it once the transaction is read. */
  typed: string | undefined;

  constructor(
    readonly http: Http,
    options: ContextOptions,
    private readonly hosts: Hosts = { allowed: new Map(), standing: new Map() },
  ) {
    this.typed = options.typed;
    this.endsAt = performance.now() + options.timeoutMs;
    this.timer = setTimeout(() => this.end(), Math.ceil(options.timeoutMs));
    // Timers may end a millisecond early: less than that is no time for a request.
    if (options.timeoutMs < 1) this.end();
  }

  get settings(): Settings {
    return this.http.settings;
  }

  /** Aborted at the deadline, and by `end`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get isOver(): boolean {
    return this.signal.aborted;
  }

  /** Milliseconds, never negative. */
  get remainingMs(): number {
    return this.isOver ? 0 : Math.max(0, this.endsAt - performance.now());
  }

  /** @throws MastodonError `timeout` once the deadline has passed */
  throwIfOver(): void {
    if (this.remainingMs === 0) throw this.timeout();
  }

  /**
   * The result of work that may go on without this caller.
   * @param host named in the error. Default: the host that was typed
   * @throws MastodonError `timeout` at the deadline
   */
  race<T>(work: PromiseLike<T>, host?: string): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(this.timeout(host));
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      const done = () => signal.removeEventListener('abort', stop);
      Promise.resolve(work).finally(done).then(resolve, reject);
    });
  }

  /** A context for a part of the work, which ends earlier or together with this one. The caller calls its `end`. */
  within(timeoutMs: number): RequestContext {
    const options = { typed: this.typed, timeoutMs: Math.min(timeoutMs, this.remainingMs) };
    const part = new RequestContext(this.http, options, this.hosts);
    const end = () => part.end();
    this.signal.addEventListener('abort', end, { once: true });
    part.signal.addEventListener('abort', () => this.signal.removeEventListener('abort', end), {
      once: true,
    });
    return part;
  }

  /** A context for work that callers share: under the same rules, with a deadline of its own. The caller calls its `end`. */
  detached(timeoutMs = this.settings.outbound.loginTimeoutMs): RequestContext {
    return new RequestContext(this.http, { typed: this.typed, timeoutMs }, this.hosts);
  }

  /**
   * Asks the site's `allowInstance`, once for each host.
   * @throws MastodonError `instance_not_allowed`; `instance_unsupported` where the work has led to too many hosts;
   *   `timeout`; and what `allowInstance` throws
   */
  assertAllowed(host: string): Promise<void> {
    const { allowed } = this.hosts;
    const known = allowed.get(host);
    const asked = known ?? this.ask(host, allowed.size >= maxHosts);
    if (!known) allowed.set(host, asked);
    return this.race(asked, host);
  }

  /** Sends a request once the limits on third parties allow it. @throws MastodonError `login_busy` */
  limited<T>(host: string, send: () => Promise<T>): Promise<T> {
    const { typed, signal } = this;
    const standing = this.hosts.standing.get(host);
    return this.http.referrals.run({ host, typed, standing, signal }, send);
  }

  /** The visitor's login is pending at this host. */
  isPendingAt(host: string): void {
    this.hosts.standing.set(host, 'pending');
  }

  /** The host has given a token for the code of the visitor's login. */
  isConfirmedBy(host: string): void {
    this.hosts.standing.set(host, 'confirmed');
    this.http.referrals.confirm(host, this.typed);
  }

  /** Ends the timer, and what is still under way. */
  end(): void {
    clearTimeout(this.timer);
    this.controller.abort();
  }

  private async ask(host: string, isTooMany: boolean): Promise<void> {
    if (isTooMany) {
      const cause = new Error('one login has led to too many hosts');
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
 * Lets any number of callers share one piece of work that is under way. The work is registered before its first await, so of
 * two callers with one key exactly one starts it. It is forgotten when it ends, well or badly: the next caller starts it anew.
 */
export class SingleFlight<T> {
  private readonly underWay = new Map<string, Promise<T>>();

  /** The work under way for a key, if there is any. */
  joined(key: string): Promise<T> | undefined {
    return this.underWay.get(key);
  }

  /**
   * Starts the work for a key, or joins the work under way. All callers share one result; each gets an error of its own.
   * @param context its deadline ends the caller's wait, and not the work
   * @param work gets a context of its own, with the time of a whole login
   * @throws MastodonError `timeout`; what the work throws
   */
  async join(key: string, context: RequestContext, work: (shared: RequestContext) => Promise<T>): Promise<T> {
    const joined = this.underWay.get(key);
    try {
      return await context.race(joined ?? this.start(key, context.detached(), work));
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      // Limits of the visitor who started the work say nothing about this one.
      if (joined && error.code === 'login_busy' && !context.isOver) return this.join(key, context, work);
      throw error.with({});
    }
  }

  private start(
    key: string,
    shared: RequestContext,
    work: (shared: RequestContext) => Promise<T>,
  ): Promise<T> {
    const started = (async () => work(shared))().finally(() => {
      this.underWay.delete(key);
      shared.end();
    });
    this.underWay.set(key, started);
    return started;
  }
}
