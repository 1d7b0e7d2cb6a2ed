/** The records of a login and of a client, and the locks, in every store. */

import { Store, storeKey } from '../../lib/store.js';
import { until } from '../support/hostile.js';
import { openStore } from '../support/open-store.js';
import type { Opened, StoreKind } from './contract.js';

const timeoutMs = 5000;
const day = 24 * 60 * 60 * 1000;

let hosts = 0;
/** A new host in each test, because the store of a database server still has the records of earlier runs. */
const aHost = (): string => `social${hosts++}.example`;

const record = {
  text: 'a "text" with \n, \u0000 and \u{1f600}',
  list: [1, { deep: null }],
  yes: true,
  long: 'x'.repeat(20_000),
};

/** The store of this process, and one of another process that shares it. */
function aStore(kind: StoreKind) {
  const open: { opened: Opened; store: Store; another: () => Promise<Store> } = {} as never;
  const others: Opened[] = [];
  beforeEach(async () => {
    const opener = kind.opener();
    const opened = { ...(await openStore(opener)), kind };
    const another = async () => {
      // A store in one process's memory is opened once.
      const other = kind.isShared === false ? opened : { ...(await openStore(opener)), kind };
      if (other !== opened) others.push(other);
      return new Store(other.backend, timeoutMs);
    };
    Object.assign(open, { opened, store: new Store(opened.backend, timeoutMs), another });
  });
  afterEach(async () => {
    for (const one of [...others.splice(0), open.opened]) await one.close();
  });
  return open;
}

export function itKeepsRecords(kind: StoreKind): void {
  const open = aStore(kind);
  const { isShared = true, forgets = true, longestValue } = kind;

  it('returns a saved record until it is saved again', async () => {
    const { store } = open;
    const key = storeKey('test', aHost(), 'one');
    await store.set(key, record, 60_000);
    expect(await store.get(key)).toEqual(record);
    await store.set(key, { other: 1 });
    expect(await store.get(key)).toEqual({ other: 1 });
    expect(await store.cached(key)).toEqual({ other: 1 });
  });

  it('returns cached records, and no deleted ones', async () => {
    const { store } = open;
    const key = storeKey('test', aHost(), 'one');
    await store.cache(key, record, 60_000);
    expect(await store.cached(key)).toEqual(record);
    await store.delete(key);
    expect(await store.cached(key)).toBeUndefined();
    await store.delete(key);
  });

  it('has no record under a key that was never written', async () => {
    const { store } = open;
    expect(await store.get(storeKey('test', aHost()))).toBeUndefined();
    expect(await store.take(storeKey('test', aHost()))).toBeUndefined();
  });

  it('gives a record to one caller only, however many take it at once', async () => {
    const { store } = open;
    const key = storeKey('test', aHost(), 'one');
    await store.set(key, record);
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.take(key)));
    expect(taken.filter((value) => value !== undefined)).toEqual([record]);
    expect(await store.get(key)).toBeUndefined();
    expect(await store.take(key)).toBeUndefined();
  });

  it('keeps records apart by every part of their key', async () => {
    const { store } = open;
    const host = aHost();
    const keys = [
      storeKey('test', host),
      storeKey('test', host, ''),
      storeKey('test', host, 'a', 'b'),
      storeKey('test', host, 'a,b'),
      storeKey('test', host, 'a', 'b', ''),
      storeKey('other', host, 'a', 'b'),
      storeKey('test', `${host}:3000`, 'a', 'b'),
    ];
    for (const [n, one] of keys.entries()) await store.set(one, { n });
    expect(await Promise.all(keys.map((one) => store.get(one)))).toEqual(keys.map((_key, n) => ({ n })));
  });

  it('keeps records of the longest host names, and keeps them apart', async () => {
    const { store } = open;
    const hosts = ['a', 'b'].map((end) => `${'long-name.'.repeat(24)}${aHost().slice(0, 11)}.${end}`);
    // The longest of all keys: of a client by its ID, and its lock.
    const keys = hosts.map((host) => `${storeKey('client-own', host, 'a', 'b')}:${'x'.repeat(43)}:lock`);
    for (const [n, key] of keys.entries()) await store.set(key, { n });
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual([{ n: 0 }, { n: 1 }]);
  });

  const long = { text: 'x'.repeat(longestValue ?? 2_000_000) };
  if (longestValue === undefined) {
    it('keeps long values', async () => {
      const { store } = open;
      const key = storeKey('test', aHost());
      await store.set(key, long, 60_000);
      expect(await store.get(key)).toEqual(long);
    });
  } else {
    it('rejects a value that is too long, and keeps a shorter one', async () => {
      const { store } = open;
      const key = storeKey('test', aHost());
      await expect(store.set(key, long, 60_000)).rejects.toMatchObject({ code: 'store_failed' });
      const less = { text: long.text.slice(0, -1_000) };
      await store.set(key, less, 60_000);
      expect(await store.get(key)).toEqual(less);
    });
  }

  it('keeps a record for months if its time to live is months', async () => {
    const { store } = open;
    for (const write of ['set', 'cache'] as const) {
      const key = storeKey('test', aHost(), write);
      await store[write](key, record, 90 * day);
      expect(await store.get(key)).toEqual(record);
    }
  });

  if (forgets) {
    it('removes a record after its time to live', async () => {
      const { store } = open;
      const host = aHost();
      await store.cache(storeKey('short', host), { for: 'a moment' }, 20);
      await store.set(storeKey('long', host), { for: 'a minute' }, 60_000);
      let left: unknown = {};
      void (async () => {
        while (left !== undefined) left = await store.cached(storeKey('short', host));
      })();
      await until(() => left === undefined);
      expect(await store.get(storeKey('long', host))).toEqual({ for: 'a minute' });
    });
  }

  it(`counts as ${isShared ? 'shared between processes' : "this process's own"}`, () => {
    expect(open.store.isShared).toBe(isShared);
  });

  it('does not let two processes take the same record', async () => {
    const { store, another } = open;
    const other = await another();
    for (let tries = 0; tries < 10; tries += 1) {
      const key = storeKey('test', aHost());
      await store.set(key, record);
      const taken = await Promise.all([store, other].map((one) => one.take(key)));
      expect(taken.filter((value) => value !== undefined)).toEqual([record]);
      expect(await store.get(key)).toBeUndefined();
    }
  });
}

export function itHasLocks(kind: StoreKind): void {
  const open = aStore(kind);
  const { isShared = true, forgets = true } = kind;
  /** In two processes, if the store can be shared. */
  const both = async () => [open.store, isShared ? await open.another() : open.store] as const;

  it('gives a lock to one of many callers, and to the next one after its release', async () => {
    const stores = await both();
    const key = storeKey('lock', aHost());
    for (let n = 0; n < 2; n += 1) {
      const asked = Array.from({ length: 10 }, () => stores.map((store) => store.lock(key, 60_000)));
      const held = (await Promise.all(asked.flat())).filter((release) => release !== undefined);
      expect(held).toHaveLength(1);
      await held[0]?.();
    }
  });

  it('keeps locks apart from each other and from records', async () => {
    const { store } = open;
    const key = storeKey('lock', aHost());
    expect(await store.lock(key, 60_000)).toBeDefined();
    expect(await store.lock(storeKey('lock', aHost()), 60_000)).toBeDefined();
    expect(await store.get(key)).toBeUndefined();
  });

  it('loses no change of a record that two processes change at the same time', async () => {
    const stores = await both();
    const key = storeKey('test', aHost());
    const add = (current: object | undefined) => ({
      n: ((current as { n?: number } | undefined)?.n ?? 0) + 1,
    });
    await Promise.all(stores.flatMap((store) => [1, 2].map(() => store.update(key, 60_000, add))));
    expect(await open.store.get(key)).toEqual({ n: 4 });
  });

  if (!forgets) return;
  it('ends a lock in time, and keeps the next one when the former holder releases its own', async () => {
    const [store, other] = await both();
    const key = storeKey('lock', aHost());
    // A lock that is kept as a record is valid only after a short time.
    const late = await store.lock(key, kind.hasLocks ? 1 : 600);
    let next: unknown;
    void (async () => {
      while (!next) next = await other.lock(key, 60_000);
    })();
    await until(() => next !== undefined);
    await late?.();
    expect(await store.lock(key, 60_000)).toBeUndefined();
  });
}
