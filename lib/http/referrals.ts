/** Limits requests to third parties that visitors cause (referral rate limit). */

import { MastodonError } from '../errors.js';
import { domainOf } from './addresses.js';
import { ConcurrencyLimit } from './concurrency.js';
import { boundedMap } from '../util/memory.js';

const minuteMs = 60_000;

interface Allowance {
  /** Maximum requests per minute to one domain, including those of the other kinds. */
  readonly most: number;
  /** Fraction of the remaining requests that one source may use: a typed domain, or a typed host of the domain itself. */
  readonly share: number;
  /** Maximum requests of this kind. */
  readonly ofKind?: number;
}

/**
 * The kinds of requests to a domain from a redirect, WebFinger or metadata. Each kind has a higher limit than the one before,
 * because fewer visitors can cause it. `discovery`: any visitor. `pending`: a visitor with a pending login at the server.
 * `known`: a visitor whose typed domain has led to a finished login at the server.
 */
type ReferredKind = 'discovery' | 'pending' | 'known';

/**
 * The kinds of requests to the domain that the visitor typed. Visitors can make up any number of hosts and codes. So each of
 * these has a limit that leaves some for the first login at the domain itself and at a host with a server.
 * `unseen`: a host on which no server was found so far. `own`: the domain itself, or a host with a server.
 * `pending`: a visitor with a pending login at the server.
 *
 * Visitors can make up any number of handles, too. So the starts with a handle are counted separately from the others.
 */
type TypedKind = 'unseen' | 'own' | 'pending';

/** There is no limit for a typed host at which a login was finished. */
const typedAllowances: Record<TypedKind, Allowance> = {
  unseen: { most: 90, share: 1 / 2, ofKind: 52 },
  own: { most: 90, share: 2 / 3 },
  pending: { most: 120, share: 1 / 2, ofKind: 60 },
};

const referredAllowances: Record<ReferredKind, Allowance> = {
  discovery: { most: 44, share: 1 / 4 },
  pending: { most: 54, share: 1 / 8 },
  known: { most: 60, share: 1 / 2 },
};

/** Concurrent referred requests to one domain. */
const maxAtOnce = 8;

/** Concurrent requests to typed hosts of one domain that may not exist. */
const maxUnseenAtOnce = 16;

/** Names of one domain without an address that are looked up per minute and not counted as requests. */
const maxAbsent = 600;

/** The same for one name: the number of documents that a start asks for. */
const maxAbsentOfHost = 5;

interface Sent {
  readonly at: number;
  readonly source: string;
  readonly kind: ReferredKind | TypedKind | 'absent';
}

/** One request that a visitor caused. */
export interface Referral {
  /** Host that receives the request. */
  readonly host: string;
  /** Host that the visitor typed. Undefined for work without a visitor. */
  readonly typed: string | undefined;
  /** `pending`: the visitor's login is pending at the host. `confirmed`: the host issued a token for its code. */
  readonly standing?: 'pending' | 'confirmed' | undefined;
  /** Whether the visitor typed a handle of that host. */
  readonly hasHandle?: boolean;
  /** Ends the wait for a turn. */
  readonly signal: AbortSignal;
}

/**
 * Counts requests by registrable domain, in this process. Without these limits, the owner of one domain could use every
 * site with this package to send requests to a chosen server.
 *
 * A request that leads to a token does not count, because a user of that server wanted it.
 */
export class ReferralLimits {
  /** Requests of the last minute, by domain. */
  private readonly sent = boundedMap<readonly Sent[]>(10_000);
  /** Hosts at which a login was finished, and pairs of a typed domain and the domain of such a host. */
  private readonly known = boundedMap<true>(10_000);
  /** Hosts with a server. */
  private readonly found = boundedMap<true>(10_000);
  private readonly turns = new ConcurrencyLimit({
    ...{ inAll: 1024, perInstance: maxAtOnce, perDomain: maxAtOnce, waiting: 1024 },
  });
  private readonly unseenTurns = new ConcurrencyLimit({
    ...{ inAll: 1024, perInstance: maxAtOnce, perDomain: maxUnseenAtOnce, waiting: 1024 },
  });

  /**
   * Sends a request once the limits allow it.
   * @throws MastodonError `login_busy` without sending it
   */
  async run<T>(referral: Referral, send: () => Promise<T>): Promise<T> {
    const { host, typed = '', standing } = referral;
    const [domain, source] = [domainOf(host), domainOf(typed)];
    if (source === domain) return this.runTyped(referral, domain, send);
    const isKnown = this.known.has(`${source} ${domain}`);
    const kind = isKnown ? 'known' : standing === 'pending' ? 'pending' : 'discovery';
    if (standing !== 'confirmed') this.count(domain, host, { source, kind }, referredAllowances[kind]);
    return this.turns.run(referral, host, send);
  }

  private async runTyped<T>(referral: Referral, domain: string, send: () => Promise<T>): Promise<T> {
    const { host, standing, hasHandle = false } = referral;
    if (standing === 'confirmed' || this.known.has(host)) return send();
    const isOwn = host.replace(/:\d+$/, '') === domain || host === domain || this.found.has(host);
    const kind = standing ?? (isOwn ? 'own' : 'unseen');
    const key = `${hasHandle && !standing ? 'handles' : 'typed'} ${domain}`;
    const counted = async () => {
      const sent = this.count(key, host, { source: host, kind }, typedAllowances[kind]);
      try {
        return await send();
      } catch (error) {
        // No request was sent. Otherwise made-up names would use up the limit of the domain.
        if (isAbsent(error) && this.countAbsent(domain, host)) this.uncount(key, sent);
        throw error;
      }
    };
    return isOwn || standing ? counted() : this.unseenTurns.run(referral, host, counted);
  }

  /** @throws MastodonError `login_busy` */
  private count(key: string, host: string, of: Omit<Sent, 'at'>, allowance: Allowance): Sent {
    const { most, share, ofKind = Infinity } = allowance;
    const sent = this.lastMinute(key);
    const ofSameKind = sent.filter(({ kind }) => kind === of.kind);
    const own = ofSameKind.filter(({ source }) => source === of.source).length;
    const isOver = own >= Math.ceil((most - (sent.length - own)) * share);
    if (isOver || ofSameKind.length >= ofKind) {
      const cause = 'too many requests were referred to it in a minute';
      throw new MastodonError('login_busy', { instance: host, cause });
    }
    return this.add(key, sent, of);
  }

  private lastMinute(key: string): readonly Sent[] {
    const now = performance.now();
    return (this.sent.get(key) ?? []).filter(({ at }) => now - at < minuteMs);
  }

  private add(key: string, sent: readonly Sent[], of: Omit<Sent, 'at'>): Sent {
    const added = { at: performance.now(), ...of };
    this.sent.set(key, [...sent, added]);
    return added;
  }

  private uncount(key: string, sent: Sent | undefined): void {
    const others = (this.sent.get(key) ?? []).filter((one) => one !== sent);
    this.sent.set(key, others);
  }

  /** @returns false if the host or too many names of the domain were looked up before */
  private countAbsent(domain: string, host: string): boolean {
    const key = `absent ${domain}`;
    const sent = this.lastMinute(key);
    const ofHost = sent.filter(({ source }) => source === host).length;
    if (sent.length >= maxAbsent || ofHost >= maxAbsentOfHost) return false;
    this.add(key, sent, { source: host, kind: 'absent' });
    return true;
  }

  /** Records that a server was found at the host. */
  serverFound(host: string): void {
    this.found.set(host, true);
  }

  isInUse(host: string): boolean {
    return this.known.has(host);
  }

  /** Records a finished login at the host. Requests of visitors who type this host are then unlimited. */
  inUse(host: string): void {
    this.known.set(host, true);
  }

  /** Records that the host issued a token for a login whose visitor typed `typed`. */
  confirm(host: string, typed = ''): void {
    const [domain, source] = [domainOf(host), domainOf(typed)];
    this.inUse(host);
    this.known.set(`${source} ${domain}`, true);
    const sent = this.sent.get(domain) ?? [];
    const confirmed = sent.findLast((one) => one.source === source && one.kind !== 'discovery');
    this.uncount(domain, confirmed);
  }
}

/** Whether no request was sent, because the host has no public address. */
function isAbsent(error: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA', 'EPRIVATE'].includes(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  );
}
