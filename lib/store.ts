/** Reads, writes and locks records in the site's key-value store, or in memory by default. */

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { kindOf, MastodonError } from './errors.js';
import type { KeyValueStore } from './options.js';
import {
  keyedRecord,
  isInSQL,
  isMap,
  readerOf,
  readKeyedRecord,
  TimeLimit,
  TimeLimitError,
  UnknownRecordError,
} from './util/backend.js';
import { boundedMap, memoryStore } from './util/memory.js';
import { Changes } from './util/changes.js';
import { digest } from './util/crypto.js';

/** Changes with the format of the records, so that two versions of this package can share one store. */
const prefix = 'passport-mastodon-oauth2:2';

/**
 * The key of a record. Short hosts stay readable. The other parts are hashed, so that different parts give different
 * keys and every store accepts the characters.
 */
export function storeKey(kind: string, host: string, ...rest: readonly string[]): string {
  // Keys have at most 250 characters in memcached, 255 in Keyv's SQL tables. A digest has no dot, so it equals no host.
  const key = `${prefix}:${kind}:${host.length > 80 ? digest(host) : host}`;
  return rest.length === 0 ? key : `${key}:${digest(JSON.stringify(rest))}`;
}

/** Memcached reads a longer time to live as a date in 1970, and deletes the record at once. Milliseconds. */
const monthMs = 30 * 24 * 60 * 60 * 1000;
/** A written lock is valid after this time, in which other processes can see it. Milliseconds. */
const settleMs = 200;
/** Times to live of the locks and claims of `take`. A claim lasts longer than two calls of the slowest store. Milliseconds. */
const takeLockMs = 5000;
const claimTtlMs = 60_000;
/** Pauses while another process holds a lock. Milliseconds. */
export const pollMs = { first: 20, last: 100 } as const;

type Release = () => Promise<void>;

/** The record of a lock. It holds a duration, because the clocks of two machines differ. */
type Lock = { readonly owner: string; readonly ttlMs: number };

/** The records of one entry point. A method documented to throw `MastodonError` uses the code `store_failed`. */
export class Store {
  /** Whether other processes may use the same store. */
  readonly isShared: boolean;
  private readonly backend: KeyValueStore;
  /** Whether the backend is the default store. */
  private readonly isPrivate: boolean;
  private readonly timeLimit: TimeLimit;
  /** Number of error events of Keyv. A raised count distinguishes a failed read from a missing record. */
  private errorsSeen = 0;
  private longestTtlMs: number | undefined;
  private readonly read: (key: string) => Promise<unknown>;
  /** Whether the backend's `delete` returns `true` to exactly one caller of all processes. */
  private deleteDecides: boolean | undefined;
  private readonly taking = new Set<string>();
  /** Locks of this process by key, with the time at which they end (`performance.now()`). */
  private readonly held = new Map<string, number>();
  private readonly changes = new Changes(this, (error) =>
    error instanceof MastodonError ? error.with({}) : error,
  );
  /** When this process first saw a lock of another one, by key. */
  private readonly seen = boundedMap<{ owner: string; at: number }>(1000);

  /** @param timeoutMs of one call of the backend, which is memory by default */
  constructor(
    backend: KeyValueStore | undefined,
    private readonly timeoutMs: number,
    maxRecords = 50_000,
  ) {
    this.isPrivate = backend === undefined;
    this.isShared = backend !== undefined && !isMap(backend);
    this.backend = backend ?? memoryStore(maxRecords);
    this.read = readerOf(this.backend);
    this.timeLimit = new TimeLimit('store', timeoutMs);
    const { on } = this.backend as { on?: unknown };
    if (typeof on === 'function') on.call(this.backend, 'error', () => this.errorsSeen++);
  }

  /** @throws MastodonError `store_failed`, also when the value is not a record of this package for this key */
  async get(key: string): Promise<object | undefined> {
    const errorsBefore = this.errorsSeen;
    const value = (await this.call(() => this.read(key))) ?? undefined;
    if (value === undefined && this.errorsSeen !== errorsBefore)
      throw storeFailed('the store reported an error');
    if (value === undefined) return undefined;
    if (this.isPrivate) return value;
    try {
      return readKeyedRecord(key, value);
    } catch (error) {
      throw storeFailed(withoutDetails(error));
    }
  }

  /**
   * Writes a record and reads it back, because some adapters hide a failed write.
   * @param ttlMs default: the record stays until it is deleted
   * @throws MastodonError `store_failed` unless the record was read back
   */
  async set(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.put(key, value, ttlMs);
    if (!this.isPrivate && (await this.get(key)) === undefined)
      throw storeFailed('the store lost what was written');
  }

  /**
   * Removes a record and returns it. Only one caller of all processes receives it.
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
        if (value === undefined) return undefined;
        // While the store was slow, another process may have taken the lock as well. The last claim written is valid.
        const [claim, owner] = [`${key}:claim`, randomUUID()];
        await this.put(claim, { owner }, claimTtlMs);
        await this.remove(key);
        const last = (await this.cached(claim)) as Lock | undefined;
        return last === undefined || last.owner === owner ? value : undefined;
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

  /** Like `get`, for caches. A failure counts as a miss. */
  async cached(key: string): Promise<object | undefined> {
    return this.get(key).catch(() => undefined);
  }

  /** Like `set`, for caches. A failure is ignored, and the record is not read back. */
  async cache(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.put(key, value, ttlMs).catch(() => undefined);
  }

  /**
   * Changes a record under its lock. No other `update` of any process runs between the read and the write.
   * @param change returns the next record, or `undefined` to keep the current one
   * @returns what `change` returned
   * @throws MastodonError `store_failed`, also if the lock stays taken for the store's timeout; errors of `change`
   */
  update<T extends object>(
    key: string,
    ttlMs: number | undefined,
    change: (current: object | undefined) => T | undefined,
  ): Promise<T | undefined> {
    return this.changes.make(key, ttlMs, change);
  }

  /** Like `lock`, and waits for it, at most the store's timeout. @throws MastodonError `store_failed` */
  async waitForLock(key: string): Promise<Release> {
    const giveUpAt = performance.now() + this.timeoutMs;
    for (let wait: number = pollMs.first; ; wait = Math.min(2 * wait, pollMs.last)) {
      const release = await this.lock(key, this.timeoutMs);
      if (release) return release;
      if (performance.now() > giveUpAt) throw storeFailed('another process holds the lock of a record');
      await pause(wait);
    }
  }

  /**
   * Locks a key for one caller in all processes: with the backend's `lock`, or with a record that is written and read
   * back. A stalled process may lose its lock and continue, so work under a lock may run twice.
   * @param ttlMs time after which the lock ends
   * @returns a function that releases the lock and never throws; `undefined` if another caller holds the lock
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
    // A stalled process may have overwritten this lock and then deleted it. One more try follows.
    for (let tries = 0; tries < 2; tries++) {
      const began = performance.now();
      if (this.isHeldElsewhere(key, (await this.cached(key)) as Lock | undefined)) return undefined;
      await this.put(key, { owner, ttlMs } satisfies Lock, ttlMs);
      // By then, every process that saw no lock has written its own. The last written one is valid.
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

  /** A lock that this process saw longer ago than its time to live is ignored: the store does not expire it. */
  private isHeldElsewhere(key: string, lock: Lock | undefined): boolean {
    if (lock === undefined) return false;
    const now = performance.now();
    const before = this.seen.get(key);
    if (before?.owner === lock.owner) return now - before.at < lock.ttlMs;
    this.seen.set(key, { owner: lock.owner, at: now });
    return true;
  }

  /** Deletes a missing key. Only a backend that returns `false` for it can decide which caller deleted a record. */
  private async doesDeleteDecide(): Promise<boolean> {
    if (this.isPrivate) return true;
    if (isInSQL(this.backend)) return false;
    return (this.deleteDecides ??= !(await this.remove(storeKey('missing', '', randomUUID()))));
  }

  /** @returns false if the backend reports that the record did not exist */
  private async remove(key: string): Promise<boolean> {
    const errorsBefore = this.errorsSeen;
    const deleted = await this.call(() => this.backend.delete(key));
    if (deleted !== false) return true;
    if (this.errorsSeen !== errorsBefore) throw storeFailed('the store reported an error');
    return false;
  }

  private async put(key: string, value: object, ttlMs: number | undefined): Promise<void> {
    let ttl = ttlMs;
    // A store that does not accept the time would lose the record, and the one that it replaces. It is tried separately.
    if (ttl !== undefined && ttl > monthMs && !this.isPrivate) {
      this.longestTtlMs ??= await this.tryLongTtl(ttl);
      ttl = Math.min(ttl, this.longestTtlMs);
    }
    // Stores take a time to live of 0 for none, and Redis takes whole milliseconds.
    if (ttl !== undefined) ttl = Math.max(1, Math.ceil(ttl));
    const record = this.isPrivate ? value : keyedRecord(key, value);
    const written = await this.call(() => this.backend.set(key, record, ttl));
    if (written === false) throw storeFailed('the store did not accept a write');
  }

  /** @returns the longest time to live that the store takes */
  private async tryLongTtl(ttlMs: number): Promise<number> {
    const key = storeKey('long-ttl', '', randomUUID());
    await this.call(() => this.backend.set(key, keyedRecord(key, {}), ttlMs));
    const isKept = (await this.get(key)) !== undefined;
    await this.delete(key);
    return isKept ? Infinity : monthMs;
  }

  /** Calls the backend, within the time limit. */
  private async call<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await (this.isPrivate ? operation() : this.timeLimit.run(operation));
    } catch (error) {
      throw storeFailed(withoutDetails(error));
    }
  }
}

/** An error without text of the driver, which quotes the command, and with it the stored value. */
export function withoutDetails(error: unknown, what = 'store'): Error {
  if (error instanceof TimeLimitError || error instanceof UnknownRecordError) return error;
  return new Error(`the ${what} failed: ${kindOf(error)}`);
}

function storeFailed(cause: string | Error): MastodonError {
  return new MastodonError('store_failed', { cause });
}
