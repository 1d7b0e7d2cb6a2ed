/**
 * The service's embedded database: what it acknowledged survives a killed process, and several processes may
 * use one file.
 */

import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from 'lmdb';
import type { KeyValueStore } from '../options.js';

export interface EmbeddedStore extends KeyValueStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttl?: number): Promise<true>;
  /** True for one of any number of callers, also in several processes. */
  delete(key: string): Promise<boolean>;
  /** Removes what has expired; runs by itself once a minute. Resolves to how many entries that were. */
  sweep(): Promise<number>;
  /** Waits for the writes under way. */
  close(): Promise<void>;
}

interface Item {
  readonly value: unknown;
  /** Milliseconds since the epoch; absent from what stays until it is deleted. */
  readonly until?: number;
}

const sweepEveryMs = 60_000;
/** Entries removed in one transaction, so that other processes need not wait long for theirs. */
const sweepAtOnce = 500;

/** Where the database of a `db_path` is: the path itself, or a file in it where it is a folder. */
export function databaseFile(path: string): string {
  const isFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, 'authenticator.mdb') : path;
}

/** Makes the file and its folder where they are missing. */
export async function openEmbeddedStore(path: string): Promise<EmbeddedStore> {
  const { open } = await import('lmdb');
  const file = databaseFile(path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // It holds client secrets. LMDB makes files that everyone may read, so they are made before it comes.
  const make = (name: string): void => closeSync(openSync(name, 'a', 0o600));
  make(file);
  if (!isDatabase(file)) throw Object.assign(new Error('not an LMDB file'), { code: 'NO_DATABASE' });
  make(`${file}-lock`);
  // Without overlappingSync a commit is on disk once its promise resolves.
  const root = open({ path: file, noSubdir: true, overlappingSync: false, encoding: 'json' });
  const items: Database<Item, string> = root.openDB({ name: 'items', encoding: 'json' });
  // The same keys in the order in which they expire: a sweep reads nothing else.
  const expiries: Database<true, [number, string]> = root.openDB({ name: 'expiries', encoding: 'json' });

  /** Only within a transaction. */
  const remove = (key: string): Item | undefined => {
    const item = items.get(key);
    if (item === undefined) return undefined;
    void items.remove(key);
    if (item.until !== undefined) void expiries.remove([item.until, key]);
    return item;
  };

  const store: EmbeddedStore = {
    async get(key) {
      // Reads are from one snapshot until the next turn of the event loop; another process may have written.
      root.resetReadTxn();
      return living(items.get(key))?.value;
    },

    async set(key, value, ttl) {
      const item: Item = ttl === undefined ? { value } : { value, until: Date.now() + ttl };
      await root.transaction(() => {
        const before = items.get(key);
        // First, since it throws where the value cannot be written.
        void items.put(key, item);
        if (before?.until !== undefined) void expiries.remove([before.until, key]);
        if (item.until !== undefined) void expiries.put([item.until, key], true);
      });
      return true;
    },

    // One transaction writes at a time, whichever process it is of: nobody else can find the entry after it.
    delete: (key) => root.transaction(() => living(remove(key)) !== undefined),

    async sweep() {
      for (let swept = 0; ;) {
        const removed = await root.transaction(() => {
          const due = [...expiries.getKeys({ end: [Date.now(), ''], limit: sweepAtOnce })];
          for (const [, key] of due) remove(key);
          return due.length;
        });
        swept += removed;
        if (removed < sweepAtOnce) return swept;
      }
    },

    async close() {
      clearInterval(sweeper);
      await root.close();
    },
  };
  // A sweep that fails leaves what the next one takes.
  const sweeper = setInterval(() => void store.sweep().catch(() => undefined), sweepEveryMs).unref();
  return store;
}

function living(item: Item | undefined): Item | undefined {
  return item?.until === undefined || item.until > Date.now() ? item : undefined;
}

/** LMDB ends the process when it opens anything else. A file of its own has its mark after the first page header. */
function isDatabase(file: string): boolean {
  const descriptor = openSync(file, 'r');
  try {
    const start = Buffer.alloc(28);
    const length = readSync(descriptor, start);
    return length === 0 || (length === 28 && start.readUInt32LE(24) === 0xbeefc0de);
  } finally {
    closeSync(descriptor);
  }
}
