/** Lets one of several processes do a piece of work, over a store that has no locks. */

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from '../errors.js';
import type { Store } from '../store.js';

/** Whoever holds the lease has this long; then another may take over. Milliseconds. */
const leaseTtlMs = 30_000;
/** A lease counts once it has stood for so long: longer than a write takes to be seen by all. Milliseconds. */
const settleMs = 200;
const pollMs = 100;

/**
 * Does the work, or waits for the process that does it.
 *
 * A lease is written, left to settle, and read back: of several processes that wrote, the last one finds its own
 * name, for every other write is older than the settling time by then. The slower the store, the longer that is.
 * A process that stalls between its read and its write can break this; the work is then done twice, which must
 * be bearable. A store that does not take the lease would not take the result either.
 * @param result what the work leaves in the store, if it is there by now
 * @throws MastodonError `store_failed`; `timeout` when neither happened within `patienceMs`; and whatever the work throws
 */
export async function underLease<T>(
  store: Store,
  leaseKey: string,
  patienceMs: number,
  result: () => Promise<T | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  const owner = randomUUID();
  const giveUpAt = Date.now() + leaseTtlMs + patienceMs;
  while (Date.now() < giveUpAt) {
    const asked = Date.now();
    const isFree = ownerOf(await store.cached(leaseKey)) === undefined;
    if (isFree) {
      await store.write(leaseKey, { owner, until: Date.now() + leaseTtlMs }, leaseTtlMs);
      await pause(settleMs + Date.now() - asked);
    }
    const there = await result();
    if (there !== undefined) {
      // A lease that is left behind would keep the next ones waiting who have this work to do.
      if (isFree) await store.drop(leaseKey);
      return there;
    }
    const settled = ownerOf(await store.cached(leaseKey));
    // Written and gone: its holder gave up, or the store cannot keep one. Working twice is better than not at all.
    if (settled === owner || (settled === undefined && isFree)) {
      try {
        return await work();
      } finally {
        await store.drop(leaseKey);
      }
    }
    await pause(pollMs);
  }
  throw new MastodonError('timeout', { cause: new Error('another process did not finish the work') });
}

function ownerOf(value: unknown): string | undefined {
  const { owner, until } = (value ?? {}) as { owner?: unknown; until?: unknown };
  return typeof owner === 'string' && typeof until === 'number' && until > Date.now() ? owner : undefined;
}
