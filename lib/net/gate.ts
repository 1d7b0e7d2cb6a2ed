/** Bounds how much work is under way at once, in all and for one instance. */

import { MastodonError } from '../errors.js';

export interface GateLimits {
  /** Pieces of work under way at the same time. */
  readonly inAll: number;
  /** Of these, how many for one instance. */
  readonly perInstance: number;
  /** Pieces that may wait; one more is refused. */
  readonly waiting: number;
  /** How long a piece may wait. Milliseconds. */
  readonly waitMs: number;
}

interface Waiting {
  readonly host: string;
  readonly admit: () => void;
}

export class Gate {
  private readonly limits: GateLimits;
  private readonly active = new Map<string, number>();
  private activeInAll = 0;
  private readonly queue = new Set<Waiting>();

  constructor(limits: GateLimits) {
    this.limits = limits;
  }

  /** @throws MastodonError `instance_unreachable` (status 503) when too much is waiting or it waited too long. */
  async run<T>(host: string, work: () => Promise<T>): Promise<T> {
    if (this.hasRoom(host)) this.enter(host);
    else await this.wait(host);
    try {
      return await work();
    } finally {
      this.leave(host);
    }
  }

  private hasRoom(host: string): boolean {
    return this.activeInAll < this.limits.inAll && (this.active.get(host) ?? 0) < this.limits.perInstance;
  }

  private enter(host: string): void {
    this.activeInAll++;
    this.active.set(host, (this.active.get(host) ?? 0) + 1);
  }

  private wait(host: string): Promise<void> {
    if (this.queue.size >= this.limits.waiting) return Promise.reject(overloaded(host));
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        host,
        admit: () => {
          clearTimeout(timer);
          this.queue.delete(waiting);
          this.enter(host);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.queue.delete(waiting);
        reject(overloaded(host));
      }, this.limits.waitMs);
      this.queue.add(waiting);
    });
  }

  private leave(host: string): void {
    this.activeInAll--;
    const left = (this.active.get(host) ?? 1) - 1;
    if (left === 0) this.active.delete(host);
    else this.active.set(host, left);
    // First come, first served, but a crowd at one instance does not hold up the others.
    for (const waiting of this.queue) {
      if (this.activeInAll >= this.limits.inAll) return;
      if (this.hasRoom(waiting.host)) waiting.admit();
    }
  }
}

function overloaded(instance: string): MastodonError {
  return new MastodonError('instance_unreachable', {
    instance,
    status: 503,
    cause: new Error('too many logins are under way'),
  });
}
