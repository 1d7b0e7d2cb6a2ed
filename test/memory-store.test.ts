/** What the default store holds on to when somebody floods it. */

import { BegunLogins } from '../lib/login/begun-logins.js';
import { frozen, MemoryStore } from '../lib/memory-store.js';
import type { KeyValueStore } from '../lib/options.js';
import { Store, storeKey } from '../lib/store.js';
import { aLogin, anInstance, aSite, aStage, leave } from './support/stage.js';
import { Visitor } from './support/visitor.js';

it('a kind has its entries and its size; what was used last stays', async () => {
  const store: KeyValueStore = new MemoryStore({ entries: 3, size: 400 });
  const key = (name: string) => storeKey('login', name);
  for (const name of ['a', 'b', 'c']) await store.set(key(name), { name });
  await store.get(key('a'));
  await store.set(key('d'), {});
  expect(
    await Promise.all(['a', 'b', 'c', 'd'].map(async (name) => (await store.get(key(name))) !== undefined)),
  ).toEqual([true, false, true, true]);
  await store.set(key('large'), { text: 'x'.repeat(300) });
  expect(await store.get(key('a'))).toBeUndefined();
  expect(await store.get(key('large'))).toBeDefined();
  await store.set(key('too large'), { text: 'x'.repeat(500) });
  expect(await store.get(key('too large'))).toBeUndefined();
});

it('deleting tells whether there was something', async () => {
  const store: KeyValueStore = new MemoryStore();
  await store.set(storeKey('login', 'a'), {});
  expect([await store.delete(storeKey('login', 'a')), await store.delete(storeKey('login', 'a'))]).toEqual([
    true,
    false,
  ]);
});

it('nobody changes a record by changing what they wrote or read', async () => {
  const store = new Store(undefined, 5000);
  const key = storeKey('login', 'a');
  const written = { list: [1] };
  await store.save(key, written);
  written.list.push(2);
  const read = (await store.read(key)) as typeof written;
  read.list.push(3);
  expect(() => (read.list = [])).not.toThrow();
  const looked = (await store.look(key)) as typeof written;
  expect(() => looked.list.push(4)).toThrow(TypeError);
  expect([looked, await store.cached(key), await store.take(key)]).toEqual(Array(3).fill({ list: [1] }));
});

it('a record that nobody can change is kept as it is, and counts as much as a copy of it', () => {
  const store = new MemoryStore({ entries: 100, size: 1000 });
  const key = (n: number) => storeKey('login', `${n}`);
  const shared = frozen({ endpoint: 'x'.repeat(150) });
  const record = frozen({ shared, list: [{ n: 1 }] });
  store.set(key(0), record);
  expect(store.look(key(0))).toBe(record);
  expect(store.get(key(0))).not.toBe(record);
  expect(() => (record.list[0] = { n: 2 })).toThrow(TypeError);
  for (let n = 1; n < 10; n++) store.set(key(n), frozen({ shared }));
  expect(Array.from({ length: 10 }, (_, n) => store.look(key(n)) !== undefined)).toEqual([
    ...Array<boolean>(6).fill(false),
    ...Array<boolean>(4).fill(true),
  ]);
  expect(store.set(key(0), frozen({ text: 'x'.repeat(1000) }))).toBe(false);
});

it('thirty thousand instances that are in use have room', () => {
  const store = new MemoryStore();
  const key = (n: number) => storeKey('instance', `i${n}.social.example`);
  for (let n = 0; n < 30_000; n++) {
    store.set(key(n), { endpoints: 'x'.repeat(700) });
    store.look(key(n));
  }
  expect(store.get(key(0))).toEqual({ endpoints: 'x'.repeat(700) });
});

it('a record for which there is no room is not said to be saved', async () => {
  const store = new Store(new MemoryStore({ entries: 3, size: 400 }), 5000);
  await expect(store.save(storeKey('login', 'a'), { text: 'x'.repeat(500) })).rejects.toMatchObject({
    code: 'store_failed',
  });
});

it('a record too large for all of the room pushes nobody out', () => {
  const store = new MemoryStore({ entries: 10, size: 200 });
  const [small, large] = [storeKey('login', 'a'), storeKey('login', 'b')];
  expect(store.set(small, {})).toBe(true);
  expect(store.set(large, { text: 'x'.repeat(500) })).toBe(false);
  expect([store.get(small), store.get(large)]).toEqual([{}, undefined]);
});

it('a flood of logins at made-up hosts pushes no client out that is in use', async () => {
  const store = new Store(undefined, 5000);
  const used = storeKey('client', 'mastodon.social', 'credentials');
  await store.save(used, { clientId: 'one' });
  for (let n = 0; n <= 50_000; n++)
    await store.cache(storeKey('client-new', `h${n}.evil.example`, 'x'), { n }, 3_600_000);
  expect(await store.read(used)).toEqual({ clientId: 'one' });
});

it('a state that a visitor has chosen is kept as its text, of which objects would take twenty times the memory', async () => {
  const values = new Map<string, unknown>();
  const key = 'k'.repeat(43);
  const logins = new BegunLogins(new Store(values, 5000), 'a'.repeat(43), [key]);
  const applicationState = Array(100).fill({ chosenByAVisitor: 0 });
  await logins.save('s'.repeat(43), { ...aLogin(), applicationState });
  const [, record] = [...values].find(([name]) => name.includes(':login:')) ?? [];
  expect(record).toMatchObject({ state: JSON.stringify(applicationState) });
  // Once, and not as objects beside it. The record's time and random texts hold any short one by chance.
  expect(JSON.stringify(record).match(/chosenByAVisitor/g)).toHaveLength(100);
  expect((await logins.take('s'.repeat(43)))?.applicationState).toEqual(applicationState);
  const circular: unknown[] = [];
  circular.push(circular);
  await expect(logins.save('t'.repeat(43), { ...aLogin(), applicationState: circular })).rejects.toThrow(
    /"state" must be a JSON value/,
  );
});

it('a store may write into what it is given', async () => {
  const values = new Map<string, unknown>();
  const store = {
    get: (key: string) => values.get(key),
    set: (key: string, value: Record<string, unknown>) => {
      value.expires = 1;
      if (value.login) (value.login as Record<string, unknown>).note = 1;
      values.set(key, value);
    },
    delete: (key: string) => values.delete(key),
  } as KeyValueStore;
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  expect((await visitor.login(site, instance.host)).status).toBe(200);
});

it('of a browser that comes for the first time the store is asked nothing, and of one that comes again whether it has begun', async () => {
  const values = new Map<string, unknown>();
  const asked: string[] = [];
  const store = {
    get: (key: string) => {
      asked.push(key);
      return values.get(key);
    },
    set: (key: string, value: unknown) => void values.set(key, value),
    delete: (key: string) => values.delete(key),
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  const hintsAskedFor = () => asked.splice(0).filter((key) => key.includes(':unfinished:')).length;
  await leave(visitor, site, instance.host);
  expect(hintsAskedFor()).toBe(0);
  await leave(visitor, site, instance.host);
  expect(hintsAskedFor()).toBe(1);
});

it('everything that a begun login leaves behind has an end', async () => {
  const kept = new Map<string, number | undefined>();
  const values = new Map<string, unknown>();
  const store = {
    get: (key: string) => values.get(key),
    set: (key: string, value: unknown, ttl?: number) => {
      kept.set(key, ttl);
      values.set(key, value);
    },
    delete: (key: string) => values.delete(key),
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  await visitor.login(site, instance.host);
  await leave(visitor, site, `@alice@${instance.host}`);
  expect([...kept].filter(([, ttl]) => ttl === undefined)).toEqual([]);
  const used = [...kept].find(([key]) => /:client:[^:]+(:\d+)?:[\w-]{43}$/.test(key));
  expect(used?.[1]).toBeGreaterThan(30 * 24 * 3600 * 1000);
  const unused = [...kept].filter(([key]) => key.includes(':client-new:'));
  for (const [, ttl] of unused) expect(ttl).toBeLessThanOrEqual(3600 * 1000);
});

it('a begun login takes less than two kilobytes, at a server that says much of itself', async () => {
  const values = new Map<string, unknown>();
  const instance = await anInstance();
  const scopes = Array.from({ length: 100 }, (_, n) => `a:scope:with:a:long:name:that:nobody:needs:${n}`);
  instance.answerWith('/.well-known/oauth-authorization-server', 200, {
    issuer: instance.origin,
    authorization_endpoint: `${instance.origin}/oauth/authorize`,
    token_endpoint: `${instance.origin}/oauth/token`,
    app_registration_endpoint: `${instance.origin}/api/v1/apps`,
    scopes_supported: ['profile', 'read', ...scopes],
  });
  const site = await aSite({ instances: [instance], options: { store: values } });
  await leave(new Visitor(), site, instance.host);
  const logins = [...values].filter(([key]) => key.includes(':login:'));
  expect(logins).toHaveLength(1);
  expect(JSON.stringify(logins).length).toBeLessThan(2000);
});
