/** What a store needs around its backend: a time limit, keyed records, and memory as the default backend. */

import { LRUCache } from 'lru-cache';
import { digest } from './digest.js';

/** After a timeout, calls fail at once for this time: a login makes many calls, and waits for one. Milliseconds. */
const silenceMs = 1000;

export class TimeLimitError extends Error {}

export class TimeLimit {
  private silentUntil = 0;

  /** @param what is called, for the errors' messages */
  constructor(
    private readonly what: string,
    private readonly timeoutMs: number,
  ) {}

  /** @throws TimeLimitError, and whatever `operation` throws */
  async run<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    if (performance.now() < this.silentUntil) throw new TimeLimitError(`the ${this.what} is not answering`);
    const answer = Promise.resolve(operation());
    // Any answer ends the silence, also a late one or a failure.
    const ended = () => (this.silentUntil = 0);
    answer.then(ended, ended);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.silentUntil = performance.now() + silenceMs;
        reject(new TimeLimitError(`the ${this.what} did not answer in time`));
      }, this.timeoutMs);
    });
    return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
  }
}

interface LikeKeyv {
  readonly store?: { readonly store?: unknown; readonly opts?: { readonly dialect?: unknown } };
  readonly getRaw?: (key: string) => Promise<{ value?: unknown } | undefined>;
}

/** SQL adapters of Keyv 5 look for the row and then delete it, so two processes are both told that they deleted it. */
const sqlDialects: ReadonlySet<unknown> = new Set(['sqlite', 'postgres', 'mysql']);

export function isInSQL(backend: object): boolean {
  return sqlDialects.has((backend as LikeKeyv).store?.opts?.dialect);
}

/** Whether the backend is a Map: alone, in a Keyv, or in the adapter that Keyv 6 puts around one. */
export function isMap(backend: object): boolean {
  const { store } = backend as LikeKeyv;
  return [backend, store, store?.store].some((one) => one instanceof Map);
}

/**
 * Returns a function that reads a value without side effects and rejects when the backend fails.
 *
 * Keyv 5's `get` answers a failure of its adapter like a miss; its `getRaw` does not. Both delete a key whose value they take for
 * expired, and with some adapters (memcached) also after each miss. That deletion would remove what another process has written
 * between the two steps. So `getRaw` runs on an object that inherits from the Keyv and deletes nothing.
 */
export function readerOf(backend: { get(key: string): unknown } & object): (key: string) => Promise<unknown> {
  const { getRaw } = backend as LikeKeyv;
  if (typeof getRaw !== 'function') return async (key) => backend.get(key);
  const none = { value: async () => [] };
  const reading = Object.create(backend, { delete: none, deleteMany: none }) as object;
  return async (key) => (await getRaw.call(reading, key))?.value;
}

/**
 * The field with the digest. A database client that has lost count of its answers returns one key's record to the
 * reader of another key (node-redis before version 6 does, after a connection broke under load).
 */
const keyField = 'keptUnder';

export function keyedRecord(key: string, value: object): object {
  return { ...value, [keyField]: digest(key) };
}

/** The store answered, with something else than the record. */
export class UnknownRecordError extends Error {}

/**
 * Reads a keyed record.
 * @param value what the store returned for `key`
 * @returns the record as it was before `keyedRecord`
 * @throws UnknownRecordError that says what is wrong with the value
 */
export function readKeyedRecord(key: string, value: unknown): object {
  if (typeof value !== 'object' || value === null || !(keyField in value)) {
    throw new UnknownRecordError('the store returned a value that this package did not write');
  }
  const { [keyField]: keptUnder, ...record } = value;
  if (keptUnder === digest(key)) return record;
  throw new UnknownRecordError(
    "the store returned another key's record: its client has lost count of the answers and must reconnect",
  );
}

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
