/** Limits requests to third parties that visitors cause (referral rate limit). */

import { MastodonError } from '../errors.js';
import { domainOf } from './addresses.js';
import { ConcurrencyLimit } from './concurrency.js';
import { boundedMap } from '../util/memory.js';

const minuteMs = 60_000;

interface Allowance {
  /** Maximum requests per minute to one domain, including those of the other kinds. */
  readonly most: number;
  /** Fraction of the remaining requests that one typed domain may use. */
  readonly share: number;
}

/**
 * The kinds of requests. Each kind has a higher limit than the one before, because fewer visitors can cause it.
 * `discovery`: any visitor. `pending`: a visitor with a pending login at the server. `known`: a visitor whose typed
 * domain has led to a finished login at the server.
 */
type Kind = 'discovery' | 'pending' | 'known';

/** Limits for requests to the domain that the visitor typed. */
const typedAllowances: Record<Kind, Allowance | undefined> = {
  discovery: { most: 90, share: 1 },
  pending: { most: 120, share: 1 },
  known: undefined,
};

/** Limits for requests to a domain from a redirect, WebFinger or metadata. */
const referredAllowances: Record<Kind, Allowance | undefined> = {
  discovery: { most: 44, share: 1 / 4 },
  pending: { most: 54, share: 1 / 8 },
  known: { most: 60, share: 1 / 2 },
};

/** Concurrent referred requests to one domain. */
const maxAtOnce = 8;

interface Sent {
  readonly at: number;
  readonly source: string;
  readonly kind: Kind;
}

/** One request that a visitor caused. */
export interface Referral {
  /** Host that receives the request. */
  readonly host: string;
  /** Host that the visitor typed. Undefined for work without a visitor. */
  readonly typed: string | undefined;
  /** `pending`: the visitor's login is pending at the host. `confirmed`: the host issued a token for its code. */
  readonly standing?: 'pending' | 'confirmed' | undefined;
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
  private readonly turns = new ConcurrencyLimit({
    ...{ inAll: 1024, perInstance: maxAtOnce, perDomain: maxAtOnce, waiting: 1024 },
  });

  /**
   * Sends a request once the limits allow it.
   * @throws MastodonError `login_busy` without sending it
   */
  async run<T>(referral: Referral, send: () => Promise<T>): Promise<T> {
    const { host, typed = '', standing } = referral;
    const [domain, source] = [domainOf(host), domainOf(typed)];
    const isTyped = source === domain;
    const isKnown = this.known.has(isTyped ? host : `${source} ${domain}`);
    const kind = isKnown ? 'known' : standing === 'pending' ? 'pending' : 'discovery';
    const allowance = (isTyped ? typedAllowances : referredAllowances)[kind];
    const key = isTyped ? `typed ${domain}` : domain;
    if (standing !== 'confirmed' && allowance) this.count(key, host, { source, kind }, allowance);
    return isTyped ? send() : this.turns.run(referral, host, send);
  }

  private count(key: string, host: string, of: Omit<Sent, 'at'>, { most, share }: Allowance): void {
    const now = performance.now();
    const sent = (this.sent.get(key) ?? []).filter(({ at }) => now - at < minuteMs);
    const own = sent.filter(({ source, kind }) => source === of.source && kind === of.kind).length;
    if (own >= Math.ceil((most - (sent.length - own)) * share)) {
      const cause = 'too many requests were referred to it in a minute';
      throw new MastodonError('login_busy', { instance: host, cause });
    }
    this.sent.set(key, [...sent, { at: now, ...of }]);
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
    this.sent.set(
      domain,
      sent.filter((one) => one !== confirmed),
    );
  }
}
