/** How often starts at one domain may lead to another: whoever owns one could else have us ask any third party. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import { domainOf } from '../http/domain.js';

const minute = 60 * 1000;

/** Starts in a minute. What was found is remembered for longer, so few honest ones look for it anew. */
const perPair = 30;
const perDomain = 120;

export class Visits {
  private readonly counts = lru<number>(10_000, minute);

  /**
   * Counted by the host that is contacted, whatever was typed. Within a domain, one owner sends visitors to themselves.
   * @throws MastodonError `login_busy`
   */
  count(from: string, to: string): void {
    const [home, there] = [domainOf(from), domainOf(to)];
    if (home === there) return;
    for (const [key, most] of [
      [`${home} ${there}`, perPair],
      [there, perDomain],
    ] as const) {
      const before = this.counts.get(key) ?? 0;
      if (before >= most) {
        const cause = new Error('too many starts were led there within a minute');
        throw new MastodonError('login_busy', { instance: to, cause });
      }
      this.counts.set(key, before + 1);
    }
  }
}
