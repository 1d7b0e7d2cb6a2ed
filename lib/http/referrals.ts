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
  /** Maximum requests of one source. */
  readonly ofSource?: number;
}

type Kind = 'discovery' | 'pending' | 'known' | 'unseen' | 'own' | 'typedPending' | 'absent';

const allowances: Record<Kind, Allowance> = {
  // Requests to a domain from a redirect, WebFinger or metadata. Each kind has a higher limit than the one before, because
  // fewer visitors can cause it: any visitor; a visitor with a pending login at the server; a visitor whose typed domain has
  // led to a finished login at the server.
  discovery: { most: 44, share: 1 / 4 },
  pending: { most: 54, share: 1 / 8 },
  known: { most: 60, share: 1 / 2 },
  // Requests to the domain that the visitor typed: a host on which no server was found so far; the domain itself, or a host
  // with a server; a visitor with a pending login at the server. Visitors can make up any number of hosts and codes. So each
  // has a limit that leaves some requests for the first login at the domain itself and at a host with a server.
  unseen: { most: 90, share: 1 / 2, ofKind: 52 },
  own: { most: 90, share: 2 / 3 },
  typedPending: { most: 120, share: 1 / 2, ofKind: 60 },
  // Names of one domain without an address, which are looked up and not counted as requests. The limit of one name is the
  // number of documents that a start asks for.
  absent: { most: 600, share: 1, ofSource: 5 },
};

/** Concurrent referred requests to one domain. */
const maxAtOnce = 8;

/** Concurrent requests to typed hosts of one domain that may not exist. */
const maxUnseenAtOnce = 16;

/** Codes of a host without a public address, to which no request was sent. */
const absentCodes: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'EPRIVATE']);

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
  /**
   * Hosts at which a login was finished, so that requests of visitors who type them are unlimited; and pairs of a typed
   * domain and the domain of such a host.
   */
  readonly inUse = boundedMap<true>(10_000);
  /** Hosts on which a server was found. */
  readonly found = boundedMap<true>(10_000);
  /** Requests of the last minute. */
  private readonly sent = boundedMap<Set<Sent>>(10_000);
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
    const { host, typed = '', standing, hasHandle } = referral;
    const [domain, source] = [domainOf(host), domainOf(typed)];
    const cause = 'too many requests were referred to it in a minute';
    if (source !== domain) {
      const isKnown = this.inUse.has(`${source} ${domain}`);
      const kind = isKnown ? 'known' : standing === 'pending' ? 'pending' : 'discovery';
      if (standing !== 'confirmed' && !this.count(domain, source, kind))
        throw new MastodonError('login_busy', { instance: host, cause });
      return this.turns.run(referral, host, send);
    }
    if (standing === 'confirmed' || this.inUse.has(host)) return send();
    const isOwn = host === domain || host.startsWith(`${domain}:`) || this.found.has(host);
    const kind = standing ? 'typedPending' : isOwn ? 'own' : 'unseen';
    // Visitors can make up any number of handles, so the starts with a handle are counted separately from the others.
    const key = `${hasHandle && !standing ? 'handles' : 'typed'} ${domain}`;
    const counted = async () => {
      const forget = this.count(key, host, kind);
      if (!forget) throw new MastodonError('login_busy', { instance: host, cause });
      try {
        return await send();
      } catch (error) {
        // No request was sent. Otherwise made-up names would use up the limit of the domain.
        const isAbsent = absentCodes.has((error as NodeJS.ErrnoException).code);
        if (isAbsent && this.count(`absent ${domain}`, host, 'absent')) forget();
        throw error;
      }
    };
    return kind === 'unseen' ? this.unseenTurns.run(referral, host, counted) : counted();
  }

  /** Counts a request, unless its limit is reached. @returns a function that takes the request out of the count */
  private count(key: string, source: string, kind: Kind): (() => void) | undefined {
    const { most, share, ofKind = Infinity, ofSource = Infinity } = allowances[kind];
    const now = performance.now();
    const sent = this.sent.get(key) ?? new Set();
    let [sameKind, own] = [0, 0];
    for (const one of sent) {
      if (now - one.at >= minuteMs) sent.delete(one);
      else if (one.kind === kind) {
        sameKind++;
        if (one.source === source) own++;
      }
    }
    const ownMost = Math.min(ofSource, Math.ceil((most - (sent.size - own)) * share));
    if (own >= ownMost || sameKind >= ofKind) return undefined;
    const added = { at: now, source, kind };
    this.sent.set(key, sent.add(added));
    return () => void sent.delete(added);
  }

  /** Records that the host issued a token for a login whose visitor typed `typed`. */
  confirm(host: string, typed = ''): void {
    const [domain, source] = [domainOf(host), domainOf(typed)];
    this.inUse.set(host, true);
    this.inUse.set(`${source} ${domain}`, true);
    const sent = this.sent.get(domain);
    const confirmed = sent && [...sent].findLast((one) => one.source === source && one.kind !== 'discovery');
    if (confirmed) sent.delete(confirmed);
  }
}
