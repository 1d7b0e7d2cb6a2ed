/** Reads, writes and locks records in the site's key-value store, or in memory by default. */

import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from './errors.js';
import type { KeyValueStore } from './options.js';
import { digest } from './util/crypto.js';
import { memoryStore, type Records } from './util/memory.js';
import { isMap, keyPrefix, SiteStore, type Release } from './util/site-store.js';

/**
 * The key of a record. Short hosts stay readable. The other parts are hashed, so that different parts give different
 * keys and every store accepts the characters.
 */
export function storeKey(kind: string, host: string, ...rest: readonly string[]): string {
  // Keys have at most 250 characters in memcached, 255 in Keyv's SQL tables. A digest has no dot, so it equals no host.
  const key = `${keyPrefix}:${kind}:${host.length > 80 ? digest(host) : host}`;
  return rest.length === 0 ? key : `${key}:${digest(JSON.stringify(rest))}`;
}

export function storeFailed(cause: string | Error): MastodonError {
  return new MastodonError('store_failed', { cause });
}

/** Whether a value has a member of this type by each of these names, as a record from a store should. */
export function hasMembers(value: unknown, type: 'string' | 'number', names: readonly string[]): boolean {
  const record = Object(value) as Record<string, unknown>;
  for (const name of names) if (typeof record[name] !== type) return false;
  return true;
}

/** Pauses while another process holds a lock. Milliseconds. */
export const pollMs = { first: 20, last: 100 } as const;

interface Change {
  readonly ttlMs: number | undefined;
  readonly change: (current: object | undefined) => object | undefined;
  readonly resolve: (next: object | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The records of one entry point. A method documented to throw `MastodonError` uses the code `store_failed`. */
export class Store {
  /** Whether other processes may use the same store. */
  readonly isShared: boolean;
  /** Undefined: the records are in memory. */
  private readonly site: SiteStore | undefined;
  private readonly records: Records;
  /** Locks of this process by key, with the time at which they end (`performance.now()`). */
  private readonly held = new Map<string, number>();
  /** Changes that wait for the lock of a record, by key. */
  private readonly waiting = new Map<string, Change[]>();

  /** @param timeoutMs of one call of the backend, which is memory by default */
  constructor(
    backend: KeyValueStore | undefined,
    private readonly timeoutMs: number,
    maxRecords = 50_000,
  ) {
    this.isShared = backend !== undefined && !isMap(backend);
    this.site = backend && new SiteStore(backend, timeoutMs, storeFailed);
    this.records = this.site ?? memoryStore(maxRecords);
  }

  /** @throws MastodonError `store_failed`, also when the value is not a record of this package for this key */
  get(key: string): Promise<object | undefined> {
    return this.records.get(key);
  }

  /**
   * Writes a record and reads it back, because some adapters hide a failed write.
   * @param ttlMs default: the record stays until it is deleted
   * @throws MastodonError `store_failed` unless the record was read back
   */
  async set(key: string, value: object, ttlMs?: number): Promise<void> {
    const written = await this.records.set(key, value, ttlMs);
    if (written === false || (this.site && (await this.site.get(key)) === undefined))
      throw storeFailed('the store lost what was written');
  }

  /**
   * Removes a record and returns it. Only one caller of all processes receives it.
   * @throws MastodonError `store_failed`
   */
  async take(key: string): Promise<object | undefined> {
    if (this.site) return this.site.take(key);
    const record = await this.records.get(key);
    return (await this.records.delete(key)) ? record : undefined;
  }

  /** Removes a record. A failure is ignored. */
  async delete(key: string): Promise<void> {
    await this.records.delete(key).catch(() => undefined);
  }

  /** Like `get`, for caches. A failure counts as a miss. */
  cached(key: string): Promise<object | undefined> {
    return this.records.get(key).catch(() => undefined);
  }

  /** Like `set`, for caches. A failure is ignored, and the record is not read back. */
  async cache(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.records.set(key, value, ttlMs).catch(() => undefined);
  }

  /**
   * Changes a record under its lock. No other `update` of any process runs between the read and the write. Changes of this
   * process that wait for the same lock share it, so `change` may run in the async context of another caller.
   * @param change returns the next record, or `undefined` to keep the current one
   * @returns what `change` returned
   * @throws MastodonError `store_failed`, also if the lock stays taken for the store's timeout; errors of `change`
   */
  update<T extends object>(
    key: string,
    ttlMs: number | undefined,
    change: (current: object | undefined) => T | undefined,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const one: Change = { ttlMs, change, resolve: resolve as Change['resolve'], reject };
      const waiting = this.waiting.get(key);
      if (waiting) return void waiting.push(one);
      const first = [one];
      this.waiting.set(key, first);
      void this.applyAll(key, first);
    });
  }

  private async applyAll(key: string, waiting: Change[]): Promise<void> {
    while (waiting.length > 0) {
      let taken: Change[] = [];
      try {
        const release = await this.waitForLock(key);
        taken = waiting.splice(0);
        await this.apply(key, taken).finally(release);
      } catch (error) {
        for (const { reject } of taken.length > 0 ? taken : waiting.splice(0))
          reject(error instanceof MastodonError ? error.with({}) : error);
      }
    }
    this.waiting.delete(key);
  }

  /** Applies changes one after the other, and writes the result once. */
  private async apply(key: string, changes: readonly Change[]): Promise<void> {
    let record = await this.get(key);
    let last: Change | undefined;
    const answers = changes.map((one) => {
      try {
        const next = one.change(record);
        if (next !== undefined) [record, last] = [next, one];
        return () => one.resolve(next);
      } catch (error) {
        return () => one.reject(error);
      }
    });
    if (record && last) await this.set(key, record, last.ttlMs);
    for (const answer of answers) answer();
  }

  /** Like `lock`, and waits for it, at most the store's timeout. @throws MastodonError `store_failed` */
  private async waitForLock(key: string): Promise<Release> {
    const giveUpAt = performance.now() + this.timeoutMs;
    for (let wait: number = pollMs.first; ; wait = Math.min(2 * wait, pollMs.last)) {
      const release = await this.lock(key, this.timeoutMs);
      if (release) return release;
      if (performance.now() > giveUpAt) throw storeFailed('another process holds the lock of a record');
      await pause(wait);
    }
  }

  /**
   * Locks a key for one caller in all processes. A stalled process may lose its lock and continue, so work under a lock may
   * run twice.
   * @param ttlMs time after which the lock ends
   * @returns a function that releases the lock and never throws; `undefined` if another caller holds the lock
   * @throws MastodonError `store_failed`
   */
  async lock(key: string, ttlMs: number): Promise<Release | undefined> {
    const until = performance.now() + ttlMs;
    if ((this.held.get(key) ?? 0) > performance.now()) return undefined;
    this.held.set(key, until);
    const forget = () => void (this.held.get(key) === until && this.held.delete(key));
    if (!this.site || !this.isShared) return async () => forget();
    let release: Release | undefined;
    try {
      release = await this.site.lock(`${key}:lock`, ttlMs);
    } finally {
      if (!release) forget();
    }
    return (
      release &&
      (async () => {
        if (performance.now() < until) await release().catch(() => undefined);
        forget();
      })
    );
  }
}
