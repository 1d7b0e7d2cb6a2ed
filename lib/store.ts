/** Reads, writes and locks records in the site's key-value store, or in memory by default. */

import { randomUUID } from 'node:crypto';
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

/** Pauses while another caller holds a lock. Milliseconds. */
const pollMs = { first: 20, last: 100 };
/** Times to live of the lock and the claim of `take`. A claim lasts longer than two calls of the slowest store. Milliseconds. */
const takeLockMs = 5000;
const claimTtlMs = 60_000;

type Change = (current: object | undefined) => object | undefined;

/** Changes that wait for the lock of one record. */
interface Batch {
  readonly changes: Change[];
  ttlMs: number | undefined;
  readonly done: Promise<void>;
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
  private readonly batches = new Map<string, Batch>();

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
    const found = await this.records.get(key);
    if (found === undefined) return undefined;
    if (!this.site || (await this.site.deleteDecides()))
      return (await this.records.delete(key)) ? found : undefined;
    const release = await this.lock(`${key}:take`, takeLockMs);
    if (!release) return undefined;
    try {
      const record = await this.records.get(key);
      if (record === undefined) return undefined;
      // While the store was slow, another process may have taken the lock as well. The last claim written is valid.
      const [claim, owner] = [`${key}:claim`, randomUUID()];
      await this.records.set(claim, { owner }, claimTtlMs);
      await this.records.delete(key);
      const last = (await this.cached(claim)) as { readonly owner?: unknown } | undefined;
      return last === undefined || last.owner === owner ? record : undefined;
    } finally {
      await release();
    }
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
  async update<T extends object>(
    key: string,
    ttlMs: number | undefined,
    change: (current: object | undefined) => T | undefined,
  ): Promise<T | undefined> {
    let result = (): T | undefined => undefined;
    const batch = this.batches.get(key) ?? this.newBatch(key);
    batch.ttlMs = ttlMs;
    batch.changes.push((current) => {
      try {
        const next = change(current);
        result = () => next;
        return next;
      } catch (error) {
        result = () => {
          throw error;
        };
        return undefined;
      }
    });
    await batch.done.catch((error: unknown) => {
      throw error instanceof MastodonError ? error.with({}) : error;
    });
    return result();
  }

  /** Applies changes one after the other once the record is locked, and writes the result once. */
  private newBatch(key: string): Batch {
    const changes: Change[] = [];
    const end = () => void (this.batches.get(key) === batch && this.batches.delete(key));
    const apply = async (isLocked: boolean) => {
      if (!isLocked) throw storeFailed('another process holds the lock of a record');
      end();
      let record = await this.get(key);
      let isChanged = false;
      for (const change of changes) {
        const next = change(record);
        if (next) [record, isChanged] = [next, true];
      }
      if (record && isChanged) await this.set(key, record, batch.ttlMs);
    };
    const done = this.withLock(key, this.timeoutMs, apply).finally(end);
    const batch: Batch = { changes, ttlMs: undefined, done };
    this.batches.set(key, batch);
    return batch;
  }

  /**
   * Runs work under a lock, or returns the result that the holder of the lock has stored meanwhile. After `waitMs` a caller
   * runs the work without the lock, because the process with the lock may have crashed. So the work may run twice.
   * @param waitMs longest wait, and the time to live of the lock; milliseconds
   * @param work receives whether it has the lock
   * @param result reads the stored result; `undefined` if there is none yet
   * @throws MastodonError `store_failed`; errors of `work` and `result`
   */
  async withLock<T>(
    key: string,
    waitMs: number,
    work: (isLocked: boolean) => Promise<T>,
    result?: () => Promise<T | undefined>,
  ): Promise<T> {
    const giveUpAt = performance.now() + waitMs;
    for (let wait = pollMs.first; ; wait = Math.min(2 * wait, pollMs.last)) {
      const release = await this.lock(key, waitMs);
      try {
        const stored = await result?.();
        if (stored !== undefined) return stored;
        if (release || performance.now() >= giveUpAt) return await work(release !== undefined);
      } finally {
        await release?.();
      }
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
    const forget = async () => void (this.held.get(key) === until && this.held.delete(key));
    if (!this.site || !this.isShared) return forget;
    let release: Release | undefined;
    try {
      release = await this.site.lock(`${key}:lock`, ttlMs);
    } finally {
      if (!release) await forget();
    }
    return (
      release &&
      (async () => {
        if (performance.now() < until) await release().catch(() => undefined);
        await forget();
      })
    );
  }
}
