/** Limits concurrent work: in total, per instance, and per registrable domain. */

import { MastodonError } from '../errors.js';
import { domainOf } from './addresses.js';

export interface ConcurrencyOptions {
  /** Maximum number of running tasks. */
  readonly inAll: number;
  /** Maximum for one instance. */
  readonly perInstance: number;
  /** Maximum for all hosts of one domain. Default: a quarter of `inAll`, at least `perInstance`. */
  readonly perDomain?: number;
  /** Maximum number of waiting tasks; further ones are refused. */
  readonly waiting: number;
}

interface Piece {
  readonly host: string;
  readonly domain: string;
}

interface Waiting extends Piece {
  /** Ends the wait: the task starts, or is refused. */
  readonly end: (mayStart: boolean) => void;
}

export class ConcurrencyLimit {
  private readonly perDomain: number;
  /**
   * Tasks that any domain may use. The last quarter of `inAll` is reserved for domains with at most `reservedEach`
   * running tasks, so that a few domains cannot use all.
   */
  private readonly unreserved: number;
  private readonly reservedEach: number;
  private readonly active = new Set<Piece>();
  private readonly queue = new Set<Waiting>();

  constructor(private readonly limits: ConcurrencyOptions) {
    const { inAll, perInstance } = limits;
    this.perDomain = limits.perDomain ?? Math.max(perInstance, Math.ceil(inAll / 4));
    this.unreserved = this.perDomain < inAll ? inAll - Math.floor(inAll / 4) : inAll;
    this.reservedEach = Math.max(1, Math.floor(inAll / 64));
  }

  /**
   * Runs work for an instance once the limits allow it.
   * @param context its deadline ends the wait
   * @throws MastodonError `login_busy` if the queue is full, or the deadline has passed
   */
  async run<T>(context: { readonly signal: AbortSignal }, host: string, work: () => Promise<T>): Promise<T> {
    const piece = { host, domain: domainOf(host) };
    if (this.hasRoom(piece, countsOf(this.active))) this.active.add(piece);
    else await this.wait(piece, context.signal);
    try {
      return await work();
    } finally {
      this.active.delete(piece);
      while (this.queue.size > 0) {
        const next = this.next();
        if (!next) break;
        next.end(true);
      }
    }
  }

  private hasRoom({ host, domain }: Piece, { hosts, domains }: Counts): boolean {
    const { active, perDomain, reservedEach } = this;
    const mostOfDomain = active.size < this.unreserved ? perDomain : Math.min(reservedEach, perDomain);
    return (
      active.size < this.limits.inAll &&
      (hosts.get(host) ?? 0) < this.limits.perInstance &&
      (domains.get(domain) ?? 0) < mostOfDomain
    );
  }

  /**
   * The next task: the first one of the domain with the fewest running tasks. So many requests for one domain do not
   * delay others.
   */
  private next(): Waiting | undefined {
    const counts = countsOf(this.active);
    let best: Waiting | undefined;
    let least = Infinity;
    for (const one of this.queue) {
      const ofDomain = counts.domains.get(one.domain) ?? 0;
      if (ofDomain < least && this.hasRoom(one, counts)) [best, least] = [one, ofDomain];
    }
    return best;
  }

  private wait(piece: Piece, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || !this.mayQueue(piece)) return reject(busy(piece.host));
      const end = (mayStart: boolean) => {
        signal.removeEventListener('abort', refuse);
        this.queue.delete(waiting);
        if (!mayStart) return reject(busy(piece.host));
        this.active.add(piece);
        resolve();
      };
      const refuse = () => end(false);
      const waiting = { ...piece, end };
      signal.addEventListener('abort', refuse);
      this.queue.add(waiting);
    });
  }

  /**
   * Whether a task may wait. In a full queue, the newest task of a domain with the most waiting tasks is refused instead.
   */
  private mayQueue({ domain }: Piece): boolean {
    if (this.queue.size < this.limits.waiting) return true;
    const { domains } = countsOf(this.queue);
    const most = Math.max(...domains.values());
    if (most <= (domains.get(domain) ?? 0) + 1) return false;
    [...this.queue].findLast((waiting) => domains.get(waiting.domain) === most)?.end(false);
    return true;
  }
}

type Counts = Record<'hosts' | 'domains', ReadonlyMap<string, number>>;

/** Counts tasks by host and by domain. */
function countsOf(pieces: Iterable<Piece>): Counts {
  const hosts = new Map<string, number>();
  const domains = new Map<string, number>();
  for (const { host, domain } of pieces) {
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
    domains.set(domain, (domains.get(domain) ?? 0) + 1);
  }
  return { hosts, domains };
}

function busy(instance: string): MastodonError {
  return new MastodonError('login_busy', { instance, cause: 'too many logins are under way' });
}
