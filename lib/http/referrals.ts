/** Limits how many requests visitors can cause at servers that they did not type. */

import { MastodonError } from '../errors.js';
import { domainOf } from './addresses.js';

const minuteMs = 60_000;

/** Requests to one domain within a minute, where visitors typed a name of that domain. */
const maxTyped = 120;

/** Requests to one domain within a minute, where something else named it: a redirect, WebFinger, metadata. */
const maxReferred = 60;

/** One source domain may use this part of what the others have left of `maxReferred`. */
const sourceShare = 0.25;

/** Referred requests to one domain at the same time. */
const maxAtOnce = 8;

/** Domains whose requests are remembered. */
const maxDomains = 10_000;

interface Sent {
  readonly at: number;
  readonly source: string;
}

interface Turns {
  active: number;
  readonly waiting: Set<() => void>;
}

/** One request that a visitor caused. */
export interface Referral {
  /** Host that receives the request. */
  readonly host: string;
  /** Host that the visitor typed; undefined for work that no visitor started by typing. */
  readonly typed: string | undefined;
  /** Ends the wait for a turn. */
  readonly signal: AbortSignal;
}

/**
 * Counts requests by registrable domain, in this process. Without it, the owner of one domain could use every site with this
 * package to send requests to a server of their choice.
 */
export class ReferralLimits {
  /** Requests of the last minute; the domains with the latest request at the end. */
  private readonly sent = new Map<string, readonly Sent[]>();
  private readonly turns = new Map<string, Turns>();

  /**
   * Sends a request once the limits allow it.
   * @throws MastodonError `login_busy` without sending it
   */
  async run<T>(referral: Referral, send: () => Promise<T>): Promise<T> {
    const { host, typed = '' } = referral;
    const [domain, source] = [domainOf(host), domainOf(typed)];
    if (source === domain) {
      this.count(`typed ${domain}`, host, source, maxTyped, 1);
      return send();
    }
    await this.waitForTurn(domain, referral);
    try {
      this.count(domain, host, source, maxReferred, sourceShare);
      return await send();
    } finally {
      this.endTurn(domain);
    }
  }

  private count(key: string, host: string, source: string, most: number, share: number): void {
    const now = performance.now();
    const sent = (this.sent.get(key) ?? []).filter(({ at }) => now - at < minuteMs);
    const own = sent.filter((one) => one.source === source).length;
    const left = most - (sent.length - own);
    if (own >= Math.ceil(left * share)) throw busy(host, 'too many requests were referred to it in a minute');
    this.sent.delete(key);
    this.sent.set(key, [...sent, { at: now, source }]);
    if (this.sent.size > maxDomains) this.sent.delete(this.sent.keys().next().value ?? '');
  }

  private async waitForTurn(domain: string, { host, signal }: Referral): Promise<void> {
    const turns = this.turns.get(domain) ?? { active: 0, waiting: new Set() };
    this.turns.set(domain, turns);
    if (turns.active < maxAtOnce) {
      turns.active++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', stop);
        turns.waiting.delete(start);
        resolve();
      };
      const stop = () => {
        turns.waiting.delete(start);
        reject(busy(host, 'too many requests were referred to it at once'));
      };
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      turns.waiting.add(start);
    });
  }

  private endTurn(domain: string): void {
    const turns = this.turns.get(domain);
    if (!turns) return;
    const [next] = turns.waiting;
    // The turn goes to the request that has waited longest.
    if (next) next();
    else if (--turns.active === 0) this.turns.delete(domain);
  }
}

function busy(instance: string, why: string): MastodonError {
  return new MastodonError('login_busy', { instance, cause: new Error(why) });
}
