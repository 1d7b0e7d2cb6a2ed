/** `Store` over stores that fail, that are unreachable, or that hide a failure. */

import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import { createClient } from '@redis/client';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import type { KeyValueStore } from '../lib/options.js';
import { Store, storeKey } from '../lib/store.js';
import { redisStore } from '../lib/stores/index.js';
import { itReportsFailures } from './stores/contract.js';
import { BadStore, breakdowns, strangeRecords } from './support/bad-store.js';
import { until } from './support/hostile.js';
import { redisAvailable, startRedis, type Redis } from './support/redis.js';
import { redisKeyv } from './support/redis-keyv.js';
import { JSONStore } from './support/json-store.js';

const timeoutMs = 5000;

describe('the default store', () => {
  const store = () => new Store(undefined, timeoutMs);
  const login = (name: unknown) => storeKey('login', '', String(name));
  const client = storeKey('client', 'mastodon.social', 'credentials');

  it('under a flood of pending logins evicts the least recently used one, and no client', async () => {
    const flooded = store();
    await flooded.set(client, { clientId: 'one' });
    for (const name of ['unused', 'used']) await flooded.set(login(name), { name });
    for (let n = 0; n < 49_999; n += 1) {
      await flooded.cache(login(n), { n });
      if (n % 10_000 === 0) await flooded.get(login('used'));
    }
    expect(await flooded.get(login('unused'))).toBeUndefined();
    expect(await flooded.get(login('used'))).toEqual({ name: 'used' });
    expect(await flooded.get(client)).toEqual({ clientId: 'one' });
  });

  it('under a flood of unused clients evicts no client in use', async () => {
    const flooded = store();
    const [hour, ninetyDays] = [3_600_000, 90 * 24 * 3_600_000];
    await flooded.set(client, { clientId: 'one' }, hour);
    await flooded.set(client, { clientId: 'one' }, ninetyDays);
    for (let n = 0; n <= 50_000; n += 1)
      await flooded.cache(storeKey('client', `h${n}.example`), { n }, hour);
    expect(await flooded.take(client)).toEqual({ clientId: 'one' });
    expect(await flooded.get(client)).toBeUndefined();
  });

  it.each([
    ['of long records', (n: number) => login(n), 'x'.repeat(1_700)],
    ['of long keys', (n: number) => `${storeKey('login', '')}:${n}:${'x'.repeat(1_700)}`, ''],
  ])('keeps as many records in a flood %s as of empty ones', async (_what, key, text) => {
    const flooded = new Store(undefined, timeoutMs, 100);
    for (let n = 0; n < 100; n += 1) await flooded.set(key(n), { text });
    expect(await flooded.get(key(0))).toEqual({ text });
    await flooded.set(key(100), { text });
    expect(await flooded.get(key(1))).toBeUndefined();
  });

  it('counts the characters of longer records, in keys as well as in values', async () => {
    const flooded = new Store(undefined, timeoutMs, 100);
    await flooded.set(login('first'), {});
    await flooded.set(login('long'), { text: 'x'.repeat(100 * 2048 - 1_000) });
    expect(await flooded.get(login('first'))).toBeUndefined();
    await flooded.set(`${storeKey('login', '')}:${'x'.repeat(2_000)}`, {});
    expect(await flooded.get(login('long'))).toBeUndefined();
  });

  it('keeps no record that is larger than its whole limit, and evicts no other for it', async () => {
    const small = new Store(undefined, timeoutMs, 10);
    await small.set(login('small'), { n: 1 });
    const large = small.set(login('large'), { text: 'x'.repeat(10 * 2048) });
    await expect(large).rejects.toMatchObject({ code: 'store_failed' });
    expect([await small.get(login('small')), await small.get(login('large'))]).toEqual([{ n: 1 }, undefined]);
  });

  it('has room for thirty thousand instances in use', async () => {
    const known = store();
    const key = (n: number) => storeKey('instance', `i${n}.social.example`);
    for (let n = 0; n < 30_000; n += 1) await known.cache(key(n), { endpoints: 'x'.repeat(700) });
    expect(await known.get(key(0))).toEqual({ endpoints: 'x'.repeat(700) });
  });

  it('keeps a record unchanged when a caller changes the object that it wrote or read', async () => {
    const kept = store();
    const written = { list: [1] };
    await kept.set(login('a'), written);
    written.list.push(2);
    ((await kept.get(login('a'))) as typeof written).list.push(3);
    expect(await kept.take(login('a'))).toEqual({ list: [1] });
  });

  it('forgets a record after its time to live', async () => {
    const kept = store();
    await kept.set(login('a'), {}, 60_000);
    const later = Date.now() + 60_001;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(later);
    try {
      expect(await kept.get(login('a'))).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });
});

/** Counts seconds, and reads more than thirty days of them as a date in the past. */
class Memcached extends JSONStore {
  override async set(key: string, value: unknown, ttl?: number): Promise<void> {
    await super.set(key, value);
    if (ttl !== undefined && ttl > 30 * 24 * 3_600_000) await this.delete(key);
  }
}

it('a Redis client that was never connected is reported as such', async () => {
  const store = new Store(redisStore(createClient()), timeoutMs);
  await expect(store.get('key')).rejects.toMatchObject({
    code: 'store_failed',
    cause: { message: 'the store failed: ClientClosedError' },
  });
});

it.each([1, ['a'], {}, true])(
  'a Redis whose client answers GET with %j has lost count, and holds no record',
  async (answer) => {
    const client = { get: async () => answer, set: async () => 'OK', del: async () => 1 };
    const store = new Store(redisStore(client as never), timeoutMs);
    await expect(store.get('key')).rejects.toMatchObject({ code: 'store_failed' });
  },
);

it('the error of an operation does not quote an error that throws when it is read', async () => {
  const error = Object.defineProperty(new Error('no'), 'code', {
    get: () => {
      throw new Error('SET key secret');
    },
  });
  const get = () => Promise.reject(error);
  const failure: unknown = await new Store({ get, set: get, delete: get }, timeoutMs)
    .get('key')
    .catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ code: 'store_failed' });
  expect(String((failure as Error).cause)).toBe('Error: the store failed: an error that cannot be read');
});

describe('a store that reads a long time to live as a date', () => {
  it.each(['set', 'cache'] as const)('keeps records for ninety days (%s)', async (way) => {
    const store = new Store(new Memcached(), timeoutMs);
    for (const key of ['first', 'second']) {
      await store[way](key, { n: 1 }, 90 * 24 * 3_600_000);
      expect(await store.get(key)).toEqual({ n: 1 });
    }
  });
});

it('a store that reads a long time to live as a date never loses the record that another process wrote', async () => {
  const backend = new Memcached();
  await new Store(backend, timeoutMs).set('key', { n: 1 }, 3_600_000);
  let wasLost = false;
  const watched: KeyValueStore = {
    get: (key) => backend.get(key),
    delete: (key) => backend.delete(key),
    async set(key, value, ttl) {
      await backend.set(key, value, ttl);
      wasLost ||= !backend.records.has('key');
    },
  };
  await new Store(watched, timeoutMs).set('key', { n: 2 }, 90 * 24 * 3_600_000);
  expect(wasLost).toBe(false);
});

it('a missing record that is read in a Keyv on memcached does not delete the record that another process writes meanwhile', async () => {
  const records = new Map<string, unknown>();
  let whileReading = async () => {};
  /** Answers a miss like @keyv/memcache. */
  const adapter = {
    get: async (key: string) => {
      const found = records.get(key) ?? { value: undefined, expires: 0 };
      await whileReading();
      return found;
    },
    set: (key: string, value: unknown) => void records.set(key, value),
    delete: (key: string) => records.delete(key),
    clear: () => records.clear(),
  } as unknown as KeyvStoreAdapter;
  const [reader, writer] = [1, 2].map(() => new Store(new Keyv({ store: adapter }), timeoutMs)) as [
    Store,
    Store,
  ];
  whileReading = async () => {
    whileReading = async () => {};
    await writer.set('key', { n: 1 });
  };
  expect(await reader.get('key')).toBeUndefined();
  expect(await reader.get('key')).toEqual({ n: 1 });
});

describe('a lock that is kept as a record', () => {
  it('that a stalled process has deleted is written again', async () => {
    const backend = new JSONStore();
    const lock = new Store(backend, timeoutMs).lock('key', 60_000);
    await until(() => backend.records.has('key:lock'));
    await backend.delete('key:lock');
    expect(await lock).toBeDefined();
    expect(await new Store(backend, timeoutMs).lock('key', 60_000)).toBeUndefined();
  });

  it('is not released by a process that no longer holds it', async () => {
    const backend = new JSONStore();
    const release = await new Store(backend, timeoutMs).lock('key', 60_000);
    const before = (await backend.get('key:lock')) as object;
    await backend.set('key:lock', { ...before, owner: 'another process' });
    await release?.();
    expect(await backend.get('key:lock')).toMatchObject({ owner: 'another process' });
  });
});

describe('the key of a record', () => {
  const longest = `${'a'.repeat(63)}.`.repeat(4).slice(0, 253);

  it('is short enough for memcached, with a namespace before it, for every host', () => {
    expect(`${storeKey('client-own', longest, 'x')}:${'x'.repeat(43)}:lock`.length).toBeLessThan(220);
  });

  it('differs if the hosts differ, and is readable if they are short', () => {
    expect(storeKey('client', longest)).not.toBe(storeKey('client', `b${longest.slice(1)}`));
    expect(storeKey('client', 'mastodon.social')).toContain(':mastodon.social');
  });
});

itReportsFailures('a Keyv 6', (inner) => new Store(new Keyv6(inner), timeoutMs));

const missing = redisAvailable();
(missing === undefined ? describe : describe.skip)(
  `a Keyv on a real Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: Redis;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(async () => redis.stop());

    it('fails within its time while Redis is down, and works when it is back', async () => {
      const { keyv: backend, close } = redisKeyv(redis.url);
      try {
        // Its first connection may take longer than any later response.
        await backend.get('key');
        const [store, patient] = [new Store(backend, 200), new Store(backend, 5000)];
        await patient.set('key', { n: 1 });
        await redis.stop();
        const failed = { code: 'store_failed' };
        await expect(store.get('key')).rejects.toMatchObject(failed);
        await expect(store.set('key', { n: 2 })).rejects.toMatchObject(failed);
        await expect(store.take('key')).rejects.toMatchObject(failed);
        expect(await store.cached('key')).toBeUndefined();
        await store.cache('key', { n: 2 });
        await redis.restart();
        let worked = false;
        const tryAgain = async (): Promise<void> => {
          await store.set('key', { n: 3 }).then(
            () => (worked = true),
            () => undefined,
          );
          if (!worked) setImmediate(() => void tryAgain());
        };
        await tryAgain();
        await until(() => worked, 10_000);
        expect(await patient.get('key')).toEqual({ n: 3 });
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
    await store.set('key', { n: 1 });
  });
  afterEach(() => backend.release());

  const failed = { name: 'MastodonError', code: 'store_failed', status: 503 };

  it('is a miss for a cache, at reading and at writing', async () => {
    backend.break(fault);
    expect(await store.cached('key')).toBeUndefined();
    await expect(store.cache('key', { n: 2 })).resolves.toBeUndefined();
    await expect(store.delete('key')).resolves.toBeUndefined();
  });

  it('stops operations that need it', async () => {
    backend.break(fault);
    await expect(store.get('key')).rejects.toMatchObject(failed);
    await expect(store.set('key', { n: 2 })).rejects.toMatchObject(failed);
    await expect(store.take('key')).rejects.toMatchObject(failed);
  });

  it('discloses nothing when only the deletion fails', async () => {
    backend.break(fault, ['delete']);
    await expect(store.take('key')).rejects.toMatchObject(failed);
  });

  it('reports no finished write that cannot be read back', async () => {
    backend.break(fault, ['get']);
    await expect(store.set('key', { n: 2 })).rejects.toMatchObject(failed);
  });

  it('is used again as soon as it works', async () => {
    backend.break(fault);
    await store.cached('key');
    backend.heal();
    backend.release();
    // A response, even a late one, ends the time in which requests skip the store.
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
    await store.set('key', { n: 1 });
    expect(await store.take('key')).toEqual({ n: 1 });
  });

  it('never answers costs one wait, and leaves no open handle', async () => {
    const backend = new BadStore().break((_real, _operation, bad) => bad.never());
    const store = new Store(backend, 50);
    const begun = Date.now();
    const told = async () => ((await store.get('key').catch((error: unknown) => error)) as Error).cause;
    expect(await told()).toEqual(new Error('the store did not answer in time'));
    expect(await told()).toEqual(new Error('the store is not answering'));
    for (let n = 0; n < 40; n += 1) await store.cached(`key:${n}`);
    expect(Date.now() - begun).toBeLessThan(40 * 50);
    backend.release();
  });

  it.each<[string, () => unknown]>([
    ['loses writes', () => undefined],
    ['says true and loses writes', () => true],
    ['answers false', () => false],
    ['answers false in time', () => Promise.resolve(false)],
  ])('%s is detected', async (_how, set) => {
    const store = new Store(new BadStore().break(set, ['set']), timeoutMs);
    await expect(store.set('key', { n: 1 })).rejects.toMatchObject({ code: 'store_failed' });
    await expect(store.cache('key', { n: 1 })).resolves.toBeUndefined();
  });

  it('answers false is detected if an older record could be read in place of the new one', async () => {
    const backend = new BadStore();
    const store = new Store(backend, timeoutMs);
    await store.set('key', { n: 1 });
    backend.break(() => false, ['set']);
    await expect(store.set('key', { n: 2 })).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('says that there was nothing to delete returns no record: another process has taken it', async () => {
    const backend = new BadStore().break(() => false, ['delete']);
    const store = new Store(backend, timeoutMs);
    await store.set('key', { n: 1 });
    expect(await store.take('key')).toBeUndefined();
  });

  it('answers null has no record', async () => {
    const store = new Store(
      new BadStore().break(() => null, ['get']),
      timeoutMs,
    );
    expect(await store.get('key')).toBeUndefined();
  });

  it.each(Object.entries(strangeRecords))(
    'has %s in place of a record is a miss to a cache, and fails for all else',
    async (_what, record) => {
      const backend = new BadStore();
      backend.put('key', record);
      const store = new Store(backend, timeoutMs);
      expect(await store.cached('key')).toBeUndefined();
      for (const work of [store.get('key'), store.take('key'), store.update('key', 1000, () => ({}))]) {
        await expect(work).rejects.toMatchObject({ code: 'store_failed' });
      }
      expect(backend.record('key')).toEqual(record);
    },
  );

  it('answers with another key’s record is a miss for a cache, and fails for all else', async () => {
    const backend = new BadStore();
    const store = new Store(backend, timeoutMs);
    await store.set('mine', { n: 1 });
    await store.set('theirs', { n: 2 });
    const [mine = '', theirs = ''] = [...backend.inner.records.values()];
    backend.inner.records.set('mine', theirs);
    const told = {
      code: 'store_failed',
      cause: { message: expect.stringContaining("another key's record") as unknown },
    };
    expect(await store.cached('mine')).toBeUndefined();
    await expect(store.get('mine')).rejects.toMatchObject(told);
    await expect(store.take('mine')).rejects.toMatchObject(told);
    expect(await store.get('theirs')).toEqual({ n: 2 });
    backend.break(async () => JSON.parse(mine) as unknown, ['get']);
    await expect(store.set('third', { n: 3 })).rejects.toMatchObject(told);
  });

  it('contains invalid JSON, in a Keyv, is a miss for a cache and replaced by the next write', async () => {
    const inner = new Map<string, string>([['keyv:key', '{"value":{"half":']]);
    const store = new Store(new Keyv({ store: inner }), timeoutMs);
    expect(await store.cached('key')).toBeUndefined();
    await store.set('key', { n: 1 });
    expect(await store.get('key')).toEqual({ n: 1 });
  });
});

describe('a record whose lock another process has', () => {
  it('is changed after that one is done', async () => {
    const backend = new JSONStore();
    const release = await new Store(backend, timeoutMs).lock('key', 60_000);
    const changed = new Store(backend, timeoutMs).update('key', 60_000, () => ({ n: 1 }));
    await release?.();
    expect(await changed).toEqual({ n: 1 });
  });

  it('is not changed while that one continues', async () => {
    const backend = new JSONStore();
    await new Store(backend, timeoutMs).lock('key', 60_000);
    const change = jest.fn();
    const changed = new Store(backend, 300).update('key', 60_000, change);
    await expect(changed).rejects.toMatchObject({ code: 'store_failed' });
    expect(change).not.toHaveBeenCalled();
  });

  it('is left unchanged by a change that says so, or throws', async () => {
    const store = new Store(new JSONStore(), timeoutMs);
    await store.set('key', { n: 1 });
    expect(await store.update('key', 60_000, () => undefined)).toBeUndefined();
    const refused = store.update('key', 60_000, () => {
      throw new RangeError('no');
    });
    await expect(refused).rejects.toThrow(RangeError);
    expect(await store.update('key', 60_000, (current) => ({ ...current, m: 2 }))).toEqual({ n: 1, m: 2 });
  });
});

itReportsFailures('a Keyv', (inner) => new Store(new Keyv({ store: inner }), timeoutMs));

it('the error for a value whose member throws when it is read does not quote it', async () => {
  const value = {
    get keptUnder(): string {
      throw new Error('document a-secret could not be decoded');
    },
  };
  const backend = { get: async () => value, set: async () => true, delete: async () => true };
  const failure: unknown = await new Store(backend, timeoutMs).get('key').catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ code: 'store_failed', cause: { message: 'the store failed: Error' } });
});

describe('the error of a failed store', () => {
  it('names its kind, and no stored value', async () => {
    const secret = 'a-secret-that-was-to-be-stored';
    const backend = new BadStore().break(() => {
      const error = Object.assign(new Error(`SET key ${secret}`), { code: 'ECONNREFUSED', args: [secret] });
      return Promise.reject(error);
    });
    const store = new Store(backend, timeoutMs);
    const error: unknown = await store.set('key', { secret }).catch((thrown: unknown) => thrown);
    expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain(secret);
    expect(inspect(error)).toContain('ECONNREFUSED');
  });
});

/**
 * Keyv 6 needs a newer Node than this package. This simulates it: expiry as a point in time, failures only emitted
 * as an event, and an `emit` that throws without a listener.
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
