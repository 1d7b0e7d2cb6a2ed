/** The site's key-value store: limits the time of its calls, checks its answers, and locks keys in it. */

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { digest } from './crypto.js';
import { kindOf } from './error-kind.js';
import { boundedMap, type Records } from './memory.js';

/** Releases a lock. */
export type Release = () => Promise<void>;

/** The record of a lock. It holds a duration, because the clocks of two machines differ. */
type Lock = { readonly owner: string; readonly ttlMs: number };

/** Memcached reads a longer time to live as a date in 1970, and deletes the record at once. Milliseconds. */
const monthMs = 30 * 24 * 60 * 60 * 1000;
/** A lock that is kept as a record is valid after this time, in which other processes can see it. Milliseconds. */
const settleMs = 200;
/** After a timeout, all calls fail at once for this long, because a login makes many calls. Milliseconds. */
const cooldownMs = 1000;

/** SQL adapters of Keyv 5 read the row and then delete it, so two processes may both receive `true`. */
const sqlDialects: ReadonlySet<unknown> = new Set(['sqlite', 'postgres', 'mysql']);

interface LikeKeyv {
  readonly store?: { readonly store?: unknown; readonly opts?: { readonly dialect?: unknown } };
  readonly getRaw?: (key: string) => Promise<{ value?: unknown } | undefined>;
  readonly on?: unknown;
}

/** Whether the backend is a Map: directly, in a Keyv, or in Keyv 6's adapter for a Map. */
export function isMap(backend: object): boolean {
  const { store } = backend as LikeKeyv;
  return [backend, store, store?.store].some((one) => one instanceof Map);
}

/** Changes with the format of the records, so that two versions of this package can share one store. */
export const keyPrefix = 'passport-mastodon-oauth2:2';

/** A key without a record. */
const unusedKey = () => `${keyPrefix}:unused::${randomUUID()}`;

/** An error whose message has no text of the driver. A driver quotes the command, and with it the stored value. */
class SafeError extends Error {}

/** The store returned something other than the record. */
export class UnknownRecordError extends SafeError {}

/** Makes the error of a failed call. */
type Failed = (cause: string | Error) => Error;

/** The methods of the site's store, see the option `store`. */
interface Backend {
  get(key: string): unknown;
  set(key: string, value: object, ttlMs?: number): unknown;
  delete(key: string): unknown;
  lock?(key: string, ttlMs: number): Promise<(() => unknown) | undefined>;
}

/** The time limit of a backend's calls. */
export class TimeLimit {
  private failFastUntil = 0;

  /** @param what names the backend in errors */
  constructor(
    private readonly what: string,
    private readonly timeoutMs: number,
    private readonly failed: Failed,
  ) {}

  /** @throws the error of `failed` if the operation fails, or does not end in time */
  async run<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    if (performance.now() < this.failFastUntil) throw this.failed(`the ${this.what} is not answering`);
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = Promise.resolve(operation());
      // Any answer ends the cooldown, including a late one and a failure.
      const ended = () => (this.failFastUntil = 0);
      answer.then(ended, ended);
      const timeout = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          this.failFastUntil = performance.now() + cooldownMs;
          reject(new SafeError(`the ${this.what} did not answer in time`));
        }, this.timeoutMs);
      });
      return await Promise.race([answer, timeout]);
    } catch (error) {
      const isSafe = error instanceof SafeError;
      throw this.failed(isSafe ? error : `the ${this.what} failed: ${kindOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Its methods throw the error of `failed`. */
export class SiteStore implements Records {
  private readonly timeLimit: TimeLimit;
  /** A Keyv that deletes nothing when it reads. Undefined: the backend is no Keyv 5. */
  private readonly reader: LikeKeyv | undefined;
  /** Number of error events of Keyv. A raised count distinguishes a failed call from a missing record. */
  private errorsSeen = 0;
  private longestTtlMs: number | undefined;
  private decides: boolean | undefined;
  /** When this process first saw a lock of another one, by key. */
  private readonly seen = boundedMap<{ owner: string; at: number }>(1000);

  /** @param timeoutMs of one call of the backend */
  constructor(
    private readonly backend: Backend,
    timeoutMs: number,
    private readonly failed: Failed,
  ) {
    this.timeLimit = new TimeLimit('store', timeoutMs, failed);
    const { getRaw, on, store } = backend as LikeKeyv;
    // Keyv 5's `get` returns a miss when its adapter fails. Its `getRaw` rejects. Both delete an expired key, and with some
    // adapters (memcached) also a missing one. That could delete a value that another process has just written.
    const none = { value: async () => [] };
    if (typeof getRaw === 'function')
      this.reader = Object.create(backend, { delete: none, deleteMany: none }) as LikeKeyv;
    if (typeof on === 'function') on.call(backend, 'error', () => this.errorsSeen++);
    if (sqlDialects.has(store?.opts?.dialect)) this.decides = false;
  }

  /** @throws also when the value is not a record of this package for this key */
  async get(key: string): Promise<object | undefined> {
    return this.call(undefined, async () => {
      const value = this.reader?.getRaw
        ? (await this.reader.getRaw(key))?.value
        : await this.backend.get(key);
      return readKeyedRecord(key, value);
    });
  }

  async set(key: string, value: object, ttlMs?: number): Promise<void> {
    // A store that does not accept the time would lose the record, and the one that it replaces. It is tried separately.
    if (ttlMs !== undefined && ttlMs > monthMs) this.longestTtlMs ??= await this.tryLongTtl(ttlMs);
    await this.put(key, value, ttlMs && Math.min(ttlMs, this.longestTtlMs ?? monthMs));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.call(false, () => this.backend.delete(key))) !== false;
  }

  /** Whether `delete` reports if the record existed. */
  async deleteDecides(): Promise<boolean> {
    return (this.decides ??= !(await this.delete(unusedKey())));
  }

  /**
   * Locks a key with the backend's `lock`, or with a record that is written and read back.
   * @returns a function that releases the lock; `undefined` if another process holds it
   */
  async lock(key: string, ttlMs: number): Promise<Release | undefined> {
    if (typeof this.backend.lock === 'function') {
      const release = await this.call(false, () => this.backend.lock?.(key, Math.ceil(ttlMs)));
      return typeof release === 'function' ? async () => void (await this.call(false, release)) : undefined;
    }
    const owner = randomUUID();
    // A stalled process may have overwritten this lock and then deleted it. One more try follows.
    for (let tries = 0; tries < 2; tries++) {
      const began = performance.now();
      if (this.isHeldElsewhere(key, await this.lockAt(key))) return undefined;
      await this.set(key, { owner, ttlMs } satisfies Lock, ttlMs);
      // By then, every process that saw no lock has written its own. The last written one is valid.
      await pause(settleMs + performance.now() - began);
      const settled = (await this.get(key)) as Lock | undefined;
      if (settled === undefined) continue;
      if (settled.owner !== owner) return undefined;
      return async () => {
        if ((await this.lockAt(key))?.owner === owner) await this.delete(key);
      };
    }
    throw this.failed('the store lost what was written');
  }

  private async lockAt(key: string): Promise<Lock | undefined> {
    return (await this.get(key).catch(() => undefined)) as Lock | undefined;
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

  private async put(key: string, value: object, ttlMs: number | undefined): Promise<void> {
    // Stores take a time to live of 0 for none, and Redis takes whole milliseconds.
    const ttl = ttlMs === undefined ? undefined : Math.max(1, Math.ceil(ttlMs));
    const written = await this.call(false, () => this.backend.set(key, keyedRecord(key, value), ttl));
    if (written === false) throw this.failed('the store did not accept a write');
  }

  /** @returns the longest time to live that the store takes */
  private async tryLongTtl(ttlMs: number): Promise<number> {
    const key = unusedKey();
    await this.put(key, {}, ttlMs);
    const isKept = (await this.get(key)) !== undefined;
    await this.delete(key).catch(() => undefined);
    return isKept ? Infinity : monthMs;
  }

  /** @param hidden result by which Keyv hides a failure, of which it emits an event */
  private async call<T>(hidden: undefined | false, operation: () => T | PromiseLike<T>): Promise<T> {
    const errorsBefore = this.errorsSeen;
    const result = await this.timeLimit.run(operation);
    if (result === hidden && this.errorsSeen !== errorsBefore)
      throw this.failed('the store reported an error');
    return result;
  }
}

/**
 * Adds the digest of the key to a record. After a connection error, a database client may return the record of another
 * key (node-redis before version 6).
 */
export function keyedRecord(key: string, value: object): object {
  return { ...value, keptUnder: digest(key) };
}

/** @returns the record that was passed to `keyedRecord`; `undefined` if there is none */
function readKeyedRecord(key: string, value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || !('keptUnder' in value)) {
    throw new UnknownRecordError('the store returned a value that this package did not write');
  }
  const { keptUnder, ...record } = value;
  if (keptUnder === digest(key)) return record;
  throw new UnknownRecordError(
    "the store returned another key's record: its client has lost count of the answers and must reconnect",
  );
}
