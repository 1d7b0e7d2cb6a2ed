/** `decide` as a table, and what the record of a new client keeps of the replaced one. */

import {
  acceptsDeath,
  decide,
  describeApp,
  leastScope,
  nextClient,
  readClient,
  withFormer,
  type Client,
} from '../../lib/client/client.js';
import { Clients } from '../../lib/client/clients.js';
import { ReferralLimits } from '../../lib/http/referrals.js';
import type { Instance, Settings } from '../../lib/options.js';
import { Store } from '../../lib/store.js';
import { JSONStore } from '../support/json-store.js';
import { anInstanceRecord } from '../support/records.js';

const minute = 60_000;
const day = 24 * 60 * minute;
const now = 1_000 * day;

const registered = { clientId: 'new', redirectURI: 'https://site.example/cb', scope: 'read' };

/** Registered long ago, and never used. */
const aNewClient = (changes: Partial<Client> = {}): Client => ({
  ...{ clientId: 'id', redirectURI: 'https://site.example/cb', scope: 'read', generation: 1 },
  ...{ state: 'unverified', registeredAt: now - 30 * day, verifiedAt: 0 },
  ...changes,
});

/** Used five minutes ago. */
const aClient = (changes: Partial<Client> = {}): Client =>
  aNewClient({ state: 'active', lastLoginAt: now - 5 * minute, ...changes });

/** Abandoned logins of one browser, in minutes ago. */
const abandoned = (...ago: number[]) => ago.map((minutes) => now - minutes * minute);

/** A used client that was replaced, as the records of later clients name it. */
const former = (clientId: string, until = now - 5 * minute + 90 * day) => ({ clientId, until });

const decided = (
  client: Client | undefined,
  times: number[] = [],
  startsInARow = 0,
  isUnverifiable = false,
) => decide(client, { abandoned: times, startsInARow, isUnverifiable }, now);

describe('a client is', () => {
  it.each<[string, Client | undefined, number[], 'use' | 'verify' | 'replace']>([
    ['there is none', undefined, [], 'replace'],
    ['it is dead', aClient({ state: 'dead' }), [], 'replace'],
    ['it is dead, and was verified just now', aClient({ state: 'dead', verifiedAt: now }), [], 'replace'],
    ['a login was finished with it not long ago', aClient(), [], 'use'],
    ['the last login was an hour ago', aClient({ lastLoginAt: now - 60 * minute }), [], 'use'],
    ['the last login was a day ago', aClient({ lastLoginAt: now - day }), [], 'use'],
    ['the last login was more than a day ago', aClient({ lastLoginAt: now - day - 1 }), [], 'verify'],
    ['it was verified since', aClient({ lastLoginAt: now - 3 * day, verifiedAt: now - day }), [], 'use'],
    ['it is new', aNewClient({ registeredAt: now - 9 * minute }), [], 'use'],
    ['it is unused for ten minutes', aNewClient({ registeredAt: now - 10 * minute }), [], 'use'],
    ['it is unused for longer', aNewClient({ registeredAt: now - 11 * minute }), [], 'verify'],
    [
      'it is unused for long, and was verified',
      aNewClient({ registeredAt: now - day, verifiedAt: now - 9 * minute }),
      [],
      'use',
    ],
    ['this browser did not come back', aClient(), abandoned(1), 'verify'],
    ['it did not, and another one has since', aClient(), abandoned(6), 'use'],
    [
      'it did not, from a login with which the client was registered',
      aNewClient({ registeredAt: now - minute }),
      abandoned(1),
      'verify',
    ],
    [
      'it did not, from the client before this one',
      aClient({ registeredAt: now - minute }),
      abandoned(2),
      'use',
    ],
    [
      'it did not, and the client was verified since',
      aClient({ verifiedAt: now - 0.5 * minute }),
      abandoned(1),
      'use',
    ],
    [
      'it did not before the verification, and once after',
      aClient({ verifiedAt: now - 0.5 * minute }),
      abandoned(0.1, 1),
      'use',
    ],
    [
      'it did not, from the login for which the client was verified',
      aClient({ verifiedAt: now - 0.5 * minute }),
      abandoned(0.5),
      'replace',
    ],
    [
      'it did not twice since the verification',
      aClient({ verifiedAt: now - 0.9 * minute }),
      abandoned(0.1, 0.5, 2),
      'replace',
    ],
    [
      'it did not, shortly after a verification for another browser',
      aClient({ verifiedAt: now - 0.9 * minute }),
      abandoned(0.1),
      'replace',
    ],
    ['the same, a minute later', aClient({ verifiedAt: now - minute }), abandoned(0.1), 'verify'],
    [
      'the same, and the client took the place of one just now',
      aClient({ verifiedAt: now - 0.9 * minute, replaced: { at: now - minute, unusedInARow: 0 } }),
      abandoned(0.1),
      'use',
    ],
    [
      'its secret expires during the login',
      aClient({ secretExpiresAt: now + 15 * minute - 1 }),
      [],
      'replace',
    ],
    ['its secret expired', aClient({ secretExpiresAt: now - day }), [], 'replace'],
    [
      'its secret expired, as every secret there does at once',
      aClient({ secretExpiresAt: now - 1, replaced: { at: now - 9 * minute, unusedInARow: 0 } }),
      [],
      'use',
    ],
    ['its secret lasts for a quarter of an hour', aClient({ secretExpiresAt: now + 15 * minute }), [], 'use'],
    ['its secret lasts', aClient({ secretExpiresAt: now + day }), [], 'use'],
  ])('judged where %s', (_what, client, times, decision) => {
    expect(decided(client, times)).toBe(decision);
  });
});

describe('starts in a row by other browsers, without a finished login', () => {
  it.each<[string, Client, number, 'use' | 'verify']>([
    ['two say nothing', aClient(), 2, 'use'],
    ['three lead to a verification', aClient(), 3, 'verify'],
    ['also of a client that was never used', aNewClient({ registeredAt: now - 2 * minute }), 3, 'verify'],
    ['not again within a minute', aClient({ verifiedAt: now - minute + 1 }), 99, 'use'],
    ['again after a minute', aClient({ verifiedAt: now - minute }), 99, 'verify'],
  ])('%s', (_what, client, startsInARow, decision) => {
    expect(decided(client, [], startsInARow)).toBe(decision);
  });

  it('never lead to a new client, so strangers cannot make the site register', () => {
    for (const verifiedAt of [0, now - 0.5 * minute, now])
      for (const isUnverifiable of [true, false])
        expect(decided(aClient({ verifiedAt }), [], 99, isUnverifiable)).not.toBe('replace');
  });
});

describe('an instance that gives the same answer for active and dead clients', () => {
  const atUnverifiable = (client: Client, times: number[]) => decided(client, times, 0, true);

  it('is sent no verification; the second attempt of a browser gets a new client', () => {
    expect(atUnverifiable(aClient({ lastLoginAt: now - 2 * day }), [])).toBe('use');
    expect(atUnverifiable(aClient(), abandoned(1))).toBe('replace');
  });

  it.each([
    [0, 10],
    [1, 20],
    [3, 80],
    [10, 10_240],
    [99, 10_240],
  ])(
    'after %i unused clients, the next one is registered %i minutes after the last',
    (unusedInARow, minutes) => {
      const replaced = (ago: number) => {
        const at = now - ago * minute;
        return aNewClient({ registeredAt: at, verifiedAt: at, replaced: { at, unusedInARow } });
      };
      expect(atUnverifiable(replaced(minutes - 1), abandoned(0.1))).toBe('use');
      expect(atUnverifiable(replaced(minutes), abandoned(0.1))).toBe('replace');
    },
  );
});

it('abandoned logins remove no client from the record while its tokens may be in use', () => {
  let client = aClient();
  const names = [client.clientId];
  // Every minute one browser abandons a login, and another visitor finishes one.
  for (let at = now; at < now + 90 * day; at += minute) {
    client = { ...client, lastLoginAt: at, state: 'active' };
    const signs = { abandoned: [at + 1000], startsInARow: 0, isUnverifiable: true };
    if (decide(client, signs, at + 2000) !== 'replace') continue;
    names.unshift(`${at}`);
    client = nextClient({ ...registered, clientId: `${at}` }, client, at + 2000);
    const known = [client.clientId, ...(client.former ?? []).map(({ clientId }) => clientId)];
    expect(known).toEqual(names);
  }
  expect(names.length).toBeGreaterThan(10);
});

describe('the record of a new client', () => {
  it('that is the first one has the first generation', () => {
    expect(nextClient(registered, undefined, now)).toStrictEqual({
      ...registered,
      ...{ generation: 1, state: 'unverified', registeredAt: now, verifiedAt: 0 },
    });
    expect(nextClient({ ...registered, secretExpiresAt: 7 }, undefined, now).secretExpiresAt).toBe(7);
  });

  it('that replaces a dead one is unverified, and names the dead one for its tokens', () => {
    expect(nextClient(registered, aClient({ state: 'dead', generation: 4 }), now)).toStrictEqual({
      ...registered,
      ...{ generation: 5, state: 'unverified', registeredAt: now, verifiedAt: 0 },
      ...{ deaths: { count: 1, since: now }, former: [former('id')] },
    });
  });

  it('that replaces an active one counts as verified, and counts the unused ones in a row', () => {
    const first = nextClient(registered, aClient(), now);
    expect(first).toMatchObject({ generation: 2, verifiedAt: now, former: [former('id')] });
    expect(first.replaced).toEqual({ at: now, unusedInARow: 0 });
    const second = nextClient(registered, first, now + minute);
    expect(second.replaced).toEqual({ at: now + minute, unusedInARow: 1 });
    expect(nextClient(registered, second, now + day).replaced?.unusedInARow).toBe(2);
    // A finished login ends the row of abandoned ones.
    expect(nextClient(registered, { ...second, lastLoginAt: now }, now + day).replaced?.unusedInARow).toBe(0);
  });

  it('names the used clients before it until their credentials end, the last one first, and no unused one', () => {
    const ids = (client: Client) => client.former?.map(({ clientId }) => clientId);
    const after = (before: string[], changes: Partial<Client> = {}) =>
      ids(nextClient(registered, aClient({ former: before.map((id) => former(id)), ...changes }), now));
    expect(after(['a', 'b', 'c'])).toEqual(['id', 'a', 'b', 'c']);
    expect(after(['a'], { state: 'dead' })).toEqual(['id', 'a']);
    const unused = aNewClient({ former: [former('a'), former('ended', now), former('b')] });
    expect(ids(nextClient(registered, unused, now))).toEqual(['a', 'b']);
    expect(nextClient(registered, aNewClient(), now)).not.toHaveProperty('former');
    expect(ids(nextClient(registered, aClient({ secretExpiresAt: now - 1 }), now))).toBeUndefined();
  });

  it('names each of them once, the one of the latest login first', () => {
    expect(withFormer(aClient(), 'a', 5).former).toEqual([former('a', 5)]);
    const before = aClient({ former: [former('a'), former('b')] });
    expect(withFormer(before, 'b', 5).former).toEqual([former('b', 5), former('a')]);
  });

  it('names a bounded number of them, if the instance forgets one used client after another', () => {
    let client = aClient();
    for (let i = 0; i < 100; i++)
      client = nextClient(registered, { ...client, clientId: `${i}`, state: 'dead', lastLoginAt: now }, now);
    expect(client.former).toHaveLength(32);
    expect(client.former?.[0]?.clientId).toBe('99');
  });
});

describe('an instance that rejects one new client after another', () => {
  /** The clients after a used one, each dead before its first login, `minutes` apart. */
  function unusedAfterAUsedOne(count: number, minutes: number): { client: Client; at: number } {
    let [client, at] = [aClient({ state: 'dead' }), now];
    for (let i = 0; i < count; i++, at += minutes * minute)
      client = { ...nextClient(registered, client, at), state: 'dead' };
    return { client, at };
  }

  it('is believed for a used client, and for about two unused ones after it', () => {
    expect(acceptsDeath(aClient(), now)).toBe(true);
    for (const count of [1, 2]) {
      const { client, at } = unusedAfterAUsedOne(count, 1);
      expect(acceptsDeath(client, at)).toBe(true);
    }
  });

  it('is not believed for a third unused one, which stays in use', () => {
    const { client, at } = unusedAfterAUsedOne(3, 1);
    expect(acceptsDeath(client, at)).toBe(false);
    expect(acceptsDeath(client, now + 10 * minute)).toBe(false);
  });

  it('is believed again after ten minutes', () => {
    const { client } = unusedAfterAUsedOne(3, 1);
    expect(acceptsDeath(client, now + 10 * minute + 1)).toBe(true);
    const slow = unusedAfterAUsedOne(30, 11);
    expect(acceptsDeath(slow.client, slow.at)).toBe(true);
  });

  it('is believed for a client after a finished login', () => {
    const { client, at } = unusedAfterAUsedOne(3, 1);
    expect(acceptsDeath({ ...client, lastLoginAt: at }, at)).toBe(true);
  });
});

/** The record of a client with every member, some of which another process wrote at `at`. */
const fullRecord = (at: number): Client => ({
  ...aClient({ registeredAt: at, verifiedAt: at, lastLoginAt: at, secretExpiresAt: now + day }),
  ...{ replaced: { at, unusedInARow: 1 }, deaths: { count: 1, since: at }, former: [former('a')] },
});

it('a time in the future counts as two days ago, unless the clocks of two processes may differ as much', () => {
  expect(readClient(fullRecord(now + 10 * minute), now)).toStrictEqual(fullRecord(now + 10 * minute));
  expect(readClient(fullRecord(now + 10 * minute + 1), now)).toStrictEqual(fullRecord(now - 2 * day));
});

it.each([
  ...[{ clientId: undefined }, { redirectURI: 7 }, { scope: null }, { registeredAt: undefined }],
  ...[{ verifiedAt: null }, { generation: '1' }, { generation: undefined }, { lastLoginAt: 'now' }],
  ...[{ state: 'half' }, { state: 'constructor' }, { secretExpiresAt: {} }, { deaths: 3 }],
  ...[{ deaths: { count: 1 } }, { deaths: { since: 1 } }, { former: 'id' }, { former: {} }],
  ...[{ former: [{ clientId: 'a', until: 1 }, 7] }, { former: [{ clientId: 'a' }] }],
  ...[{ former: [{ until: 1 }] }, { replaced: null }, { replaced: { at: 1 } }],
  { replaced: { at: 'now', unusedInARow: 0 } },
])('a record with %j is not accepted', (part) => {
  for (const client of [aClient({ state: 'dead' }), nextClient(registered, undefined, 1)]) {
    const whole: object = JSON.parse(JSON.stringify(client)) as object;
    expect(readClient(whole, now)).toStrictEqual(whole);
    expect(readClient({ ...whole, ...part }, now)).toBeUndefined();
  }
});

describe('the app of this site at an instance', () => {
  const site = {
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    website: undefined,
    scope: undefined,
    clientMetadataURL: undefined,
  };
  const appAt = (changes: Partial<Instance> = {}, settings: Partial<Settings> = {}, scope?: string) =>
    describeApp(anInstanceRecord(changes), { ...site, ...settings } as Settings, scope);
  const misskey = { api: 'misskey' as const };

  it('has the site’s name and website, and a redirect URI of its own', () => {
    expect(appAt({}, { website: 'https://site.example/' })).toMatchObject({
      ...{ host: 'social.example', clientName: 'A site', website: 'https://site.example/' },
      redirectURI: 'https://site.example/callback/social.example',
    });
  });

  it.each([
    [
      'that of the login',
      'read write',
      'read',
      { scope: 'read write', isScopeOfSite: true, isScopeOfLogin: true },
    ],
    [
      'else that of the site',
      undefined,
      'read',
      { scope: 'read', isScopeOfSite: true, isScopeOfLogin: false },
    ],
    ['else the least', undefined, undefined, { scope: 'read', isScopeOfSite: false, isScopeOfLogin: false }],
  ])('asks for a scope: %s', (_what, ofLogin, ofSite, expected) => {
    expect(appAt({}, { scope: ofSite }, ofLogin)).toMatchObject(expected);
  });

  it.each([
    [{ software: 'gotosocial' }, 'read:accounts'],
    [{ software: 'friendica' }, 'read'],
    [{ software: 'mastodon', scopesSupported: ['read', 'profile'] }, 'profile'],
    [{ software: 'mastodon', scopesSupported: ['read'] }, 'read:accounts'],
  ])('asks %j for the scope %s at least', (instance, scope) => {
    expect(leastScope(instance)).toBe(scope);
  });

  it('asks Misskey for its own scope, whatever the site asks of others', () => {
    const asked = [appAt(misskey), appAt(misskey, { scope: 'read' }), appAt(misskey, {}, 'read write')];
    expect(asked.map(({ scope }) => scope)).toEqual(Array(3).fill('read:account'));
    expect(asked.map(({ isScopeOfSite }) => isScopeOfSite)).toEqual(Array(3).fill(false));
  });

  it('is known by a URL only if both the site and the instance support it', () => {
    const clientMetadataURL = 'https://site.example/client';
    expect(appAt({}, { clientMetadataURL }).clientId).toBeUndefined();
    expect(appAt({ clientMetadata: 'json' }).clientId).toBeUndefined();
    expect(appAt({ clientMetadata: 'json' }, { clientMetadataURL }).clientId).toMatch(
      /^https:\/\/site\.example\//,
    );
    expect(Object.keys(appAt())).not.toContain('clientId');
  });

  it.each<[string, Partial<Instance>, Partial<Settings>, string | undefined]>([
    ['origin', { origin: 'https://other.example', host: 'social.example' }, {}, undefined],
    ['name', {}, { clientName: 'Another' }, undefined],
    ['redirect URI', {}, { callbackURL: 'https://site.example/other' }, undefined],
    ['website', {}, { website: 'https://site.example/' }, undefined],
    ['scope', {}, {}, 'write'],
    ['URL', { clientMetadata: 'json' }, { clientMetadataURL: 'https://site.example/client' }, undefined],
  ])('is a different one if the %s differs', (_what, instance, settings, scope) => {
    expect(appAt(instance, settings, scope).key).not.toBe(appAt().key);
  });

  it('is a different one for each website and for each URL', () => {
    const keys = ['a', 'b'].flatMap((name) => {
      const url = `https://${name}.example/`;
      return [
        appAt({}, { website: url }).key,
        appAt({ clientMetadata: 'json' }, { clientMetadataURL: `${url}client` }).key,
      ];
    });
    expect(new Set(keys).size).toBe(4);
  });

  it('is the same one for the same scopes in another order', () => {
    expect(appAt({}, {}, 'write read read').key).toBe(appAt({}, {}, 'read write').key);
  });
});

describe('the scopes of single logins', () => {
  const referrals = new ReferralLimits();
  const aSite = { clientName: 'A site', callbackURL: 'https://site.example/callback' };

  it('are known to every process of the site, each set once, and to no other site', async () => {
    const store = new Store(new JSONStore(), 1000);
    const clients = new Clients(store, aSite, referrals);
    expect(await clients.scopes()).toEqual([]);
    for (const scope of ['read write', 'write read', 'follow']) await clients.addScope(scope);
    expect(await new Clients(store, aSite, referrals).scopes()).toEqual(['read write', 'follow']);
    expect(await new Clients(store, { ...aSite, clientName: 'Another' }, referrals).scopes()).toEqual([]);
  });

  it('are at most sixteen sets, each of which may be requested again', async () => {
    const clients = new Clients(new Store(new JSONStore(), 1000), aSite, referrals);
    for (let n = 0; n < 16; n += 1) await clients.addScope(`read:${n}`);
    await clients.addScope('read:15');
    await expect(clients.addScope('read:16')).rejects.toThrow(/16 different sets of scopes/);
    expect(await clients.scopes()).toHaveLength(16);
  });

  it.each([{ scopes: 'read' }, { scopes: [7, 'read', null] }, {}])(
    'are those of a record that are texts: %j',
    async (record) => {
      const backend = new JSONStore();
      const store = new Store(backend, 1000);
      const clients = new Clients(store, aSite, referrals);
      await clients.addScope('read');
      const [key = ''] = backend.records.keys();
      await store.set(key, record);
      expect(await clients.scopes()).toEqual(Array.isArray(record.scopes) ? ['read'] : []);
    },
  );
});

it('rejections of clients more than ten minutes ago do not count', () => {
  const deaths = (since: number) => ({ count: 2, since });
  const counted = (since: number) =>
    nextClient(registered, aNewClient({ state: 'dead', deaths: deaths(since) }), now).deaths;
  expect(counted(now - 10 * minute)).toEqual({ count: 3, since: now - 10 * minute });
  expect(counted(now - 10 * minute - 1)).toEqual({ count: 1, since: now });
  const first = { count: 1, since: now };
  expect(nextClient(registered, aNewClient({ state: 'dead' }), now).deaths).toEqual(first);
  // A finished login ends the row.
  expect(nextClient(registered, aClient({ state: 'dead', deaths: deaths(now) }), now).deaths).toEqual(first);
});
