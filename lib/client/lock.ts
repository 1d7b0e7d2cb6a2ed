/** Lets one of several processes do a piece of work, while the others wait for its result. */

import { setTimeout as pause } from 'node:timers/promises';
import { pollMs, type Store } from '../store.js';

/**
 * Does the work under a lock, or returns the result that another process left in the store. A caller that has waited for
 * `waitMs` does the work without the lock: the process that holds it may be gone. So the work may be done twice, which
 * must be bearable.
 * @param key of the lock; the same in all processes
 * @param waitMs longest time to wait for another process, and the time to live of the lock
 * @param result reads what the work leaves in the store; `undefined` if there is nothing yet
 * @throws MastodonError `store_failed`, and whatever `result` and `work` throw
 */
export async function withLock<T>(
  store: Store,
  key: string,
  waitMs: number,
  result: () => Promise<T | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  const workAnywayAt = performance.now() + waitMs;
  for (let wait: number = pollMs.first; ; wait = Math.min(2 * wait, pollMs.last)) {
    const release = await store.lock(key, waitMs);
    try {
      const found = await result();
      if (found !== undefined) return found;
      if (release || performance.now() >= workAnywayAt) return await work();
    } finally {
      await release?.();
    }
    await pause(wait);
  }
}
