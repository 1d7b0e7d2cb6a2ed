/** One process works, the others wait for it: with the store's own locks, and no longer than that takes. */

import { underLease } from '../../lib/client/lock.js';
import { Store } from '../../lib/store.js';
import { until } from '../support/hostile.js';
import { JSONStore } from '../support/json-store.js';

/** Processes share it; a lock is there for the one who comes first. */
class LockingStore extends JSONStore {
  readonly held = new Set<string>();
  async lock(key: string): Promise<(() => void) | undefined> {
    if (this.held.has(key)) return undefined;
    this.held.add(key);
    return () => void this.held.delete(key);
  }
}

/** What one process after another does under the lease, and how it tells. */
class Works {
  result: string | undefined;
  started = 0;
  finish = (): void => undefined;

  /** As in a process of its own. */
  join(backend: LockingStore): Promise<string> {
    return underLease(
      new Store(backend, 5000),
      'lease',
      1000,
      async () => this.result,
      () => this.work(),
    );
  }

  private async work(): Promise<string> {
    this.started += 1;
    await new Promise<void>((resolve) => (this.finish = resolve));
    return (this.result = 'done');
  }
}

const aTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('where the store has locks', () => {
  it('the first one works at once, and no other one does', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    const all = Array.from({ length: 8 }, () => works.join(backend));
    // No time has to pass for the lock to count.
    await aTurn();
    expect(works.started).toBe(1);
    works.finish();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['done']));
    expect(works.started).toBe(1);
    expect(backend.held).toEqual(new Set());
  });

  it('what is there already is no work for the one who gets the lock', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    works.result = 'there';
    expect(await works.join(backend)).toBe('there');
    expect([works.started, backend.held.size]).toEqual([0, 0]);
  });

  it('another one takes over when the work fails', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    const failing = underLease(
      new Store(backend, 5000),
      'lease',
      1000,
      async () => undefined,
      () => Promise.reject(new Error('refused')),
    );
    const next = works.join(backend);
    await expect(failing).rejects.toThrow('refused');
    await until(() => works.started === 1);
    works.finish();
    expect(await next).toBe('done');
  });

  it.each<[string, () => Promise<never>]>([
    ['fails', () => Promise.reject(new Error('down'))],
    ['never answers', () => new Promise<never>(() => undefined)],
  ])('nobody works where the lock %s', async (_how, lock) => {
    const backend = Object.assign(new LockingStore(), { lock });
    let isAtWork = false;
    const work = async () => void (isAtWork = true);
    const joined = underLease(new Store(backend, 50), 'lease', 1000, async () => undefined, work);
    await expect(joined).rejects.toMatchObject({ code: 'store_failed' });
    expect(isAtWork).toBe(false);
  });

  it('a lock that cannot be released costs nobody the work that is done', async () => {
    const backend = new LockingStore();
    backend.lock = async () => () => {
      throw new Error('down');
    };
    const work = async () => 'done';
    expect(await underLease(new Store(backend, 5000), 'lease', 1000, async () => undefined, work)).toBe(
      'done',
    );
  });
});
