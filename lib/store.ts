/** What is asked of a Keyv: versioned keys, times to live, time limits, and which failures matter. */

import { randomUUID } from 'node:crypto';
import { isThenable } from './util/checks.js';
import { digest } from './util/digest.js';
import { kindOf, MastodonError } from './errors.js';
import { confused, isMarked, markedRecord, notOurs, recordUnder } from './marked-record.js';
import { frozen, MemoryStore } from './memory-store.js';
import type { KeyValueStore } from './options.js';

/** Changes with the shape of what is stored, so that two versions of this package can share one store. */
const prefix = 'passport-mastodon-oauth2:1';

/** Together with what is put before and behind a key, no more than stores take: memcached 250, Keyv's tables 255. */
const longestHost = 80;

/**
 * The key of a record. Hosts stay readable, but for the longest; everything else is hashed, so that no two different
 * inputs meet in one key and no adapter finds a character it dislikes.
 */
export function storeKey(kind: string, host: string, ...rest: readonly string[]): string {
  // A digest has no dot, and so is no other host.
  const key = `${prefix}:${kind}:${host.length > longestHost ? digest(host) : host}`;
  return rest.length === 0 ? key : `${key}:${digest(JSON.stringify(rest))}`;
}

/** Memcached takes a longer time for a date, of 1970, and the record is gone at once. Milliseconds. */
const monthMs = 30 * 24 * 60 * 60 * 1000;

/** How long nobody waits for a store that has just let somebody wait in vain. Milliseconds. */
const silenceMs = 1000;

export class Store {
  private readonly backend: KeyValueStore;
  /** The same, where it is the default one: it does not fail, and says at once what it could not keep. */
  private readonly own: MemoryStore | undefined;
  private readonly timeoutMs: number;
  /** Whether other processes may use the same store. */
  readonly isShared: boolean;
  /** Whether it is the default one, to which nobody else writes: what was judged once is not judged again. */
  readonly isPrivate: boolean;
  /** Adapters that swallow an error tell it here (Keyv's own habit): counted, to notice a silent failure. */
  private errorsSeen = 0;
  /** Until when the store is taken for dead. A login asks it many times; only the first time is waited for. */
  private silentUntil = 0;
  private readonly taking = new Set<string>();
  /** Whether the store was seen to keep a record that is to stay for longer than a month. */
  private keepsLong: boolean | undefined;

  constructor(backend: KeyValueStore | undefined, timeoutMs: number) {
    this.backend = checkedStore(backend ?? new MemoryStore());
    this.own = this.backend instanceof MemoryStore ? this.backend : undefined;
    this.timeoutMs = timeoutMs;
    this.isPrivate = this.own !== undefined;
    this.isShared = !this.own && !isInMemory(this.backend);
    const { on } = this.backend as { on?: unknown };
    if (typeof on === 'function') on.call(this.backend, 'error', () => this.errorsSeen++);
  }

  /**
   * A record as the store is to be given it, by who has made it and all that it holds, and needs it no more: the default one
   * keeps it without a copy. Another store may write into what it is given.
   */
  given<T extends object>(record: T): T {
    return this.isPrivate ? Object.freeze(record) : record;
  }

  /** A record that is to be kept under several keys: the default store has one object for all of them. */
  shared<T extends object>(record: T): T {
    return this.isPrivate ? frozen(JSON.parse(JSON.stringify(record)) as T) : record;
  }

  /** A cache read, as `look`: whatever goes wrong is a miss. */
  cached(key: string): Promise<unknown> {
    return this.own ? Promise.resolve(this.own.look(key)) : this.read(key).catch(() => undefined);
  }

  /**
   * As `read`, for who changes nothing in the record: of the default store it is the same frozen object for all.
   * @throws MastodonError `store_failed`
   */
  look(key: string): Promise<unknown> {
    return this.own ? Promise.resolve(this.own.look(key)) : this.read(key);
  }

  /** A cache write: whatever goes wrong is forgotten. */
  async cache(key: string, value: object, ttlMs?: number): Promise<void> {
    if (this.own) return void this.own.set(key, value, ttlMs);
    await this.write(key, value, ttlMs).catch(() => undefined);
  }

  /** @throws MastodonError `store_failed` */
  async read(key: string): Promise<unknown> {
    return this.own ? this.own.get(key) : recordUnder(key, await this.value(key));
  }

  /**
   * As `read`, where it is good news that there is no record: that a login was not used yet, or that no signing keys are
   * there. Another key's record in its place, or anything else, does not say so.
   * @param unmarked what a value without a mark says: records had none before the first release
   * @throws MastodonError `store_failed`
   */
  async readOrNone(key: string, unmarked: 'fails' | 'is none' = 'fails'): Promise<unknown> {
    if (this.own) return this.own.get(key);
    const value = await this.value(key);
    const record = recordUnder(key, value);
    if (record !== undefined || value === undefined) return record;
    if (isMarked(value)) throw storeFailed(new Error(confused));
    if (unmarked === 'fails') throw storeFailed(new Error(notOurs));
    return undefined;
  }

  /** Whatever the store has there. */
  private async value(key: string): Promise<unknown> {
    const errorsBefore = this.errorsSeen;
    const value = (await this.within(() => this.get(key))) ?? undefined;
    if (value === undefined && this.errorsSeen !== errorsBefore) {
      throw storeFailed(new Error('the store reported an error'));
    }
    return value;
  }

  /**
   * A write that the login cannot do without; it is read back, since some adapters hide a failed write.
   * @throws MastodonError `store_failed`
   */
  async save(key: string, value: object, ttlMs?: number): Promise<void> {
    if (this.own) return keepIn(this.own, key, value, ttlMs);
    await this.write(key, value, ttlMs);
    if ((await this.readOrNone(key)) === undefined) {
      throw storeFailed(new Error('the store lost what was written'));
    }
  }

  /**
   * Removes a record and returns it to one caller only; like `look`, for who changes nothing in it. Where the store's `delete` tells whether there was
   * something to delete, that decides between processes; `taking` decides within this one.
   * @throws MastodonError `store_failed`
   */
  async take(key: string): Promise<unknown> {
    if (this.own) return this.own.take(key);
    if (this.taking.has(key)) return undefined;
    this.taking.add(key);
    try {
      const value = await this.read(key);
      if (value === undefined) return undefined;
      const errorsBefore = this.errorsSeen;
      const deleted = await this.within(() => this.backend.delete(key));
      if (deleted !== false) return value;
      if (this.errorsSeen !== errorsBefore) throw storeFailed(new Error('the store reported an error'));
      return undefined;
    } finally {
      this.taking.delete(key);
    }
  }

  /** Whether the store has locks of its own; most have none. */
  get hasLocks(): boolean {
    return typeof this.backend.lock === 'function';
  }

  /**
   * @returns what releases the lock, as well as that can be done; `undefined` where somebody else has it
   * @throws MastodonError `store_failed`
   */
  async lock(key: string, ttlMs: number): Promise<(() => Promise<void>) | undefined> {
    const release = await this.within(() => this.backend.lock?.(key, ttlMs));
    if (typeof release !== 'function') return undefined;
    return async () => void (await this.within(release).catch(() => undefined));
  }

  /** Best effort: what should be gone and is not will be found out otherwise. */
  async drop(key: string): Promise<void> {
    if (this.own) return void this.own.delete(key);
    await this.within(() => this.backend.delete(key)).catch(() => undefined);
  }

  /** Keyv 5's `get` answers a failure of its adapter like a miss, without a word; its `getRaw` does not. */
  private async get(key: string): Promise<unknown> {
    const { getRaw } = this.backend as { getRaw?: (key: string) => Promise<{ value?: unknown } | undefined> };
    if (typeof getRaw !== 'function') return this.backend.get(key);
    return (await getRaw.call(this.backend, key))?.value;
  }

  /**
   * A write that is not read back, for what others may delete meanwhile.
   * @throws MastodonError `store_failed`
   */
  async write(key: string, value: object, ttlMs?: number): Promise<void> {
    if (this.own) return keepIn(this.own, key, value, ttlMs);
    const isLong = ttlMs !== undefined && ttlMs > monthMs;
    await this.put(key, value, isLong && !(await this.doesKeepLong(ttlMs)) ? monthMs : ttlMs);
  }

  /** Asked with a record of its own: written so, one that is in use would be gone for a moment. */
  private async doesKeepLong(ttlMs: number): Promise<boolean> {
    if (this.keepsLong === undefined) {
      const key = storeKey('time', '', randomUUID());
      await this.put(key, { isKept: true }, ttlMs);
      this.keepsLong = (await this.read(key)) !== undefined;
      await this.drop(key);
    }
    return this.keepsLong;
  }

  private async put(key: string, value: object, ttlMs: number | undefined): Promise<void> {
    const written = await this.within(() => this.backend.set(key, markedRecord(key, value), ttlMs));
    if (written === false) throw storeFailed(notAccepted());
  }

  private async within<T>(operation: () => T | Promise<T>): Promise<T> {
    if (Date.now() < this.silentUntil) throw storeFailed(new Error('the store is not answering'));
    try {
      const answer = operation();
      return isThenable(answer) ? await this.inTime(answer) : answer;
    } catch (error) {
      throw storeFailed(error instanceof OutOfTime ? error : withoutDetails(error));
    }
  }

  private async inTime<T>(answer: PromiseLike<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      // Any answer ends the silence, also a late one, and also a refusal.
      const ended = () => (this.silentUntil = 0);
      answer.then(ended, ended);
      return await Promise.race([
        answer,
        new Promise<never>((_resolve, reject) => {
          timer = setTimeout(() => {
            this.silentUntil = Date.now() + silenceMs;
            reject(new OutOfTime('the store did not answer in time'));
          }, this.timeoutMs);
        }),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Our own word about a store, beside which stand the errors of its driver. */
class OutOfTime extends Error {}

function keepIn(own: MemoryStore, key: string, value: object, ttlMs?: number): void {
  if (!own.set(key, value, ttlMs)) throw storeFailed(notAccepted());
}

/** A Map, alone, in a Keyv, or in the adapter that Keyv 6 puts around one. */
function isInMemory(backend: unknown): boolean {
  const inner = (around: unknown) => (around as { store?: unknown } | undefined)?.store;
  return [backend, inner(backend), inner(inner(backend))].some((one) => one instanceof Map);
}

/** Drivers put the command, and with it what was to be stored, into their errors; only the kind is kept. */
export function withoutDetails(error: unknown, what = 'store'): Error {
  return new Error(`the ${what} failed: ${kindOf(error)}`);
}

function notAccepted(): Error {
  return new Error('the store did not accept a write');
}

function storeFailed(cause: unknown): MastodonError {
  return new MastodonError('store_failed', { cause });
}

function checkedStore(store: KeyValueStore): KeyValueStore {
  for (const method of ['get', 'set', 'delete'] as const) {
    if (typeof store?.[method] !== 'function') {
      throw new TypeError(`MastodonStrategy: store has no ${method} method`);
    }
  }
  return store;
}
