/** Lets one of several processes do a piece of work, with the store's locks, or over a store that has none. */

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from '../errors.js';
import type { Store } from '../store.js';

/** Whoever holds the lease has this long; then another may take over. Milliseconds. */
const leaseTtlMs = 30_000;
/** A lease counts once it has stood for so long: longer than a write takes to be seen by all. Milliseconds. */
const settleMs = 200;
/** Who waits looks again soon, and less and less often. Milliseconds. */
const pollMs = { first: 20, last: 100 };

type Release = () => Promise<void>;

/**
 * Does the work, or waits for the process that does it. A process that stalls may lose its lease and go on; the work is
 * then done twice, which must be bearable.
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
  for (let wait = pollMs.first; Date.now() < giveUpAt; wait = Math.min(2 * wait, pollMs.last)) {
    const release = await (store.hasLocks
      ? store.lock(leaseKey, leaseTtlMs)
      : takeLease(store, leaseKey, owner));
    try {
      const there = await result();
      if (there !== undefined) return there;
      if (release) return await work();
    } finally {
      // One that stays would keep the next ones waiting who have this work to do.
      await release?.();
    }
    await pause(wait);
  }
  throw new MastodonError('timeout', { cause: new Error('another process did not finish the work') });
}

/**
 * A lease is written, left to settle, and read back: of several processes that wrote, the last one finds its own
 * name, for every other write is older than the settling time by then. The slower the store, the longer that is.
 * A store that does not take the lease would not take the result of the work either.
 * @throws MastodonError `store_failed`
 */
async function takeLease(store: Store, leaseKey: string, owner: string): Promise<Release | undefined> {
  const asked = Date.now();
  if (ownerOf(await store.cached(leaseKey)) !== undefined) return undefined;
  await store.write(leaseKey, { owner, until: Date.now() + leaseTtlMs }, leaseTtlMs);
  await pause(settleMs + Date.now() - asked);
  const settled = ownerOf(await store.cached(leaseKey));
  // Written and gone: its holder gave up, or the store cannot keep one. Working twice is better than not at all.
  const isOurs = settled === owner || settled === undefined;
  return isOurs ? () => store.drop(leaseKey) : undefined;
}

function ownerOf(value: unknown): string | undefined {
  const { owner, until } = (value ?? {}) as { owner?: unknown; until?: unknown };
  return typeof owner === 'string' && typeof until === 'number' && until > Date.now() ? owner : undefined;
}
