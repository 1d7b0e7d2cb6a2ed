/** Limits how many requests visitors can cause at servers that they did not type. */

import { LRUCache } from 'lru-cache';
import { MastodonError } from '../errors.js';
import { domainOf } from './addresses.js';
import { ConcurrencyLimit } from './concurrency.js';

const minuteMs = 60_000;

interface Allowance {
  /** Requests to one domain within a minute, those of the other kinds included. */
  readonly most: number;
  /** The part of what the other sources have left that one typed domain may use up. */
  readonly share: number;
}

/**
 * Each kind of requests leaves some for the next one, which strangers can cause fewer of: those of an unknown visitor; those of
 * a visitor whose login is pending at the server; and those of visitors whose typed domain has led to a finished login there.
 */
type Kind = 'discovery' | 'pending' | 'known';

/** Where visitors typed a name of the domain. */
const typedAllowances: Record<Kind, Allowance | undefined> = {
  discovery: { most: 90, share: 1 },
  pending: { most: 120, share: 1 },
  known: undefined,
};

/** Where something else named the domain: a redirect, WebFinger, metadata. */
const referredAllowances: Record<Kind, Allowance | undefined> = {
  discovery: { most: 44, share: 1 / 4 },
  pending: { most: 54, share: 1 / 8 },
  known: { most: 60, share: 1 / 2 },
};

/** Referred requests to one domain at the same time. */
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
  /** Host that the visitor typed; undefined for work that no visitor started by typing. */
  readonly typed: string | undefined;
  /** `pending`: this visitor's login is pending at the host. `confirmed`: the host has given a token for its code. */
  readonly standing?: 'pending' | 'confirmed' | undefined;
  /** Ends the wait for a turn. */
  readonly signal: AbortSignal;
}

/**
 * Counts requests by registrable domain, in this process. Without it, the owner of one domain could use every site with this
 * package to send requests to a server of their choice.
 *
 * A request that ends in a token was wanted by a user of that server, and does not count.
 */
export class ReferralLimits {
  /** Requests of the last minute, by domain. */
  private readonly sent = new LRUCache<string, readonly Sent[]>({ max: 10_000 });
  /** Hosts at which a login was finished, and pairs of a typed domain and the domain of such a host. */
  private readonly known = new LRUCache<string, true>({ max: 10_000 });
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
      const cause = new Error('too many requests were referred to it in a minute');
      throw new MastodonError('login_busy', { instance: host, cause });
    }
    this.sent.set(key, [...sent, { at: now, ...of }]);
  }

  /** A login was finished at the host: visitors who type it cause any number of requests to it. */
  inUse(host: string): void {
    this.known.set(host, true);
  }

  /** The host has given a token for the code of a login whose visitor typed `typed`. */
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
