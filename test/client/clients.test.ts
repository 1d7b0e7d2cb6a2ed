/** How the records of clients are stored, changed and found, also while other processes change them. */

import type { RegisteredClient } from '../../lib/client/client.js';
import { Clients } from '../../lib/client/clients.js';
import { keyedRecord } from '../../lib/util/site-store.js';
import { ReferralLimits } from '../../lib/http/referrals.js';
import { Store, storeKey } from '../../lib/store.js';
import { anInstanceRecord } from '../support/records.js';
import { LockingStore } from '../support/json-store.js';

afterEach(() => void jest.restoreAllMocks());

const host = 'social.example';
const app = 'a site';
const [minute, day] = [60_000, 24 * 3600_000];
const of = (clientId: string) => ({ host, appKey: app, clientId });
const registered = (clientId: string): RegisteredClient => ({
  ...{ clientId, clientSecret: `secret of ${clientId}`, scope: 'read' },
  redirectURI: 'https://site.example/callback',
});

/** A store that also records the time to live of each record, in milliseconds. */
class TimedStore extends LockingStore {
  readonly ttls = new Map<string, number | undefined>();
  override async set(key: string, value: unknown, ttl?: number): Promise<void> {
    this.ttls.set(key, ttl);
    await super.set(key, value);
  }
}

const site = { clientName: 'A site', callbackURL: 'https://site.example/callback' };

/** The clients as one process sees them. */
const processOn = (backend: LockingStore) =>
  new Clients(new Store(backend, 5000), site, new ReferralLimits());
const add = (clients: Clients, clientId: string) => clients.add(host, app, registered(clientId));

async function addUsed(clients: Clients, clientId: string): Promise<void> {
  await add(clients, clientId);
  await clients.loginFinished(of(clientId), registered(clientId));
}

const later = (milliseconds: number) =>
  void jest.spyOn(Date, 'now').mockReturnValue(Date.now() + milliseconds);

describe('a client', () => {
  it('that was never registered is not found', async () => {
    const clients = processOn(new LockingStore());
    expect(await clients.current(host, app)).toBeUndefined();
    expect(await clients.credentials(of('id'))).toBeUndefined();
  });

  it('is found by every process as soon as it is registered, with its credentials', async () => {
    const backend = new LockingStore();
    const client = await add(processOn(backend), 'id');
    const other = processOn(backend);
    expect(await other.current(host, app)).toEqual(client);
    expect(await other.credentials(of('id'))).toEqual({ clientId: 'id', clientSecret: 'secret of id' });
  });

  it('that is known by its URL has no secret to store', async () => {
    const clientId = 'https://site.example/client/social.example';
    expect(await processOn(new LockingStore()).credentials(of(clientId))).toEqual({ clientId });
  });

  it('whose record is incomplete is registered again', async () => {
    const backend = new LockingStore();
    const key = storeKey('client', host, app);
    await backend.set(key, keyedRecord(key, { clientId: 'id' }));
    expect(await processOn(backend).current(host, app)).toBeUndefined();
    const own = storeKey('credentials', host, app, 'id');
    for (const half of [
      { clientId: 'id' },
      { clientId: 'other', clientSecret: 's' },
      { clientSecret: 's' },
    ]) {
      await backend.set(own, keyedRecord(own, half));
      expect(await processOn(backend).credentials(of('id'))).toBeUndefined();
    }
  });

  it('whose record is none of this package is registered again; one that cannot be read is not', async () => {
    const backend = new LockingStore();
    await backend.set(storeKey('client', host, app), { clientId: 'of another program' });
    expect(await processOn(backend).current(host, app)).toBeUndefined();
    jest.spyOn(backend, 'get').mockRejectedValue(new Error('down'));
    await expect(processOn(backend).current(host, app)).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('stays for an hour, or for ninety days after a finished login', async () => {
    const backend = new TimedStore();
    const clients = processOn(backend);
    await add(clients, 'id');
    for (const ttl of backend.ttls.values()) expect(ttl).toBeLessThanOrEqual(75 * minute);
    await clients.loginFinished(of('id'), registered('id'));
    expect([...backend.records.keys()]).toEqual([
      storeKey('credentials', host, app, 'id'),
      storeKey('client', host, app),
    ]);
    for (const key of backend.records.keys()) expect(backend.ttls.get(key)).toBeGreaterThanOrEqual(90 * day);
  });

  it('has credentials that outlive the record that points to it, for a login that begins at the last moment', async () => {
    const backend = new TimedStore();
    const clients = processOn(backend);
    await add(clients, 'id');
    const margin = () =>
      (backend.ttls.get(storeKey('credentials', host, app, 'id')) ?? 0) -
      (backend.ttls.get(storeKey('client', host, app)) ?? 0);
    expect(margin()).toBeGreaterThanOrEqual(10 * minute);
    await clients.loginFinished(of('id'), registered('id'));
    expect(margin()).toBeGreaterThanOrEqual(10 * minute);
  });

  it('that was replaced keeps its credentials, and its successor names it for as long as its tokens may be in use', async () => {
    const backend = new TimedStore();
    const clients = processOn(backend);
    await addUsed(clients, 'old');
    const client = await add(clients, 'new');
    expect(client).toMatchObject({ clientId: 'new', generation: 2, former: [{ clientId: 'old' }] });
    expect(await clients.current(host, app)).toEqual(client);
    expect(await clients.credentials(of('old'))).toMatchObject({ clientSecret: 'secret of old' });
    expect(backend.ttls.get(storeKey('client', host, app))).toBeGreaterThanOrEqual(90 * day);
  });

  it('that was replaced before its first login finished is named by its successor after that login', async () => {
    const clients = processOn(new LockingStore());
    await add(clients, 'old');
    await add(clients, 'new');
    expect(await clients.current(host, app)).not.toHaveProperty('former');
    await clients.loginFinished(of('old'), registered('old'));
    await clients.loginFinished(of('old'), registered('old'));
    expect(await clients.current(host, app)).toMatchObject({
      ...{ clientId: 'new', state: 'unverified' },
      former: [{ clientId: 'old' }],
    });
  });
});

it.each<[string, (clients: Clients) => Promise<unknown>]>([
  ['the client', (clients) => clients.current(host, app)],
  ['its credentials', (clients) => clients.credentials(of('id'))],
  ['its refresh token', (clients) => clients.ofGrant(anInstanceRecord(), 'a-refresh-token')],
])('a process that reads %s after a login limits no requests to its host', async (_what, read) => {
  const backend = new LockingStore();
  const [here, limits] = [processOn(backend), new ReferralLimits()];
  const there = new Clients(new Store(backend, 5000), site, limits);
  await add(here, 'id');
  await read(there);
  expect(limits.inUse.has(host)).toBe(false);
  await here.loginFinished(of('id'), registered('id'));
  await here.rememberGrant(anInstanceRecord(), 'a-refresh-token', of('id'));
  await read(there);
  expect(limits.inUse.has(host)).toBe(true);
});

it('a replaced client is named for ninety days after its last login, which is recorded once in half a minute', async () => {
  const backend = new LockingStore();
  const clients = processOn(backend);
  for (const id of ['older', 'old', 'new']) await addUsed(clients, id);
  const former = async () =>
    new Map((await clients.current(host, app))?.former?.map((one) => [one.clientId, one.until]));
  const before = await former();
  later(40 * day);
  const now = Date.now();
  await clients.loginFinished(of('old'), registered('old'));
  const after = await former();
  expect(after.get('old')).toBeGreaterThanOrEqual(now + 90 * day);
  expect(after.get('older')).toBe(before.get('older'));
  const set = jest.spyOn(backend, 'set');
  const records = () => set.mock.calls.filter(([key]) => key === storeKey('client', host, app));
  later(20_000);
  await clients.loginFinished(of('old'), registered('old'));
  expect(records()).toEqual([]);
  later(20_000);
  await clients.loginFinished(of('old'), registered('old'));
  expect(records()).toHaveLength(1);
});

it('the sets of scopes of logins are known to every process, at most sixteen of them', async () => {
  const backend = new LockingStore();
  const [here, there] = [processOn(backend), processOn(backend)];
  expect(await here.scopes()).toEqual([]);
  await here.addScope('read write');
  await there.addScope('write read');
  expect(await there.scopes()).toHaveLength(1);
  for (let i = 1; i < 16; i++) await here.addScope(`read:${i}`);
  await here.addScope('read write');
  await expect(there.addScope('follow')).rejects.toThrow(/16 different sets of scopes/);
  expect(await there.scopes()).toHaveLength(16);
  const key = storeKey('scopes', '', site.clientName, site.callbackURL);
  await backend.set(key, keyedRecord(key, { scopes: ['read', 7, ...Array<string>(20).fill('x')] }));
  expect(await processOn(backend).scopes()).toEqual(['read', ...Array<string>(15).fill('x')]);
  await backend.set(key, keyedRecord(key, { scopes: 'read' }));
  expect(await processOn(backend).scopes()).toEqual([]);
});

describe('a change', () => {
  it('to one that another process has replaced or the store has lost is discarded', async () => {
    const backend = new LockingStore();
    const [here, there] = [processOn(backend), processOn(backend)];
    await here.change(of('old'), { state: 'dead' });
    await here.loginFinished(of('old'), registered('old'));
    expect(await there.current(host, app)).toBeUndefined();
    await addUsed(here, 'old');
    const current = await add(there, 'new');
    await here.change(of('old'), { state: 'dead' });
    await here.loginFinished(of('old'), registered('old'));
    expect(await there.current(host, app)).toEqual(current);
  });

  it('at the same moment as another one is not lost', async () => {
    const clients = processOn(new LockingStore());
    await add(clients, 'id');
    await Promise.all([
      clients.change(of('id'), { verifiedAt: 7 }),
      clients.loginFinished(of('id'), registered('id')),
      clients.change(of('id'), { verifiedAt: 8 }),
    ]);
    const client = await clients.current(host, app);
    expect(client).toMatchObject({ state: 'active', verifiedAt: 8 });
    expect(client?.lastLoginAt).toBeGreaterThan(0);
  });

  it('fails no login if the store fails', async () => {
    const backend = new LockingStore();
    const clients = processOn(backend);
    await add(clients, 'id');
    jest.spyOn(backend, 'set').mockRejectedValue(new Error('read-only'));
    await clients.change(of('id'), { state: 'dead' });
    await clients.loginFinished(of('id'), registered('id'));
    expect(await clients.current(host, app)).toMatchObject({ state: 'unverified' });
  });
});

describe('a login that finished', () => {
  it('is recorded once in half a minute', async () => {
    const backend = new LockingStore();
    const clients = processOn(backend);
    await addUsed(clients, 'id');
    const set = jest.spyOn(backend, 'set');
    await clients.loginFinished(of('id'), registered('id'));
    expect(set).not.toHaveBeenCalled();
    later(30_000);
    await clients.loginFinished(of('id'), registered('id'));
    expect(set).toHaveBeenCalled();
  });

  it('with a client that was recorded as dead shows for a week that the instance’s answer is unreliable', async () => {
    const backend = new TimedStore();
    const clients = processOn(backend);
    await addUsed(clients, 'id');
    expect(await clients.isUnverifiable(host)).toBe(false);
    await clients.change(of('id'), { state: 'dead' });
    await clients.loginFinished(of('id'), registered('id'));
    expect(await clients.current(host, app)).toMatchObject({ state: 'active' });
    expect(await processOn(backend).isUnverifiable(host)).toBe(true);
    expect(backend.ttls.get(storeKey('unverifiable', host))).toBe(7 * day);
    expect(await clients.isUnverifiable('other.example')).toBe(false);
  });
});

it('the refresh tokens that were issued to a client are found by every process, and no token is in a key', async () => {
  const backend = new LockingStore();
  const instance = anInstanceRecord();
  await processOn(backend).rememberGrant(instance, 'a-refresh-token', of('id'));
  expect(await processOn(backend).ofGrant(instance, 'a-refresh-token')).toEqual(of('id'));
  expect(await processOn(backend).ofGrant(instance, 'another')).toBeUndefined();
  expect(JSON.stringify([...backend.records])).not.toContain('a-refresh-token');
});
