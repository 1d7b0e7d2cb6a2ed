/** The default store: records in this process's memory, bounded in entries and in bytes. */

import type { KeyValueStore } from './options.js';

export interface MemoryLimits {
  /** Records of one kind. Default 50 000. */
  readonly entries: number;
  /** Characters of one kind's keys and values together. Default 33 554 432, as many bytes for plain records. */
  readonly size: number;
}

const defaults: MemoryLimits = { entries: 50_000, size: 32 * 1024 * 1024 };

/** Where `storeKey` writes it: behind the second colon. */
function kindOf(key: string): string {
  const start = key.indexOf(':', key.indexOf(':') + 1) + 1;
  const end = key.indexOf(':', start);
  return start > 0 && end > 0 ? key.slice(start, end) : '';
}

/**
 * Every kind of record has room of its own. Logins are begun by anybody, at no cost, and so are clients that nobody has
 * used yet: a flood of them pushes out neither the clients in use nor what is known of other instances.
 */
export class MemoryStore implements KeyValueStore {
  private readonly kinds = new Map<string, BoundedMap>();

  constructor(private readonly limits: MemoryLimits = defaults) {}

  /** A copy, which is the caller's own. */
  get(key: string): unknown {
    const entry = this.of(key).get(key);
    return entry && JSON.parse(entry.text ?? JSON.stringify(entry.value));
  }

  /** The record itself, for who only looks at it: one for all who do, and frozen. */
  look(key: string): unknown {
    const entry = this.of(key).get(key);
    if (entry?.text !== undefined) {
      entry.value = frozen(JSON.parse(entry.text));
      entry.text = undefined;
    }
    return entry?.value;
  }

  /** As `look`, for one caller only: nothing runs between the reading and the end of the record. */
  take(key: string): unknown {
    const value = this.look(key);
    if (value !== undefined) this.delete(key);
    return value;
  }

  /**
   * Keeps a copy, or the record itself where that is frozen, with all that it holds: then nobody can change it.
   * @returns whether there is room for it
   */
  set(key: string, value: unknown, ttlMs?: number): boolean {
    const until = ttlMs === undefined ? Infinity : Date.now() + ttlMs;
    if (Object.isFrozen(value)) return this.of(key).set(key, undefined, value, sizeOf(value), until);
    const text = JSON.stringify(value);
    return this.of(key).set(key, text, undefined, text.length, until);
  }

  delete(key: string): boolean {
    return this.of(key).delete(key);
  }

  private of(key: string): BoundedMap {
    const kind = kindOf(key);
    let map = this.kinds.get(kind);
    if (!map) this.kinds.set(kind, (map = new BoundedMap(this.limits)));
    return map;
  }
}

interface Entry {
  readonly key: string;
  /** JSON, so that what is kept is nobody's object; until somebody looks at it. */
  text: string | undefined;
  /** The object instead, from then on. It takes about as much memory: its names are shared by all of a kind. */
  value: unknown;
  /** Characters of key and value. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Its neighbours in the order of use. */
  older: Entry | undefined;
  newer: Entry | undefined;
}

/**
 * Drops what was not used for longest. The order is a chain through the entries: a Map would keep it, too, but is written
 * anew and anew where entries leave it at one end.
 */
class BoundedMap {
  private readonly entries = new Map<string, Entry>();
  private oldest: Entry | undefined;
  private newest: Entry | undefined;
  private size = 0;

  constructor(private readonly limits: MemoryLimits) {}

  get(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until <= Date.now()) {
      this.delete(key);
      return undefined;
    }
    if (entry !== this.newest) {
      this.unlink(entry);
      this.append(entry);
    }
    return entry;
  }

  set(key: string, text: string | undefined, value: unknown, length: number, until: number): boolean {
    this.delete(key);
    const size = key.length + length;
    // It would push all others out first, and then itself.
    if (size > this.limits.size) return false;
    const entry = { key, text, value, size, until, older: undefined, newer: undefined };
    this.entries.set(key, entry);
    this.append(entry);
    this.size += size;
    while (this.oldest && (this.entries.size > this.limits.entries || this.size > this.limits.size)) {
      this.delete(this.oldest.key);
    }
    return true;
  }

  delete(key: string): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.size -= entry.size;
    this.unlink(entry);
    // An old entry that points to a young one keeps it from being collected with the young, and that one the next.
    entry.older = entry.newer = entry.text = entry.value = undefined;
    return this.entries.delete(key);
  }

  private append(entry: Entry): void {
    entry.older = this.newest;
    entry.newer = undefined;
    if (this.newest) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
  }

  private unlink({ older, newer }: Entry): void {
    if (older) older.newer = newer;
    else this.oldest = newer;
    if (newer) newer.older = older;
    else this.newest = older;
  }
}

/** The record itself, with all that it holds, as nobody can change it any more: the default store keeps it without a copy. */
export function frozen<T>(value: T): T {
  if (Object.isFrozen(value)) return value;
  for (const name in value) frozen(value[name]);
  return Object.freeze(value);
}

/** About as many characters as it has in JSON; what several records share counts in each, as any may be the last to hold it. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + perValue;
  let size = perValue;
  for (const name in value as object) size += name.length + sizeOf((value as Record<string, unknown>)[name]);
  return size;
}

/** Quotes, colon and comma; and as much as a number has on average. */
const perValue = 6;
