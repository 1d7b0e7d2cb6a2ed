/** The default store: records in this process's memory, bounded in entries and in bytes. */

import type { KeyValueStore } from './options.js';

export interface MemoryLimits {
  /** Records of one kind. Default 50 000. */
  readonly entries: number;
  /** Characters of one kind's keys and values together. Default 33 554 432, as many bytes for plain records. */
  readonly size: number;
}

const defaults: MemoryLimits = { entries: 50_000, size: 32 * 1024 * 1024 };

/** Where `storeKey` writes it. */
const kindIn = /^passport-mastodon-oauth2:\d+:([\w-]+):/;

/**
 * Every kind of record has room of its own. Logins are begun by anybody, at no cost, and so are clients that nobody has
 * used yet: a flood of them pushes out neither the clients in use nor what is known of other instances.
 */
export class MemoryStore implements KeyValueStore {
  private readonly kinds = new Map<string, BoundedMap>();

  constructor(private readonly limits: MemoryLimits = defaults) {}

  /** A copy, which is the caller's own. */
  get(key: string): unknown {
    const text = this.of(key).get(key)?.text;
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** The record itself, for who only looks at it: one for all who do, and frozen. */
  look(key: string): unknown {
    return this.of(key).look(key);
  }

  /** @returns whether there is room for it */
  set(key: string, value: unknown, ttlMs?: number): boolean {
    const until = ttlMs === undefined ? Infinity : Date.now() + ttlMs;
    return this.of(key).set(key, JSON.stringify(value), until);
  }

  delete(key: string): boolean {
    return this.of(key).delete(key);
  }

  private of(key: string): BoundedMap {
    const kind = kindIn.exec(key)?.[1] ?? '';
    let map = this.kinds.get(kind);
    if (!map) this.kinds.set(kind, (map = new BoundedMap(this.limits)));
    return map;
  }
}

interface Entry {
  /** JSON: what is kept is nobody's object, and its size is known. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** The same as an object, once somebody has looked at it; counted like the text. */
  value: unknown;
}

/** Drops what was not used for longest. A Map keeps the order of insertion, so whatever is used is put in anew. */
class BoundedMap {
  private readonly entries = new Map<string, Entry>();
  private size = 0;

  constructor(private readonly limits: MemoryLimits) {}

  get(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until <= Date.now()) {
      this.delete(key);
      return undefined;
    }
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry;
  }

  look(key: string): unknown {
    const entry = this.get(key);
    if (entry === undefined || entry.value !== undefined) return entry?.value;
    this.size -= sizeOf(key, entry);
    entry.value = frozen(JSON.parse(entry.text));
    this.size += sizeOf(key, entry);
    this.makeRoom();
    return entry.value;
  }

  set(key: string, text: string, until: number): boolean {
    this.delete(key);
    const entry = { text, until, value: undefined };
    this.entries.set(key, entry);
    this.size += sizeOf(key, entry);
    this.makeRoom();
    return this.entries.has(key);
  }

  private makeRoom(): void {
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.limits.entries && this.size <= this.limits.size) return;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.size -= sizeOf(key, entry);
    return this.entries.delete(key);
  }
}

function sizeOf(key: string, { text, value }: Entry): number {
  return key.length + text.length * (value === undefined ? 1 : 2);
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
