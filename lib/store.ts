/** Reads, writes and locks records in the site's key-value store, or in memory where the site gave none. */

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import { kindOf, MastodonError } from './errors.js';
import type { KeyValueStore } from './options.js';
import {
  BoundedMemory,
  keyedRecord,
  isInSQL,
  isMap,
  readerOf,
  readKeyedRecord,
  TimeLimit,
  TimeLimitError,
  UnknownRecordError,
} from './util/backend.js';
import { digest } from './util/digest.js';

/** Changes with the shape of the records, so that two versions of this package can share one store. */
const prefix = 'passport-mastodon-oauth2:2';

/** Longer hosts are hashed: memcached takes keys of 250 characters, Keyv's tables in SQL databases 255. */
const longestHost = 80;

/**
 * The key of a record. Short hosts stay readable; all other parts are hashed, so that different parts never make one key
 * and a key has only characters that every store accepts.
 */
export function storeKey(kind: string, host: string, ...rest: readonly string[]): string {
  // A digest has no dot, so it is never another host.
  const key = `${prefix}:${kind}:${host.length > longestHost ? digest(host) : host}`;
  return rest.length === 0 ? key : `${key}:${digest(JSON.stringify(rest))}`;
}

/** Memcached reads a longer time to live as a date in 1970, and drops the record at once. Milliseconds. */
const monthMs = 30 * 24 * 60 * 60 * 1000;

/** A written lock counts when it has stood for this time, in which other processes see it. Milliseconds. */
const settleMs = 200;

/** Time to live of the locks of `take`. Milliseconds. */
const takeLockMs = 5000;

/** Pauses while another process holds a lock. Milliseconds. */
export const pollMs = { first: 20, last: 100 } as const;

type Release = () => Promise<void>;

/** A lock as it is written. It has a duration and no time, because the clocks of two machines differ. */
type Lock = { readonly owner: string; readonly ttlMs: number };

/** The records of one entry point. Every method that says so throws `MastodonError` with the code `store_failed`. */
export class Store {
  /** Whether other processes may use the same store. */
  readonly isShared: boolean;
  private readonly backend: KeyValueStore;
  /** The default store in memory: it does not fail, and its `set` tells whether the record was kept. */
  private readonly isPrivate: boolean;
  private readonly timeLimit: TimeLimit;
  /** Keyv reports an adapter's errors as events. They are counted, to notice a failure that looks like a miss. */
  private errorsSeen = 0;
  private longestTtlMs: number | undefined;
  private readonly read: (key: string) => Promise<unknown>;
  /** Whether the backend's `delete` tells one caller, of all processes, that it deleted the record. */
  private deleteDecides: boolean | undefined;
  private readonly taking = new Set<string>();
  /** Locks of this process, by key, with their end by its monotonic clock. */
  private readonly held = new Map<string, number>();
  /** When this process first saw a lock of another one, by key. */
  private readonly seen = new LRUCache<string, { owner: string; at: number }>({ max: 1000 });

  /**
   * @param backend the site's store; without one, records are kept in memory
   * @param timeoutMs for one call of the backend
   * @param maxRecords of each kind, in memory
   */
  constructor(
    backend: KeyValueStore | undefined,
    private readonly timeoutMs: number,
    maxRecords = 50_000,
  ) {
    this.isPrivate = backend === undefined;
    this.isShared = backend !== undefined && !isMap(backend);
    this.backend = backend ?? new Keyv({ store: new BoundedMemory(maxRecords), useKeyPrefix: false });
    this.read = readerOf(this.backend);
    this.timeLimit = new TimeLimit('store', timeoutMs);
    const { on } = this.backend as { on?: unknown };
    if (typeof on === 'function') on.call(this.backend, 'error', () => this.errorsSeen++);
  }

  /** @throws MastodonError `store_failed`; also when the value was not written under this key by this package */
  async get(key: string): Promise<object | undefined> {
    const errorsBefore = this.errorsSeen;
    const value = (await this.call(() => this.read(key))) ?? undefined;
    if (value === undefined && this.errorsSeen !== errorsBefore)
      throw storeFailed('the store reported an error');
    if (value === undefined) return undefined;
    try {
      return readKeyedRecord(key, value);
    } catch (error) {
      throw storeFailed(error instanceof UnknownRecordError ? error : withoutDetails(error));
    }
  }

  /**
   * Writes a record and reads it back, because some adapters hide a failed write.
   * @param ttlMs without one, the record stays until it is deleted
   * @throws MastodonError `store_failed` unless the record is known to be kept
   */
  async set(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.put(key, value, ttlMs);
    if (!this.isPrivate && (await this.get(key)) === undefined)
      throw storeFailed('the store lost what was written');
  }

  /**
   * Removes a record and returns it, to one of any number of callers in all processes.
   * @throws MastodonError `store_failed`
   */
  async take(key: string): Promise<object | undefined> {
    if (this.taking.has(key)) return undefined;
    this.taking.add(key);
    try {
      const found = await this.get(key);
      if (found === undefined) return undefined;
      if (await this.doesDeleteDecide()) return (await this.remove(key)) ? found : undefined;
      const release = await this.lock(`${key}:take`, takeLockMs);
      if (!release) return undefined;
      try {
        const value = await this.get(key);
        if (value !== undefined) await this.remove(key);
        return value;
      } finally {
        await release();
      }
    } finally {
      this.taking.delete(key);
    }
  }

  /** Removes a record. A failure is ignored. */
  async delete(key: string): Promise<void> {
    await this.remove(key).catch(() => undefined);
  }

  /** As `get`, for caches: every failure is a miss. */
  async cached(key: string): Promise<object | undefined> {
    return this.get(key).catch(() => undefined);
  }

  /** As `set`, for caches: every failure is ignored, and the record is not read back. */
  async cache(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.put(key, value, ttlMs).catch(() => undefined);
  }

  /**
   * Changes a record under its lock, so that no other `update` of any process comes between the reading and the writing.
   * @param change returns the next record, or `undefined` to leave the record as it is
   * @returns what `change` returned
   * @throws MastodonError `store_failed`, also when another process holds the lock for longer than the store's timeout;
   *   and whatever `change` throws
   * @example
   * const claimed = await store.update(key, ttlMs, (current) => (current?.user ? undefined : { ...current, user }));
   */
  async update<T extends object>(
    key: string,
    ttlMs: number | undefined,
    change: (current: object | undefined) => T | undefined,
  ): Promise<T | undefined> {
    const giveUpAt = performance.now() + this.timeoutMs;
    let release: Release | undefined;
    for (let wait: number = pollMs.first; ; wait = Math.min(2 * wait, pollMs.last)) {
      release = await this.lock(key, this.timeoutMs);
      if (release) break;
      if (performance.now() > giveUpAt) throw storeFailed('another process holds the lock of a record');
      await pause(wait);
    }
    try {
      const next = change(await this.get(key));
      if (next !== undefined) await this.set(key, next, ttlMs);
      return next;
    } finally {
      await release();
    }
  }

  /**
   * Locks a key for one caller in all processes: with the backend's own lock, or with a record that is written and read back.
   * A process that stalls may lose its lock and go on, so work under a lock may be done twice.
   * @param ttlMs after this time the lock ends by itself
   * @returns a function that releases the lock and never throws; `undefined` where another caller has the lock
   * @throws MastodonError `store_failed`
   */
  async lock(key: string, ttlMs: number): Promise<Release | undefined> {
    const until = performance.now() + ttlMs;
    if ((this.held.get(key) ?? 0) > performance.now()) return undefined;
    this.held.set(key, until);
    const forget = () => void (this.held.get(key) === until && this.held.delete(key));
    if (!this.isShared) return async () => forget();
    const shared = await this.lockShared(`${key}:lock`, ttlMs).catch((error: unknown) => {
      forget();
      throw error;
    });
    if (!shared) return void forget();
    return async () => {
      if (performance.now() < until) await shared().catch(() => undefined);
      forget();
    };
  }

  private async lockShared(key: string, ttlMs: number): Promise<Release | undefined> {
    if (typeof this.backend.lock === 'function') {
      const release = await this.call(() => this.backend.lock?.(key, Math.ceil(ttlMs)));
      return typeof release === 'function' ? async () => void (await this.call(release)) : undefined;
    }
    const owner = randomUUID();
    // A process that stalled may have written its lock over this one, and deleted it as its own: this is tried once more.
    for (let tries = 0; tries < 2; tries++) {
      const began = performance.now();
      if (this.isHeldElsewhere(key, (await this.cached(key)) as Lock | undefined)) return undefined;
      await this.put(key, { owner, ttlMs } satisfies Lock, ttlMs);
      // Every process that saw no lock before this one was written has written its own by then. The last one counts.
      await pause(settleMs + performance.now() - began);
      const settled = (await this.get(key)) as Lock | undefined;
      if (settled === undefined) continue;
      if (settled.owner !== owner) return undefined;
      return async () => {
        const last = (await this.cached(key)) as Lock | undefined;
        if (last?.owner === owner) await this.delete(key);
      };
    }
    throw storeFailed('the store lost what was written');
  }

  /** A lock that has stood for its time to live since this process first saw it is not expired by the store. */
  private isHeldElsewhere(key: string, lock: Lock | undefined): boolean {
    if (lock === undefined) return false;
    const now = performance.now();
    const before = this.seen.get(key);
    if (before?.owner === lock.owner) return now - before.at < lock.ttlMs;
    this.seen.set(key, { owner: lock.owner, at: now });
    return true;
  }

  /** A backend that does not tell says the same of a record that was never there. */
  private async doesDeleteDecide(): Promise<boolean> {
    if (this.isPrivate) return true;
    if (isInSQL(this.backend)) return false;
    const missing = storeKey('missing', '', randomUUID());
    return (this.deleteDecides ??= !(await this.remove(missing)));
  }

  /** @returns false where the backend says that there was nothing to delete */
  private async remove(key: string): Promise<boolean> {
    const errorsBefore = this.errorsSeen;
    const deleted = await this.call(() => this.backend.delete(key));
    if (deleted !== false) return true;
    if (this.errorsSeen !== errorsBefore) throw storeFailed('the store reported an error');
    return false;
  }

  private async put(key: string, value: object, ttlMs: number | undefined): Promise<void> {
    // Stores take a time to live of 0 for none, and Redis takes whole milliseconds.
    const ttl = ttlMs === undefined ? undefined : Math.max(1, Math.ceil(await this.ttlTaken(ttlMs)));
    const written = await this.call(() => this.backend.set(key, keyedRecord(key, value), ttl));
    if (written === false) throw storeFailed('the store did not accept a write');
  }

  /** A record with a time that the store does not take would be lost, and with it the record that it replaces: it is tried apart. */
  private async ttlTaken(ttlMs: number): Promise<number> {
    if (ttlMs <= monthMs || this.isPrivate) return ttlMs;
    if (this.longestTtlMs === undefined) {
      const key = storeKey('long-ttl', '', randomUUID());
      await this.call(() => this.backend.set(key, keyedRecord(key, {}), ttlMs));
      this.longestTtlMs = (await this.get(key)) === undefined ? monthMs : Infinity;
      await this.delete(key);
    }
    return Math.min(ttlMs, this.longestTtlMs);
  }

  private async call<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await this.timeLimit.run(operation);
    } catch (error) {
      throw storeFailed(error instanceof TimeLimitError ? error : withoutDetails(error));
    }
  }
}

/** Drivers put the command, and with it what was to be stored, into their errors; only the kind is kept. */
export function withoutDetails(error: unknown, what = 'store'): Error {
  return new Error(`the ${what} failed: ${kindOf(error)}`);
}

function storeFailed(cause: unknown): MastodonError {
  return new MastodonError('store_failed', { cause: typeof cause === 'string' ? new Error(cause) : cause });
}
