/** Asks again, while it is used, whether a domain still names the server that it once named. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import { Budget } from '../http/budget.js';
import { Gate } from '../http/gate.js';
import type { Network } from '../http/network.js';
import type { Instance } from '../options.js';

/** Of one domain, all of its handles together. Milliseconds. */
const everyMs = 60 * 1000;

/** In all, and none that waits: the next use is another chance. */
const atOnce = 4;

/**
 * One forged answer (a hijacked name, a page that was broken into for a moment) must not decide for long where the
 * domain's people are sent. Whoever is under way is not held up; a contradiction ends what was remembered, and the next
 * start finds the server anew. It does not put another in its place: that answer may be the forged one.
 */
export class Revalidation {
  private readonly checked = lru<true>(10_000, everyMs);
  private readonly gate = new Gate({ inAll: atOnce, perInstance: 1, waiting: 0, waitMs: 0 });

  constructor(
    private readonly network: Network,
    private readonly budgetMs: number,
  ) {}

  /** It was found just now. */
  note(domain: string): void {
    this.checked.set(domain, true);
  }

  /** @param find asks as a start does, without remembering */
  use(
    domain: string,
    known: Instance,
    find: (network: Network) => Promise<Instance>,
    forget: () => Promise<void>,
  ): void {
    if (this.checked.get(domain) !== undefined) return;
    this.note(domain);
    const check = async () => {
      const found = await find(this.network.within(new Budget(this.budgetMs))).catch((error: unknown) => {
        // That nothing is to be found any more is an answer; that there was none is not.
        if (error instanceof MastodonError && error.code === 'instance_unsupported') return undefined;
        return known;
      });
      if (!isSame(found, known)) await forget();
    };
    void this.gate.run(domain, check).catch(() => undefined);
  }
}

function isSame(found: Instance | undefined, known: Instance): boolean {
  return (
    found?.origin === known.origin &&
    found.authorizationEndpoint === known.authorizationEndpoint &&
    found.tokenEndpoint === known.tokenEndpoint
  );
}
