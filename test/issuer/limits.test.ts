/**
 * The limits on what visitors may store and try before a login, with floods from one network and through one
 * client.
 */

import { AuthenticationLimit, MinuteQuota, PendingRecords } from '../../lib/issuer/limits';
import type { KoaContextWithOIDC, OIDC } from '../../lib/issuer/oidc-provider';

describe('when the total limit is reached', () => {
  const until = Date.now() + 3_600_000;
  const mega = 1024 * 1024;

  it('records of the network with the most are dropped', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const add = (id: string, address: string, client: string) =>
      records.add({ id, address, client, size: mega, until });
    add('honest', '198.51.100.1', 'client');
    for (let i = 0; i < 15; i++) add(`flood ${i}`, '203.0.113.7', `client ${i}`);
    expect(dropped).toEqual([]);
    add('newcomer', '198.51.100.2', 'client');
    expect(dropped).toEqual(['flood 14']);
  });

  it('one client has no more than half of it', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    records.add({ id: 'honest', address: undefined, client: 'honest', size: mega, until });
    for (let i = 0; i < 30; i++) {
      records.add({ id: `flood ${i}`, address: undefined, client: 'flood', size: mega, until });
    }
    expect(dropped).toHaveLength(22);
    expect(dropped).not.toContain('honest');
  });

  it('a flood through a client does not end the logins of others there', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const add = (id: string, address: string) =>
      records.add({ id, address, client: 'shop', size: mega, until });
    add('honest', '198.51.100.1');
    for (let i = 0; i < 30; i++) add(`flood ${i}`, '203.0.113.7');
    expect(dropped).toHaveLength(23);
    expect(dropped).not.toContain('honest');
  });

  it('not even if another network has more records at another client', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const add = (id: string, address: string, client: string, size: number) =>
      records.add({ id, address, client, size, until });
    add('honest', '198.51.100.1', 'shop', mega);
    for (let i = 0; i < 200; i++) add(`app ${i}`, '192.0.2.1', 'app', 1);
    for (let i = 0; i < 30; i++) add(`flood ${i}`, `203.0.113.${i % 5}`, 'shop', mega);
    expect(dropped.length).toBeGreaterThan(20);
    expect(dropped).not.toContain('honest');
  });

  it('a /56 that is full ends nothing of another one in the same /48', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const add = (id: string, address: string) => records.add({ id, address, client: 'shop', size: 1, until });
    add('honest', '20010db80001aa00');
    for (let i = 0; i < 200; i++) add(`one ${i}`, '20010db80001bb00');
    for (let i = 0; i < 200; i++) add(`two ${i}`, '20010db80001bb01');
    for (let i = 0; i < 20; i++) add(`three ${i}`, '20010db80001bb02');
    expect(dropped).toHaveLength(20);
    expect(dropped).not.toContain('honest');
    // The same holds for a customer that owns several of them.
    for (const part of ['cc', 'dd', 'ee']) {
      for (let i = 0; i < 400; i++) add(`${part} ${i}`, `20010db80001${part}0${i % 2}`);
    }
    expect(dropped.length).toBeGreaterThan(800);
    expect(dropped).not.toContain('honest');
  });

  it('expired records are removed first', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now);
    for (let i = 0; i < 200; i++) {
      records.add({ id: `old ${i}`, address: '203.0.113.7', client: 'a', size: 1, until: now });
    }
    records.add({ id: 'new', address: '203.0.113.7', client: 'a', size: 1, until });
    expect(dropped).toEqual([]);
    jest.restoreAllMocks();
  });
});

describe('a login that has ended', () => {
  const until = Date.now() + 3_600_000;

  it('makes room for another one of its network', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    for (let i = 0; i < 200; i++) {
      records.add({ id: `login ${i}`, address: '203.0.113.7', client: 'shop', size: 1, until });
    }
    records.end('login 150');
    records.end('login 150');
    records.end('unknown');
    records.add({ id: 'next', address: '203.0.113.7', client: 'shop', size: 1, until });
    expect(dropped).toEqual([]);
    records.add({ id: 'one more', address: '203.0.113.7', client: 'shop', size: 1, until });
    expect(dropped).toEqual(['login 0']);
  });

  it('makes room for another one of its client', () => {
    const dropped: string[] = [];
    const records = new PendingRecords((id) => dropped.push(id));
    const half = 8 * 1024 * 1024;
    records.add({ id: 'first', address: '203.0.113.7', client: 'shop', size: half, until });
    records.end('first');
    records.add({ id: 'second', address: '203.0.113.8', client: 'shop', size: half, until });
    expect(dropped).toEqual([]);
    records.add({ id: 'third', address: '203.0.113.9', client: 'shop', size: 1, until });
    expect(dropped).toEqual(['second']);
  });
});

describe('attempts of a network within a minute', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('are limited, and those of other networks are not', () => {
    const quota = new MinuteQuota(2);
    quota.addForMinute('203.0.113.7');
    expect([quota.countOf('203.0.113.7'), quota.hasRoom('203.0.113.7')]).toEqual([1, true]);
    quota.addForMinute('203.0.113.7');
    expect([quota.countOf('203.0.113.7'), quota.hasRoom('203.0.113.7')]).toEqual([2, false]);
    expect([quota.countOf('198.51.100.1'), quota.hasRoom('198.51.100.1')]).toEqual([0, true]);
  });

  it('count for one minute each', () => {
    const quota = new MinuteQuota(2);
    quota.addForMinute('203.0.113.7');
    jest.advanceTimersByTime(30_000);
    quota.addForMinute('203.0.113.7');
    jest.advanceTimersByTime(29_999);
    expect(quota.hasRoom('203.0.113.7')).toBe(false);
    jest.advanceTimersByTime(1);
    expect(quota.countOf('203.0.113.7')).toBe(1);
    jest.advanceTimersByTime(30_000);
    expect(quota.countOf('203.0.113.7')).toBe(0);
  });

  it('from a private network have no limit, because they may come from a proxy, and are not counted', () => {
    const quota = new MinuteQuota(1);
    for (let i = 0; i < 5; i++) quota.addForMinute(undefined);
    expect([quota.hasRoom(undefined), quota.countOf(undefined)]).toEqual([true, 0]);
  });
});

describe('wrong secrets of a client', () => {
  class InvalidClientAuth extends Error {}
  const [network, other] = ['203.0.113.7', '198.51.100.1'];

  /** `guess` answers as oidc-provider has answered: by default that the secret was wrong. */
  function aLimit() {
    let address = network;
    const limit = new AuthenticationLimit(
      { errors: { InvalidClientAuth } } as unknown as OIDC,
      () => address,
    );
    const from = <T>(place: string, work: () => T) => ((address = place), work());
    const isRefused = (clientId: string, place = network) => {
      try {
        from(place, () => limit.check(clientId));
        return false;
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidClientAuth);
        return (error as Error).message;
      }
    };
    const guess = async (changes: object = {}, place = network) => {
      const headers = new Map([['WWW-Authenticate', 'Basic']]);
      const ctx = {
        ...{ status: 401, body: { error: 'invalid_client' } as unknown },
        oidc: { client: { clientId: 'shop', clientAuthMethod: 'client_secret_basic' } },
        set: (name: string, value: string) => headers.set(name, value),
        remove: (name: string) => headers.delete(name),
        ...changes,
      };
      const next = jest.fn(async () => undefined);
      await from(place, () => limit.middleware(ctx as unknown as KoaContextWithOIDC, next));
      expect(next).toHaveBeenCalledTimes(1);
      return { status: ctx.status, body: ctx.body, headers: Object.fromEntries(headers) };
    };
    return { guess, isRefused };
  }

  it('are limited to ten in a minute for a client and network; then every answer is the same', async () => {
    const { guess, isRefused } = aLimit();
    for (let i = 0; i < 10; i++) {
      expect(isRefused('shop')).toBe(false);
      expect((await guess()).status).toBe(401);
    }
    const error_description = 'this client has failed to authenticate 10 times: try again in a minute';
    expect(isRefused('shop')).toBe(error_description);
    for (let i = 0; i < 2; i++)
      expect(await guess()).toEqual({
        status: 429,
        headers: { 'Retry-After': '60' },
        body: { error: 'invalid_client', error_description },
      });
    expect([isRefused('shop', other), isRefused('app'), (await guess({}, other)).status]).toEqual([
      false,
      false,
      401,
    ]);
  });

  it.each<[string, object]>([
    ['no client', { oidc: { client: undefined } }],
    ['no route', { oidc: undefined }],
    ['no body', { body: undefined }],
    ['another error', { body: { error: 'invalid_grant' } }],
    ['a public client', { oidc: { client: { clientId: 'shop', clientAuthMethod: 'none' } } }],
    ['a client with a key', { oidc: { client: { clientId: 'shop', clientAuthMethod: 'private_key_jwt' } } }],
  ])('are not counted by an answer for %s', async (_what, changes) => {
    const { guess, isRefused } = aLimit();
    for (let i = 0; i < 12; i++) expect((await guess(changes)).status).toBe(401);
    expect(isRefused('shop')).toBe(false);
  });
});
