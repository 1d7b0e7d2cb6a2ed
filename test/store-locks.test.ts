/** One process works, and the others wait for its result, for a limited time. */

import { Store } from '../lib/store.js';
import { until } from './support/hostile.js';
import { JSONStore } from './support/json-store.js';

/** A store that processes share; the first caller gets the lock. */
class LockingStore extends JSONStore {
  readonly held = new Set<string>();
  async lock(key: string): Promise<(() => void) | undefined> {
    if (this.held.has(key)) return undefined;
    this.held.add(key);
    return () => void this.held.delete(key);
  }
}

/** Logs which process works under the lock. */
class Works {
  result: string | undefined;
  started = 0;
  finish = (): void => undefined;

  /** Simulates another process. */
  join(backend: JSONStore): Promise<string> {
    return new Store(backend, 5000).withLock(
      'lock',
      1000,
      () => this.work(),
      async () => this.result,
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
  it('the first caller runs the work at once, and no other caller runs it', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    const all = Array.from({ length: 8 }, () => works.join(backend));
    // The lock takes effect at once.
    await aTurn();
    expect(works.started).toBe(1);
    works.finish();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['done']));
    expect(works.started).toBe(1);
    expect(backend.held).toEqual(new Set());
  });

  it('the holder of the lock does nothing if the result already exists', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    works.result = 'there';
    expect(await works.join(backend)).toBe('there');
    expect([works.started, backend.held.size]).toEqual([0, 0]);
  });

  it('another caller runs the work after it failed', async () => {
    const [backend, works] = [new LockingStore(), new Works()];
    const failing = new Store(backend, 5000).withLock('lock', 1000, () =>
      Promise.reject(new Error('refused')),
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
  ])('the work does not run where the lock %s', async (_how, lock) => {
    const backend = Object.assign(new LockingStore(), { lock });
    let isAtWork = false;
    const work = async () => void (isAtWork = true);
    const joined = new Store(backend, 50).withLock('lock', 1000, work);
    await expect(joined).rejects.toMatchObject({ code: 'store_failed' });
    expect(isAtWork).toBe(false);
  });

  it('a lock that cannot be released does not lose the finished work', async () => {
    const backend = new LockingStore();
    backend.lock = async () => () => {
      throw new Error('down');
    };
    const work = async () => 'done';
    expect(await new Store(backend, 5000).withLock('lock', 1000, work)).toBe('done');
  });
});

/** The lock of a process that was killed while it worked. None of these stores expires it. */
const dead = {
  'its own lock': async () => {
    const backend = new LockingStore();
    await new Store(backend, 5000).lock('lock', 30_000);
    return backend;
  },
  'a lock that is kept as a record': async () => {
    const backend = new JSONStore();
    await new Store(backend, 5000).lock('lock', 30_000);
    return backend;
  },
};

it.each(Object.entries(dead))(
  'a process that was killed holds up the next one no longer than that one waits (%s)',
  async (_which, killed) => {
    const backend = await killed();
    const began = performance.now();
    const done = new Store(backend, 5000).withLock('lock', 400, async () => 'done');
    expect(await done).toBe('done');
    const waited = performance.now() - began;
    expect([waited >= 400, waited < 2000]).toEqual([true, true]);
  },
);

describe('a lock that is kept as a record', () => {
  it('is held as long as its record exists, even if the clocks of two machines differ', async () => {
    const backend = new JSONStore();
    const [here, there] = [new Store(backend, 5000), new Store(backend, 5000)];
    const release = await here.lock('lock', 60_000);
    const hour = 3_600_000;
    for (const difference of [hour, -hour]) {
      const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + difference);
      expect(await there.lock('lock', 60_000)).toBeUndefined();
      clock.mockRestore();
    }
    await release?.();
    expect(await there.lock('lock', 60_000)).toBeDefined();
  });

  it('is taken over after its duration, if the store expires nothing', async () => {
    const backend = new JSONStore();
    await new Store(backend, 5000).lock('lock', 300);
    const next = new Store(backend, 5000);
    expect(await next.lock('lock', 300)).toBeUndefined();
    let release: unknown;
    void (async () => {
      while (!release) {
        release = await next.lock('lock', 300);
        await aTurn();
      }
    })();
    await until(() => release !== undefined);
  });

  it('is not held if the store cannot confirm it', async () => {
    const backend = new JSONStore();
    const store = new Store(backend, 5000);
    backend.get = () => Promise.reject(new Error('down'));
    await expect(store.lock('lock', 300)).rejects.toMatchObject({ code: 'store_failed' });
    backend.get = (key) => JSONStore.prototype.get.call(backend, key);
    backend.records.clear();
    expect(await store.lock('lock', 300)).toBeDefined();
  });
});
