/** Helpers of stores: a time limit, and keyed records. */

import { digest } from './crypto.js';

/** After a timeout, calls fail at once for this time, because a login makes many calls. Milliseconds. */
const cooldownMs = 1000;

export class TimeLimitError extends Error {}

export class TimeLimit {
  private failFastUntil = 0;

  /** @param what names the backend in errors */
  constructor(
    private readonly what: string,
    private readonly timeoutMs: number,
  ) {}

  /** @throws TimeLimitError, and whatever `operation` throws */
  async run<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    if (performance.now() < this.failFastUntil) throw new TimeLimitError(`the ${this.what} is not answering`);
    const answer = Promise.resolve(operation());
    // Any answer ends the cooldown, including a late one and a failure.
    const ended = () => (this.failFastUntil = 0);
    answer.then(ended, ended);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.failFastUntil = performance.now() + cooldownMs;
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

/** SQL adapters of Keyv 5 read the row and then delete it, so two processes may both receive `true`. */
const sqlDialects: ReadonlySet<unknown> = new Set(['sqlite', 'postgres', 'mysql']);

export function isInSQL(backend: object): boolean {
  return sqlDialects.has((backend as LikeKeyv).store?.opts?.dialect);
}

/** Whether the backend is a Map: directly, in a Keyv, or in Keyv 6's adapter for a Map. */
export function isMap(backend: object): boolean {
  const { store } = backend as LikeKeyv;
  return [backend, store, store?.store].some((one) => one instanceof Map);
}

/**
 * Returns a function that reads a value without side effects and rejects when the backend fails.
 *
 * Keyv 5's `get` returns a miss when its adapter fails. Its `getRaw` rejects. Both delete an expired key, and with some
 * adapters (memcached) also a missing one. That deletion could remove a value that another process has just written. So
 * `getRaw` runs on an object that inherits from the Keyv and does not delete.
 */
export function readerOf(backend: { get(key: string): unknown } & object): (key: string) => Promise<unknown> {
  const { getRaw } = backend as LikeKeyv;
  if (typeof getRaw !== 'function') return async (key) => backend.get(key);
  const none = { value: async () => [] };
  const reading = Object.create(backend, { delete: none, deleteMany: none }) as object;
  return async (key) => (await getRaw.call(reading, key))?.value;
}

/**
 * Adds the digest of the key to a record. After a connection error, a database client may return the record of another
 * key (node-redis before version 6).
 */
export function keyedRecord(key: string, value: object): object {
  return { ...value, keptUnder: digest(key) };
}

/** Whether a value has a member of this type by each of these names, as a record from a store should. */
export function hasMembers(value: unknown, type: 'string' | 'number', names: readonly string[]): boolean {
  const record = Object(value) as Record<string, unknown>;
  for (const name of names) if (typeof record[name] !== type) return false;
  return true;
}

/** The store returned something other than the record. */
export class UnknownRecordError extends Error {}

/**
 * Reads a keyed record.
 * @param value the value that the store returned for `key`
 * @returns the record that was passed to `keyedRecord`
 * @throws UnknownRecordError with the reason
 */
export function readKeyedRecord(key: string, value: unknown): object {
  if (typeof value !== 'object' || value === null || !('keptUnder' in value)) {
    throw new UnknownRecordError('the store returned a value that this package did not write');
  }
  const { keptUnder, ...record } = value;
  if (keptUnder === digest(key)) return record;
  throw new UnknownRecordError(
    "the store returned another key's record: its client has lost count of the answers and must reconnect",
  );
}
