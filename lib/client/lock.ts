/** Runs work in one of several processes, while the others wait for its result. */

import { setTimeout as pause } from 'node:timers/promises';
import { pollMs, type Store } from '../store.js';

/**
 * Runs work under a lock, or returns the result that another process stored. After `waitMs` a caller runs the work
 * without the lock, because the process with the lock may have crashed. So the work may run twice. Callers of one process share
 * one call: without a shared store there is no lock.
 * @param key of the lock; the same in all processes
 * @param waitMs longest wait for another process, and the time to live of the lock; milliseconds
 * @param result reads the stored result; `undefined` if there is none yet
 * @throws MastodonError `store_failed`, and whatever `result` and `work` throw
 */
export async function withLock<T>(
  store: Store,
  key: string,
  waitMs: number,
  result: () => Promise<T | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  const stored = await result();
  if (stored !== undefined) return stored;
  if (!store.isShared) return work();
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
