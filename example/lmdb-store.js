// @ts-check
/**
 * A key-value store in one file, on LMDB: what it acknowledged survives a killed process, and several
 * processes may use it at once. Give it to the strategy as it is, or put a Keyv around it.
 */

const fs = require('node:fs');
const path = require('node:path');
const { open } = require('lmdb');

/**
 * An entry as it lies in the file; without `expires` it stays until it is deleted.
 * @typedef {{ value: unknown, expires?: number }} Entry
 */

const SWEEP_EVERY_MS = 60_000;
/** Entries removed in one transaction, so that a sweep never keeps the writers of other processes waiting. */
const SWEEP_BATCH = 500;

class LmdbStore {
  /** Set by Keyv; `clear` then keeps to the keys below it. @type {string | undefined} */
  namespace;

  /** @param {string} file Made with its folder where missing. It holds secrets: only its owner may read it. */
  constructor(file) {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    // LMDB makes its files readable for everyone; making them first decides otherwise.
    for (const name of [file, `${file}-lock`]) fs.closeSync(fs.openSync(name, 'a', 0o600));
    this.environment = open({
      path: file,
      noSubdir: true,
      encoding: 'json',
      // A commit is then on disk when its promise resolves, so that it outlives a power cut too.
      overlappingSync: false,
      // With it, a failed commit also rejects a promise that nobody holds, and that ends the process.
      eventTurnBatching: false,
    });
    /** @type {import('lmdb').Database<Entry, string>} */
    this.entries = this.environment.openDB({ name: 'entries', encoding: 'json' });
    /** The keys by the time they expire, so that a sweep reads nothing else. @type {import('lmdb').Database<true, [number, string]>} */
    this.expiries = this.environment.openDB({ name: 'expiries', encoding: 'json' });
    this.sweeper = setInterval(() => void this.sweep().catch(() => {}), SWEEP_EVERY_MS);
    this.sweeper.unref();
  }

  /**
   * @param {string} key
   * @returns {Promise<any>} undefined where there is none, or none any more
   */
  async get(key) {
    // LMDB answers from one snapshot per turn of the event loop; another process may have written since.
    this.environment.resetReadTxn();
    const entry = this.entries.get(key);
    return entry && !isOver(entry) ? entry.value : undefined;
  }

  /**
   * Resolves once the value is on disk, and rejects if it is not.
   * @param {string} key
   * @param {unknown} value any JSON value
   * @param {number} [ttl] milliseconds
   * @returns {Promise<true>}
   */
  async set(key, value, ttl) {
    await this.#commit(() => {
      const before = this.entries.get(key);
      /** @type {Entry} */
      const entry = ttl ? { value, expires: Date.now() + ttl } : { value };
      this.entries.put(key, entry); // First, because it throws where `value` is not JSON.
      if (before?.expires) this.expiries.remove([before.expires, key]);
      if (entry.expires) this.expiries.put([entry.expires, key], true);
    });
    return true;
  }

  /**
   * LMDB lets one transaction write at a time, across processes: of any number of callers that delete
   * the same entry, one gets true.
   * @param {string} key
   * @returns {Promise<boolean>} whether this call removed it
   */
  async delete(key) {
    return this.#commit(() => {
      const entry = this.#remove(key);
      return entry !== undefined && !isOver(entry);
    });
  }

  /** Removes everything, or everything in Keyv's namespace. */
  async clear() {
    const range = this.namespace ? { start: `${this.namespace}:`, end: `${this.namespace};` } : {};
    await this.#commit(() => {
      for (const key of [...this.entries.getKeys(range)]) this.#remove(key);
    });
  }

  /** Removes what has expired; runs by itself once a minute. @returns {Promise<number>} how many that were */
  async sweep() {
    for (let swept = 0; ;) {
      const batch = await this.#commit(() => {
        const due = [...this.expiries.getKeys({ end: [Date.now(), ''], limit: SWEEP_BATCH })];
        for (const [, key] of due) this.#remove(key);
        return due.length;
      });
      swept += batch;
      if (batch < SWEEP_BATCH) return swept;
    }
  }

  async close() {
    clearInterval(this.sweeper);
    await this.environment.close();
  }

  /**
   * Resolves once what `work` wrote is on disk.
   * @template T
   * @param {() => T} work
   * @returns {Promise<T>}
   */
  async #commit(work) {
    try {
      return await this.environment.transaction(work);
    } catch (error) {
      // LMDB tells the reason, a full disk perhaps, in a promise that rejects by itself.
      const { commitError } = /** @type {{ commitError?: Promise<never> }} */ (error);
      const cause = await commitError?.catch((/** @type {unknown} */ reason) => reason);
      throw cause ? new Error('The store could not write', { cause }) : error;
    }
  }

  /** Only within a transaction. @param {string} key */
  #remove(key) {
    const entry = this.entries.get(key);
    if (entry) this.entries.remove(key);
    if (entry?.expires) this.expiries.remove([entry.expires, key]);
    return entry;
  }
}

/** @param {Entry} entry */
function isOver(entry) {
  return entry.expires !== undefined && entry.expires <= Date.now();
}

module.exports = { LmdbStore };
