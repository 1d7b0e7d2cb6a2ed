/** Changes of records under a lock. Changes of one process that wait for the same lock share it. */

/** How records are read, written and locked. */
export interface LockedRecords {
  get(key: string): Promise<object | undefined>;
  set(key: string, value: object, ttlMs: number | undefined): Promise<void>;
  /** Resolves to the function that releases the lock. */
  waitForLock(key: string): Promise<() => Promise<void>>;
}

interface Change {
  readonly ttlMs: number | undefined;
  readonly change: (current: object | undefined) => object | undefined;
  readonly resolve: (next: object | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class Changes {
  /** By key, those that wait for the lock. */
  private readonly waiting = new Map<string, Change[]>();

  /** Refers back to this object's owner, so `JSON.stringify` must not see it. */
  readonly #records: LockedRecords;

  /** @param copyOf an error for each of several callers */
  constructor(
    records: LockedRecords,
    private readonly copyOf: (error: unknown) => unknown,
  ) {
    this.#records = records;
  }

  /** Like `Store.update`. Another caller's async context may run `change`. */
  make<T extends object>(
    key: string,
    ttlMs: number | undefined,
    change: (current: object | undefined) => T | undefined,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const one: Change = { ttlMs, change, resolve: resolve as Change['resolve'], reject };
      const waiting = this.waiting.get(key);
      if (waiting) return void waiting.push(one);
      const first = [one];
      this.waiting.set(key, first);
      void this.work(key, first);
    });
  }

  private async work(key: string, waiting: Change[]): Promise<void> {
    while (waiting.length > 0) {
      let taken: Change[] = [];
      try {
        const release = await this.#records.waitForLock(key);
        taken = waiting.splice(0);
        await this.apply(key, taken).finally(release);
      } catch (error) {
        if (taken.length === 0) taken = waiting.splice(0);
        for (const { reject } of taken) reject(this.copyOf(error));
      }
    }
    this.waiting.delete(key);
  }

  /** Applies changes one after the other, and writes the result once. */
  private async apply(key: string, changes: readonly Change[]): Promise<void> {
    let record = await this.#records.get(key);
    let last: Change | undefined;
    const answers = changes.map((one) => {
      try {
        const next = one.change(record);
        if (next !== undefined) [record, last] = [next, one];
        return () => one.resolve(next);
      } catch (error) {
        return () => one.reject(error);
      }
    });
    if (record && last) await this.#records.set(key, record, last.ttlMs);
    for (const answer of answers) answer();
  }
}
