/** The embedded store: a key-value store in one file, on LMDB, for several processes of one machine. */

import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as LMDB from 'lmdb';
import type { KeyValueStore } from '../options.js';
import { checkPrivateFile, openPrivateFolder, type PrivateFile } from './private-file.js';

export interface EmbeddedStore extends KeyValueStore {
  /** A Keyv around the store sets it; `clear` removes only keys of this namespace. */
  namespace?: string | undefined;
  /** Resolves to `undefined` for a missing or expired entry. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  /**
   * Resolves once the value is on disk; rejects if it could not be written.
   * @param key at most 1978 bytes
   * @param value any JSON value
   * @param ttl milliseconds; without one, or with 0, the entry stays until it is deleted
   */
  set(key: string, value: unknown, ttl?: number): Promise<true>;
  /** Resolves to `true` for exactly one of any number of callers, also in several processes. */
  delete(key: string): Promise<boolean>;
  /**
   * Resolves to a function that releases the lock, or to `undefined` while another caller has it, in any process.
   * @param ttl milliseconds, after which the lock ends by itself
   */
  lock(key: string, ttl: number): Promise<(() => Promise<void>) | undefined>;
  /** Removes all entries, or all entries of `namespace`. */
  clear(): Promise<void>;
  /** Removes expired entries; runs once a minute. Resolves to the number of removed entries. */
  sweep(): Promise<number>;
  /** Waits for pending writes. */
  close(): Promise<void>;
}

interface Item {
  readonly value: unknown;
  /** Milliseconds since the epoch; absent from entries that do not expire. */
  readonly until?: number;
}

const sweepEveryMs = 60_000;
/** Entries removed in one transaction: writes of other processes wait for it. */
const sweepAtOnce = 500;

/**
 * Opens a store in one file on disk, with locks, for all processes of one machine. Needs the package lmdb.
 * @param path of the file; a missing file or folder is created, readable by its owner only
 * @throws Error with `code`: `NO_DATABASE` for the file of another program, `DAMAGED_DATABASE` for one that was cut short,
 *   `UNSAFE_FILE` for one that is a link, or that others may read, write or replace, or the code of the file system
 */
export async function openEmbeddedStore(path: string): Promise<EmbeddedStore> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- import() fails in a CommonJS test of Jest
  const { open } = require('lmdb') as typeof LMDB;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const folder = openPrivateFolder(path);
  try {
    return openIn(folder, path, open);
  } catch (error) {
    folder.close();
    throw error;
  }
}

function openIn(folder: PrivateFile, path: string, open: typeof LMDB.open): EmbeddedStore {
  // The file holds client secrets. LMDB creates files that every user of the machine may read, so it is created first.
  const { start, size } = checkPrivateFile(folder.path, path, headerBytes);
  const code = databaseProblem(start, size);
  if (code !== undefined) throw Object.assign(new Error(problems[code]), { code });
  checkPrivateFile(`${folder.path}-lock`, `${path}-lock`);
  const root = open({
    path: folder.path,
    noSubdir: true,
    encoding: 'json',
    // The promise of a commit resolves when the commit is on disk, so that it survives a power cut.
    overlappingSync: false,
    // With it, a failed commit also rejects a promise without a handler, which ends the process.
    eventTurnBatching: false,
  });
  const items: LMDB.Database<Item, string> = root.openDB({ name: 'items', encoding: 'json' });
  // The same keys in the order in which they expire: a sweep reads nothing else.
  const expiries: LMDB.Database<true, [number, string]> = root.openDB({ name: 'expiries', encoding: 'json' });

  /** Resolves once what `work` wrote is on disk. */
  const commit = async <T>(work: () => T): Promise<T> => {
    try {
      return await root.transaction(work);
    } catch (error) {
      // LMDB gives the reason, such as a full disk, in a separate promise that rejects.
      const { commitError } = error as { commitError?: Promise<never> };
      const cause: unknown = await commitError?.catch((reason: unknown) => reason);
      throw cause === undefined ? error : new Error('the store could not write', { cause });
    }
  };

  /** Only within a transaction. */
  const remove = (key: string): Item | undefined => {
    const item = items.get(key);
    if (item === undefined) return undefined;
    void items.remove(key);
    if (item.until !== undefined) void expiries.remove([item.until, key]);
    return item;
  };

  /** Only within a transaction. */
  const put = (key: string, value: unknown, ttl: number | undefined): void => {
    const before = items.get(key);
    const item: Item = ttl ? { value, until: Date.now() + ttl } : { value };
    // First, because it throws for a value that cannot be written.
    void items.put(key, item);
    if (before?.until !== undefined) void expiries.remove([before.until, key]);
    if (item.until !== undefined) void expiries.put([item.until, key], true);
  };

  const store: EmbeddedStore = {
    namespace: undefined,

    async get<T>(key: string) {
      // Reads are from one snapshot until the next turn of the event loop; another process may have written.
      root.resetReadTxn();
      return living(items.get(key))?.value as T | undefined;
    },

    async set(key, value, ttl) {
      await commit(() => put(key, value, ttl));
      return true;
    },

    // One transaction writes at a time, whichever process it is of: no other process can find the entry after it.
    delete: (key) => commit(() => living(remove(key)) !== undefined),

    async lock(key, ttl) {
      const token = randomUUID();
      const isTaken = await commit(() => {
        if (living(items.get(key)) !== undefined) return false;
        put(key, token, ttl);
        return true;
      });
      if (!isTaken) return undefined;
      // A lock that has expired may belong to another caller now.
      return async () => void (await commit(() => items.get(key)?.value === token && remove(key)));
    },

    async clear() {
      const { namespace } = store;
      const range = namespace ? { start: `${namespace}:`, end: `${namespace};` } : {};
      await commit(() => {
        for (const key of [...items.getKeys(range)]) remove(key);
      });
    },

    async sweep() {
      for (let swept = 0; ;) {
        const removed = await commit(() => {
          const due = [...expiries.getKeys({ end: [Date.now(), ''], limit: sweepAtOnce })];
          for (const entry of due) {
            // Removed even if its item is missing, because the entry would stay due for ever.
            if (remove(entry[1]) === undefined) void expiries.remove(entry);
          }
          return due.length;
        });
        swept += removed;
        if (removed < sweepAtOnce) return swept;
      }
    },

    async close() {
      clearInterval(sweeper);
      await root.close();
      folder.close();
    },
  };
  // After a failed sweep, the next one removes the same entries.
  const sweeper = setInterval(() => void store.sweep().catch(() => undefined), sweepEveryMs).unref();
  return store;
}

function living(item: Item | undefined): Item | undefined {
  return item?.until === undefined || item.until > Date.now() ? item : undefined;
}

/** Two header pages of the largest page size. */
const headerBytes = 2 * 65_536;
const lmdbMagic = 0xbeefc0de;

const problems = {
  NO_DATABASE: 'not an LMDB file',
  DAMAGED_DATABASE: 'the LMDB file is damaged or was cut short',
};

/**
 * LMDB ends the process when it opens the file of another program, or reads a page behind the end of a file that was cut
 * short. Checks the two headers, and that the pages they begin with are there. The file may be shorter than a header says:
 * LMDB does not write pages that a transaction takes and gives back.
 */
function databaseProblem(start: Buffer, size: number): keyof typeof problems | undefined {
  if (size === 0) return undefined;
  if (start.length < 28 || start.readUInt32LE(24) !== lmdbMagic) return 'NO_DATABASE';
  if (start.length < 160) return 'DAMAGED_DATABASE';
  const pageSize = start.readUInt32LE(48);
  const isPageSize = pageSize >= 256 && pageSize <= 65_536 && Number.isInteger(Math.log2(pageSize));
  if (!isPageSize || start.length < pageSize + 160) return 'DAMAGED_DATABASE';
  const headers = [0, pageSize].map((offset) => {
    const number = (at: number) => Number(start.readBigUInt64LE(offset + at));
    const isHeader =
      start.readUInt32LE(offset + 24) === lmdbMagic && number(32) === 0 && number(40) < 2 ** 47;
    return { isHeader, roots: [number(88), number(136)], transaction: number(152) };
  });
  const [newer] = headers.sort((one, other) => other.transaction - one.transaction);
  const isWhole = newer?.roots.every((root) => root === emptyRoot || (root + 1) * pageSize <= size);
  return isWhole && headers.every(({ isHeader }) => isHeader) ? undefined : 'DAMAGED_DATABASE';
}

/** P_INVALID: the root of a tree without pages. */
const emptyRoot = Number(0xffffffffffffffffn);
