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
 * name, for every other write is older than the settling time by then. A process that stalls between its read
 * and its write can break this; the work is then done twice, which must be bearable.
 * @param result what the work leaves in the store, if it is there by now
 * @throws MastodonError `timeout` when neither happened within `patienceMs`; and whatever the work throws
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
    const holder = ownerOf(await store.cached(leaseKey));
    // An answer that took long may be outdated; it is asked for again.
    if (holder === undefined && Date.now() - asked < settleMs / 2) {
      await store.cache(leaseKey, { owner, until: Date.now() + leaseTtlMs }, leaseTtlMs);
      await pause(settleMs);
    }
    const there = await result();
    if (there !== undefined) return there;
    const settled = ownerOf(await store.cached(leaseKey));
    // No lease at all: the store cannot keep one, and working twice is better than not at all.
    if (settled === owner || (settled === undefined && holder === undefined)) {
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
