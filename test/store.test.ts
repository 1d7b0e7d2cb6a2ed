/** What the package asks of a store, held against stores of all kinds; and what it makes of broken ones. */

import { mkdtempSync, rmSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createClient } from '@redis/client';
import { Keyv } from 'keyv';
import type { KeyValueStore } from '../lib/options.js';
import { Store, storeKey } from '../lib/store.js';
import { openEmbeddedStore, redisStore } from '../lib/stores/index.js';
import { BadStore, breakdowns, strangeRecords, type Operation } from './support/bad-store.js';
import { until } from './support/hostile.js';
import { redisAvailable, startRedis, type Redis } from './support/redis.js';
import { redisKeyv } from './support/redis-keyv.js';
import { JSONStore } from './support/stage.js';

interface Opened {
  /** `undefined` is the default. */
  readonly backend: KeyValueStore | undefined;
  close?(): Promise<void>;
}

interface Expectation {
  readonly isShared: boolean;
  /** Its `delete` tells whether there was something, so that two processes cannot take one record. */
  readonly deleteTells: boolean;
  /** Has locks of its own. Default false. */
  readonly locks?: boolean;
}

const timeoutMs = 5000;

/** What any store has to do. */
function itKeepsTheContract(open: () => Opened | Promise<Opened>, expected: Expectation): void {
  let opened: Opened;
  let store: Store;
  beforeEach(async () => {
    opened = await open();
    store = new Store(opened.backend, timeoutMs);
  });
  afterEach(async () => opened.close?.());

  const record = {
    text: 'a "text" with \n, \u0000 and \u{1f600}',
    list: [1, { deep: null }],
    yes: true,
    long: 'x'.repeat(20_000),
  };
  const key = storeKey('test', 'social.example', 'one');

  it('gives back what was saved, until it is saved anew', async () => {
    await store.save(key, record, 60_000);
    expect(await store.read(key)).toEqual(record);
    await store.save(key, { other: 1 });
    expect(await store.read(key)).toEqual({ other: 1 });
    expect(await store.cached(key)).toEqual({ other: 1 });
  });

  it('keeps what is cached, and drops what is to go', async () => {
    await store.cache(key, record, 60_000);
    expect(await store.cached(key)).toEqual(record);
    await store.drop(key);
    expect(await store.cached(key)).toBeUndefined();
    await store.drop(key);
  });

  it('has nothing under a key that nobody wrote', async () => {
    expect(await store.read(storeKey('test', 'unknown.example'))).toBeUndefined();
    expect(await store.take(storeKey('test', 'unknown.example'))).toBeUndefined();
  });

  it('gives a record to one taker only, however many there are at once', async () => {
    await store.save(key, record);
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.take(key)));
    expect(taken.filter((value) => value !== undefined)).toEqual([record]);
    expect(await store.read(key)).toBeUndefined();
    expect(await store.take(key)).toBeUndefined();
  });

  it('keeps records apart by every part of their key', async () => {
    const keys = [
      storeKey('test', 'social.example'),
      storeKey('test', 'social.example', ''),
      storeKey('test', 'social.example', 'a', 'b'),
      storeKey('test', 'social.example', 'a,b'),
      storeKey('test', 'social.example', 'a', 'b', ''),
      storeKey('other', 'social.example', 'a', 'b'),
      storeKey('test', 'social.example:3000', 'a', 'b'),
    ];
    for (const [n, one] of keys.entries()) await store.save(one, { n });
    expect(await Promise.all(keys.map((one) => store.read(one)))).toEqual(keys.map((_key, n) => ({ n })));
  });

  it(`counts as ${expected.isShared ? 'shared between processes' : "this process's own"}`, () => {
    expect(store.isShared).toBe(expected.isShared);
  });

  const lets = expected.deleteTells ? 'does not let' : 'cannot keep';
  it(`${lets} two processes take the same record`, async () => {
    await store.save(key, record);
    const another = new Store(opened.backend ?? new Map(), timeoutMs);
    if (opened.backend === undefined) return;
    const taken = await Promise.all([store, another].map((one) => one.take(key)));
    expect(taken.filter((value) => value !== undefined)).toHaveLength(expected.deleteTells ? 1 : 2);
  });

  it(`has ${expected.locks ? 'locks' : 'no locks'} of its own`, () => {
    expect(store.hasLocks).toBe(expected.locks ?? false);
  });

  if (!expected.locks) return;
  const lock = storeKey('lock', 'social.example');

  it('gives a lock to one of many, and to the next one when it is released', async () => {
    for (let n = 0; n < 2; n += 1) {
      const locks = await Promise.all(Array.from({ length: 20 }, () => store.lock(lock, 60_000)));
      const held = locks.filter((release) => release !== undefined);
      expect(held).toHaveLength(1);
      await held[0]?.();
    }
  });

  it('keeps locks apart, and from being taken for records', async () => {
    expect(await store.lock(lock, 60_000)).toBeDefined();
    expect(await store.lock(storeKey('lock', 'other.example'), 60_000)).toBeDefined();
    expect(typeof (await store.read(lock))).toBe('string');
  });

  it('ends a lock in time, and leaves the next one alone when its former holder comes to release it', async () => {
    const late = await store.lock(lock, 1);
    let next: unknown;
    void (async () => {
      while (!next) next = await store.lock(lock, 60_000);
    })();
    await until(() => next !== undefined);
    await late?.();
    expect(await store.lock(lock, 60_000)).toBeUndefined();
  });
}

/** Forgets by itself; a Map does not, so records say themselves when they end. */
function itForgetsInTime(open: () => Opened | Promise<Opened>): void {
  it('forgets a record when its time is over', async () => {
    const opened = await open();
    try {
      const store = new Store(opened.backend, timeoutMs);
      await store.cache('short', { for: 'a moment' }, 20);
      await store.save('long', { for: 'a minute' }, 60_000);
      let left: unknown = {};
      void (async () => {
        while (left !== undefined) left = await store.cached('short');
      })();
      await until(() => left === undefined);
      expect(await store.read('long')).toEqual({ for: 'a minute' });
    } finally {
      await opened.close?.();
    }
  });
}

describe('the default store', () => {
  itKeepsTheContract(() => ({ backend: undefined }), { isShared: false, deleteTells: true });
  itForgetsInTime(() => ({ backend: undefined }));

  it('holds on to what is used, and lets go of the rest before it grows without bound', async () => {
    const store = new Store(undefined, timeoutMs);
    await store.save('first', { n: 0 });
    await store.save('kept', { n: 0 });
    for (let n = 0; n < 50_000; n += 1) {
      await store.cache(`many:${n}`, { n });
      if (n % 10_000 === 0) await store.read('kept');
    }
    expect(await store.read('first')).toBeUndefined();
    expect(await store.read('kept')).toEqual({ n: 0 });
  });
});

describe('a Keyv in memory', () => {
  const open = () => ({ backend: new Keyv() });
  itKeepsTheContract(open, { isShared: false, deleteTells: true });
  itForgetsInTime(open);
});

describe('a Map', () => {
  itKeepsTheContract(() => ({ backend: new Map<string, unknown>() }), { isShared: false, deleteTells: true });
});

describe('a shared store that keeps JSON', () => {
  itKeepsTheContract(() => ({ backend: new JSONStore() }), { isShared: true, deleteTells: true });
});

describe('a store whose delete answers nothing', () => {
  const open = () => {
    const inner = new JSONStore();
    const backend: KeyValueStore = {
      get: (key) => inner.get(key),
      set: (key, value) => inner.set(key, value),
      delete: async (key) => void (await inner.delete(key)),
    };
    return { backend };
  };
  itKeepsTheContract(open, { isShared: true, deleteTells: false });
});

describe('a Keyv 6', () => {
  const open = () => ({ backend: new Keyv6(new JSONStore()) });
  itKeepsTheContract(open, { isShared: true, deleteTells: true });
  itForgetsInTime(open);

  it.each<[Operation, string]>([
    ['get', 'read'],
    ['set', 'save'],
    ['delete', 'take'],
  ])('that hides a failed %s cannot hide it here', async (operation, asked) => {
    const inner = new BadStore();
    const store = new Store(new Keyv6(inner), timeoutMs);
    await store.save('key', { n: 1 });
    inner.break(() => Promise.reject(new Error('of the adapter')), [operation]);
    const work = {
      read: () => store.read('key'),
      save: () => store.save('key', {}),
      take: () => store.take('key'),
    };
    await expect(work[asked as keyof typeof work]()).rejects.toMatchObject({ code: 'store_failed' });
  });
});

describe('the embedded store', () => {
  const open = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'store-test-'));
    const embedded = await openEmbeddedStore(join(folder, 'store'));
    const close = async () => {
      await embedded.close();
      rmSync(folder, { recursive: true });
    };
    return { embedded, close };
  };
  const plain = async () => {
    const { embedded, close } = await open();
    return { backend: embedded, close };
  };
  const inKeyv = async () => {
    const { embedded, close } = await open();
    return { backend: new Keyv({ store: embedded }), close };
  };
  describe('as it is', () => {
    itKeepsTheContract(plain, { isShared: true, deleteTells: true, locks: true });
    itForgetsInTime(plain);
  });
  describe('in a Keyv', () => {
    itKeepsTheContract(inKeyv, { isShared: true, deleteTells: true });
    itForgetsInTime(inKeyv);
  });
});

const missing = redisAvailable();
(missing === undefined ? describe : describe.skip)(
  `redisStore on a real Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: Redis;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(async () => redis.stop());

    const open = async () => {
      const client = await createClient({ url: redis.url }).connect();
      const close = async () => {
        await client.flushAll();
        client.destroy();
      };
      return { backend: redisStore(client), close };
    };
    itKeepsTheContract(open, { isShared: true, deleteTells: true, locks: true });
    itForgetsInTime(open);
  },
);

(missing === undefined ? describe : describe.skip)(
  `a Keyv on a real Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: Redis;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(async () => redis.stop());

    let opens = 0;
    const open = () => {
      const { keyv, close } = redisKeyv(redis.url, `test-${opens++}`);
      return { backend: keyv, close };
    };
    itKeepsTheContract(open, { isShared: true, deleteTells: true });
    itForgetsInTime(open);

    it('fails within its time while the Redis is away, and works when it is back', async () => {
      const { backend, close } = open();
      try {
        const store = new Store(backend, 200);
        await store.save('key', { n: 1 });
        await redis.stop();
        const failed = { code: 'store_failed' };
        await expect(store.read('key')).rejects.toMatchObject(failed);
        await expect(store.save('key', { n: 2 })).rejects.toMatchObject(failed);
        await expect(store.take('key')).rejects.toMatchObject(failed);
        expect(await store.cached('key')).toBeUndefined();
        await store.cache('key', { n: 2 });
        await redis.restart();
        let worked = false;
        const tryAgain = async (): Promise<void> => {
          await store.save('key', { n: 3 }).then(
            () => (worked = true),
            () => undefined,
          );
          if (!worked) setImmediate(() => void tryAgain());
        };
        await tryAgain();
        await until(() => worked, 10_000);
        expect(await store.read('key')).toEqual({ n: 3 });
      } finally {
        await close();
      }
    });
  },
);

describe.each(Object.entries(breakdowns))('a store that %s', (_how, fault) => {
  let backend: BadStore;
  let store: Store;
  beforeEach(async () => {
    backend = new BadStore();
    store = new Store(backend, 40);
    await store.save('key', { n: 1 });
  });
  afterEach(() => backend.release());

  const failed = { name: 'MastodonError', code: 'store_failed', status: 503 };

  it('is a miss to a cache, at reading and at writing', async () => {
    backend.break(fault);
    expect(await store.cached('key')).toBeUndefined();
    await expect(store.cache('key', { n: 2 })).resolves.toBeUndefined();
    await expect(store.drop('key')).resolves.toBeUndefined();
  });

  it('stops what cannot do without it', async () => {
    backend.break(fault);
    await expect(store.read('key')).rejects.toMatchObject(failed);
    await expect(store.save('key', { n: 2 })).rejects.toMatchObject(failed);
    await expect(store.take('key')).rejects.toMatchObject(failed);
  });

  it('gives nothing away when only the deleting fails', async () => {
    backend.break(fault, ['delete']);
    await expect(store.take('key')).rejects.toMatchObject(failed);
  });

  it('does not say a write is done when it cannot be read back', async () => {
    backend.break(fault, ['get']);
    await expect(store.save('key', { n: 2 })).rejects.toMatchObject(failed);
  });

  it('is used again as soon as it works', async () => {
    backend.break(fault);
    await store.cached('key');
    backend.heal();
    backend.release();
    // An answer, even a late one, ends the time in which nobody waits for it.
    await new Promise((resolve) => setImmediate(resolve));
    const value = await store.cached('key');
    expect(value).toEqual({ n: 1 });
    expect(await store.take('key')).toEqual({ n: 1 });
  });
});

describe('a store that', () => {
  it('is slow, but within its time, is waited for', async () => {
    const backend = new BadStore().break(
      (real) => new Promise((resolve) => setTimeout(() => resolve(real()), 30)),
    );
    const store = new Store(backend, timeoutMs);
    await store.save('key', { n: 1 });
    expect(await store.take('key')).toEqual({ n: 1 });
  });

  it('never answers leaves nothing behind but one moment of waiting', async () => {
    const backend = new BadStore().break((_real, _operation, bad) => bad.never());
    const store = new Store(backend, 50);
    const begun = Date.now();
    for (let n = 0; n < 40; n += 1) await store.cached(`key:${n}`);
    expect(Date.now() - begun).toBeLessThan(40 * 50);
    backend.release();
  });

  it.each<[string, () => unknown]>([
    ['loses writes', () => undefined],
    ['says true and loses writes', () => true],
    ['answers false', () => false],
    ['answers false in time', () => Promise.resolve(false)],
  ])('%s is found out', async (_how, set) => {
    const store = new Store(new BadStore().break(set, ['set']), timeoutMs);
    await expect(store.save('key', { n: 1 })).rejects.toMatchObject({ code: 'store_failed' });
    await expect(store.cache('key', { n: 1 })).resolves.toBeUndefined();
  });

  it('answers false is found out where an older record could be taken for the new one', async () => {
    const backend = new BadStore();
    const store = new Store(backend, timeoutMs);
    await store.save('key', { n: 1 });
    backend.break(() => false, ['set']);
    await expect(store.save('key', { n: 2 })).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('says there was nothing to delete gives to nobody: another process was there before', async () => {
    const backend = new BadStore().break(() => false, ['delete']);
    const store = new Store(backend, timeoutMs);
    await store.save('key', { n: 1 });
    expect(await store.take('key')).toBeUndefined();
  });

  it('answers null has nothing', async () => {
    const store = new Store(
      new BadStore().break(() => null, ['get']),
      timeoutMs,
    );
    expect(await store.read('key')).toBeUndefined();
  });

  it.each(Object.entries(strangeRecords))(
    'has %s hands it out as it is, for others to judge',
    async (_what, record) => {
      const backend = new BadStore();
      backend.put('key', record);
      const store = new Store(backend, timeoutMs);
      expect(await store.cached('key')).toEqual(record);
      expect(await store.take('key')).toEqual(record);
    },
  );

  it('holds what is no JSON, in a Keyv, is a miss to a cache and replaced by the next write', async () => {
    const inner = new Map<string, string>([['keyv:key', '{"value":{"half":']]);
    const store = new Store(new Keyv({ store: inner }), timeoutMs);
    expect(await store.cached('key')).toBeUndefined();
    await store.save('key', { n: 1 });
    expect(await store.read('key')).toEqual({ n: 1 });
  });

  it.each([
    ['no get', { set() {}, delete() {} }],
    ['no set', { get() {}, delete() {} }],
    ['no delete', { get() {}, set() {} }],
    ['nothing', {}],
    ['a text', 'redis://localhost'],
    ['null', null],
  ])('has %s is refused at once', (_what, backend) => {
    if (backend === null) return;
    expect(() => new Store(backend as KeyValueStore, timeoutMs)).toThrow(
      /store has no (get|set|delete) method/,
    );
  });
});

describe('a Keyv around an adapter that rejects', () => {
  it.each<[Operation, string]>([
    ['get', 'read'],
    ['set', 'save'],
    ['delete', 'take'],
  ])('cannot hide a failed %s', async (operation, asked) => {
    const inner = new BadStore();
    const store = new Store(new Keyv({ store: inner }), timeoutMs);
    await store.save('key', { n: 1 });
    inner.break(() => Promise.reject(new Error('of the adapter')), [operation]);
    const work = {
      read: () => store.read('key'),
      save: () => store.save('key', {}),
      take: () => store.take('key'),
    };
    await expect(work[asked as keyof typeof work]()).rejects.toMatchObject({ code: 'store_failed' });
  });
});

describe('the error of a failed store', () => {
  it('tells its kind, and nothing of what was to be stored', async () => {
    const secret = 'a-secret-that-was-to-be-stored';
    const backend = new BadStore().break(() => {
      const error = Object.assign(new Error(`SET key ${secret}`), { code: 'ECONNREFUSED', args: [secret] });
      return Promise.reject(error);
    });
    const store = new Store(backend, timeoutMs);
    const error: unknown = await store.save('key', { secret }).catch((thrown: unknown) => thrown);
    expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain(secret);
    expect(inspect(error)).toContain('ECONNREFUSED');
  });
});

/**
 * Keyv 6 needs a newer Node than this package. This has its shape: expiry as a moment in time, failures only
 * told as an event, and an `emit` that throws where nobody listens.
 */
class Keyv6 extends EventEmitter implements KeyValueStore {
  constructor(private readonly inner: KeyValueStore) {
    super();
  }

  async get(key: string): Promise<unknown> {
    const entry = (await this.guarded(() => this.inner.get(`keyv:${key}`), undefined)) as
      { value: unknown; expires?: number } | undefined;
    if (entry?.expires === undefined || Date.now() <= entry.expires) return entry?.value;
    await this.delete(key);
    return undefined;
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    const entry = { value, ...(ttl && { expires: Date.now() + ttl }) };
    return this.guarded(async () => (await this.inner.set(`keyv:${key}`, entry)) !== false, false);
  }

  async delete(key: string): Promise<boolean> {
    return this.guarded(async () => (await this.inner.delete(`keyv:${key}`)) !== false, false);
  }

  private async guarded<T>(work: () => T | Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.emit('error', error);
      return otherwise;
    }
  }
}
