/** The default store, and bounded maps, in the memory of this process. */

import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';

// The declarations of core and web refer to this file, and need no types of other packages.

export interface BoundedMap<V> {
  get(key: string): V | undefined;
  /** @param options `ttl` of this entry, in milliseconds */
  set(key: string, value: V, options?: { readonly ttl?: number }): unknown;
  has(key: string): boolean;
  delete(key: string): boolean;
}

/** How records are read and written: in memory, or in the site's store. */
export interface Records {
  get(key: string): Promise<object | undefined>;
  /** @returns false if the record was not stored */
  set(key: string, value: object, ttlMs?: number): Promise<boolean | void>;
  /** @returns false if the record did not exist */
  delete(key: string): Promise<boolean>;
}

let [last, lost] = [0, 0];

/** A clock that never goes back. An entry made while the system clock was ahead still expires in time. Milliseconds. */
export const steadyClock = {
  now(): number {
    const now = Date.now();
    if (now < last) lost += last - now;
    last = now;
    return now + lost;
  },
};

/**
 * A map with at most `max` entries. The least recently used entry is removed first.
 * @param ttlMs time to live of an entry; default: no limit
 */
export function boundedMap<V extends object | string | true>(max: number, ttlMs?: number): BoundedMap<V> {
  // `max` would allocate memory for all entries at once.
  const limit = { maxSize: max, sizeCalculation: () => 1 };
  return new LRUCache(
    ttlMs === undefined ? limit : { ...limit, ttl: ttlMs, ttlResolution: 0, perf: steadyClock },
  );
}

/** Minimum size of a record, so that the limit on characters also limits the number of records. */
const leastSize = 2048;

/** Visitors can cause any number of records that live shorter. Milliseconds. */
const longTtlMs = 24 * 60 * 60 * 1000;

/**
 * Stores text for Keyv. Each kind of record (the third part of a key of `storeKey`) has a separate cache, so a flood of
 * pending logins evicts no client. Long-lived records of a kind have another one, so a flood of clients without a finished
 * login evicts none in use. Within a cache, the least recently used record is evicted first. Keyv checks expiry by the time
 * in the text. The cache checks it too, because the system clock may be set back.
 *
 * The limit of one cache is `maxRecords * 2048` characters, keys included. A flood of records of up to 2,048 characters evicts
 * others no sooner than a flood of empty ones. Larger records count with all their characters.
 */
class BoundedMemory {
  private readonly caches = new Map<string, LRUCache<string, string>>();

  constructor(private readonly maxRecords: number) {}

  get(key: string): string | undefined {
    return this.cacheOf(key, true).get(key) ?? this.cacheOf(key, false).get(key);
  }

  /** @returns whether the record was stored; false for a record larger than the cache */
  set(key: string, text: string, ttl?: number): boolean {
    const size = Math.max(leastSize, key.length + text.length);
    const isLong = ttl === undefined || ttl > longTtlMs;
    this.cacheOf(key, !isLong).delete(key);
    return this.cacheOf(key, isLong)
      .set(key, text, { size, ...(ttl !== undefined && { ttl }) })
      .has(key);
  }

  delete(key: string): boolean {
    const isLong = this.cacheOf(key, true).delete(key);
    return this.cacheOf(key, false).delete(key) || isLong;
  }

  clear(): void {
    this.caches.clear();
  }

  private cacheOf(key: string, isLong: boolean): LRUCache<string, string> {
    const kind = `${key.split(':', 3).at(-1)} ${isLong}`;
    let cache = this.caches.get(kind);
    if (!cache) {
      cache = new LRUCache({ maxSize: this.maxRecords * leastSize });
      this.caches.set(kind, cache);
    }
    return cache;
  }
}

/** The default store. It does not fail, and its `set` returns whether it stored the record. */
export function memoryStore(maxRecords: number): Records {
  return new Keyv<object>({
    store: new BoundedMemory(maxRecords),
    useKeyPrefix: false,
    // Records are plain JSON. Keyv's own functions also handle buffers, and take several times longer.
    serialize: JSON.stringify,
    deserialize: JSON.parse,
  });
}
