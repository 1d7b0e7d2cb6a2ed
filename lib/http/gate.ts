/** Bounds how much work is under way at once: in all, for one instance, and for all that share its domain. */

import { MastodonError } from '../errors.js';
import type { Budget } from './budget.js';
import { domainOf } from './domain.js';

export interface GateLimits {
  /** Pieces of work under way at the same time. */
  readonly inAll: number;
  /** Of these, how many for one instance. */
  readonly perInstance: number;
  /** And how many for all hosts of one domain together. Default: a quarter of `inAll`, at least `perInstance`. */
  readonly perDomain?: number;
  /** Pieces that may wait; one more is refused. */
  readonly waiting: number;
  /** How long a piece may wait. Milliseconds. */
  readonly waitMs: number;
}

interface Waiting {
  readonly host: string;
  readonly domain: string;
  readonly admit: () => void;
  readonly refuse: () => void;
}

export class Gate {
  private readonly limits: Required<GateLimits>;
  /** The last places are for domains that have next to none: a few crowds together must not hold them all. */
  private readonly spare: { readonly places: number; readonly each: number };
  private activeInAll = 0;
  private readonly active = { hosts: new Counter(), domains: new Counter() };
  private readonly queue = new Set<Waiting>();
  private readonly queued = new Counter();

  constructor(limits: GateLimits) {
    const perDomain = Math.max(limits.perInstance, Math.ceil(limits.inAll / 4));
    this.limits = { perDomain, ...limits };
    const isShared = this.limits.perDomain < limits.inAll;
    this.spare = {
      places: isShared ? Math.floor(limits.inAll / 4) : 0,
      each: Math.max(1, Math.floor(limits.inAll / 64)),
    };
  }

  /** @throws MastodonError `login_busy` when too much is waiting, it waited too long, or the budget ran out. */
  async run<T>(host: string, work: () => Promise<T>, budget?: Budget): Promise<T> {
    const domain = domainOf(host);
    if (this.hasRoom(host, domain)) this.enter(host, domain);
    else await this.wait(host, domain, budget);
    try {
      return await work();
    } finally {
      this.leave(host, domain);
    }
  }

  private hasRoom(host: string, domain: string): boolean {
    const { inAll, perInstance, perDomain } = this.limits;
    const isScarce = this.activeInAll >= inAll - this.spare.places;
    return (
      this.activeInAll < inAll &&
      this.active.hosts.of(host) < perInstance &&
      this.active.domains.of(domain) < (isScarce ? Math.min(this.spare.each, perDomain) : perDomain)
    );
  }

  private enter(host: string, domain: string): void {
    this.activeInAll++;
    this.active.hosts.add(host, 1);
    this.active.domains.add(domain, 1);
  }

  private leave(host: string, domain: string): void {
    this.activeInAll--;
    this.active.hosts.add(host, -1);
    this.active.domains.add(domain, -1);
    for (let next = this.next(); next; next = this.next()) next.admit();
  }

  /** Whose domain has least under way, so that a crowd at one does not hold up the others; else who came first. */
  private next(): Waiting | undefined {
    if (this.activeInAll >= this.limits.inAll) return undefined;
    let best: Waiting | undefined;
    for (const waiting of this.queue) {
      if (!this.hasRoom(waiting.host, waiting.domain)) continue;
      const { domains } = this.active;
      if (!best || domains.of(waiting.domain) < domains.of(best.domain)) best = waiting;
    }
    return best;
  }

  private wait(host: string, domain: string, budget: Budget | undefined): Promise<void> {
    if (!this.mayQueue(domain)) return Promise.reject(busy(host));
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        clearTimeout(timer);
        this.queue.delete(waiting);
        this.queued.add(domain, -1);
      };
      const waiting: Waiting = {
        host,
        domain,
        admit: () => {
          leaveQueue();
          this.enter(host, domain);
          resolve();
        },
        refuse: () => {
          leaveQueue();
          reject(busy(host));
        },
      };
      const waitMs = Math.min(this.limits.waitMs, budget?.remainingMs ?? Infinity);
      const timer = setTimeout(waiting.refuse, waitMs);
      this.queue.add(waiting);
      this.queued.add(domain, 1);
    });
  }

  /** When the queue is full, the domain that most are waiting for gives up its last place. */
  private mayQueue(domain: string): boolean {
    if (this.queue.size < this.limits.waiting) return true;
    const [heaviest, count] = this.queued.largest();
    if (count <= this.queued.of(domain) + 1) return false;
    [...this.queue].findLast((waiting) => waiting.domain === heaviest)?.refuse();
    return true;
  }
}

/** How many there are of each name; a name that has none takes no room. */
class Counter {
  private readonly counts = new Map<string, number>();

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: string, difference: 1 | -1): void {
    const count = this.of(name) + difference;
    if (count === 0) this.counts.delete(name);
    else this.counts.set(name, count);
  }

  largest(): [name: string | undefined, count: number] {
    return [...this.counts].reduce<[string | undefined, number]>(
      (largest, entry) => (entry[1] > largest[1] ? entry : largest),
      [undefined, 0],
    );
  }
}

function busy(instance: string): MastodonError {
  return new MastodonError('login_busy', { instance, cause: new Error('too many logins are under way') });
}
