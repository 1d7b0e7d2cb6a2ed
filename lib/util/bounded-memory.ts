/** A Keyv adapter that keeps a bounded number of records in memory, with one LRU cache for each kind of record. */

import { LRUCache } from 'lru-cache';

/** Every record counts as at least this many characters, so that the limit on characters limits their number, too. */
const leastSize = 2048;

/**
 * Keeps text for Keyv. Each kind of record (the third part of a key of `storeKey`) has a cache of its own: a flood of
 * pending logins evicts no client. Within a kind, the record that was not used for longest is evicted first. Expiry is
 * left to Keyv, which keeps the time in the text.
 *
 * The limit of one kind is `maxRecords * 2048` characters, keys included. A flood of records of up to 2,048 characters
 * evicts others no sooner than a flood of empty ones. Larger records count with all their characters.
 */
export class BoundedMemory {
  private readonly caches = new Map<string, LRUCache<string, string>>();

  constructor(private readonly maxRecords: number) {}

  get(key: string): string | undefined {
    return this.cacheOf(key).get(key);
  }

  /** @returns whether the record was kept: one that is larger than the cache is not */
  set(key: string, text: string): boolean {
    return this.cacheOf(key).set(key, text).has(key);
  }

  delete(key: string): boolean {
    return this.cacheOf(key).delete(key);
  }

  clear(): void {
    this.caches.clear();
  }

  private cacheOf(key: string): LRUCache<string, string> {
    const kind = key.split(':', 3).at(-1) ?? '';
    let cache = this.caches.get(kind);
    if (!cache) {
      // Without `max`, which would allocate room for all entries at once.
      const sizeCalculation = (text: string, of: string) => Math.max(leastSize, of.length + text.length);
      cache = new LRUCache({ maxSize: this.maxRecords * leastSize, sizeCalculation });
      this.caches.set(kind, cache);
    }
    return cache;
  }
}
