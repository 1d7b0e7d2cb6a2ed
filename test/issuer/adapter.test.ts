/** oidc-provider's records in a store that several processes share: the decisions that only the store can make. */

import { StoreAdapter } from '../../lib/issuer/adapter.js';
import type { Shared } from '../../lib/issuer/shared.js';
import { IssuerStore } from '../../lib/issuer/store.js';
import { Store } from '../../lib/store.js';
import { LockingStore } from '../support/stage';

class Used extends Error {}

/** A process that shares `backend`. */
function aProcess(backend = new LockingStore(), issuerURL = 'https://login.example') {
  const store = new IssuerStore(new Store(backend, 1000), issuerURL, '', 7260_000);
  const errors = {
    InvalidGrant: Used,
    InvalidClientAuth: Used,
    SessionNotFound: Used,
    InvalidRequest: RangeError,
  };
  const shared = {
    store,
    oidc: { errors, Provider: {} },
    settings: { longestTtl: 7200 },
    address: () => undefined,
  } as unknown as Shared;
  return (model: string) => new StoreAdapter(shared, model);
}

describe('a code', () => {
  it('is used up by one of any number of processes that found it unused', async () => {
    const backend = new LockingStore();
    const processes = Array.from({ length: 5 }, () => aProcess(backend)('AuthorizationCode'));
    await processes[0]?.upsert('code', { grantId: 'g' }, 60);
    for (const one of processes) expect(await one.find('code')).toEqual({ grantId: 'g' });
    const ends = await Promise.allSettled(processes.map((one) => one.consume('code')));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(Used);
    // A later use is recognised as a second one.
    expect(await processes[1]?.find('code')).toMatchObject({ consumed: expect.any(Number) as number });
    await expect(processes[2]?.consume('code')).rejects.toBeInstanceOf(Used);
  });
});

it.each(['RefreshToken', 'AuthorizationCode'])(
  'a %s that two processes use at the same time ends the grant: one of them may be a thief',
  async (model) => {
    const backend = new LockingStore();
    const [one, two] = [aProcess(backend), aProcess(backend)];
    await one(model).upsert('token', { grantId: 'g' }, 60);
    for (const process of [one, two]) expect(await process(model).find('token')).toBeDefined();
    await one(model).consume('token');
    await one('AccessToken').upsert('access', { grantId: 'g' }, 60);
    await expect(two(model).consume('token')).rejects.toBeInstanceOf(Used);
    expect(await one('AccessToken').find('access')).toBeUndefined();
  },
);

describe('a device code', () => {
  const approved = (accountId: string) => ({ userCode: 'ABCD', inFlight: true, accountId });

  it('is confirmed, approved and exchanged by one of any number of processes', async () => {
    const backend = new LockingStore();
    const processes = Array.from({ length: 5 }, () => aProcess(backend)('DeviceCode'));
    const one = async (work: (codes: StoreAdapter, i: number) => Promise<void>) => {
      const ends = await Promise.allSettled(processes.map(work));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(Used);
      return ends.findIndex(({ status }) => status === 'fulfilled');
    };
    await processes[0]?.upsert('device', { userCode: 'ABCD' }, 60);
    await one((codes) => codes.upsert('device', { userCode: 'ABCD', inFlight: true }, 60));
    const first = await one((codes, i) => codes.upsert('device', approved(`person ${i}`), 60));
    expect(await processes[1]?.find('device')).toMatchObject({ accountId: `person ${first}` });
    await one((codes) => codes.consume('device'));
  });

  it('that was exchanged is not valid a second time, whatever is written', async () => {
    const codes = aProcess()('DeviceCode');
    await codes.upsert('device', { userCode: 'ABCD' }, 60);
    await codes.upsert('device', approved('alice'), 60);
    await codes.consume('device');
    await expect(codes.upsert('device', approved('bob'), 60)).rejects.toBeInstanceOf(Used);
    await expect(codes.consume('device')).rejects.toBeInstanceOf(Used);
  });
});

describe('a client assertion', () => {
  it('is accepted by one of any number of processes', async () => {
    const backend = new LockingStore();
    const processes = Array.from({ length: 5 }, () => aProcess(backend)('ReplayDetection'));
    for (const one of processes) expect(await one.find('jti')).toBeUndefined();
    const ends = await Promise.allSettled(processes.map((one) => one.upsert('jti', { iss: 'shop' }, 60)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

it('a login is resumed by one of any number of processes', async () => {
  const backend = new LockingStore();
  const processes = Array.from({ length: 5 }, () => aProcess(backend)('Interaction'));
  await processes[0]?.upsert('uid', { params: {} }, 60);
  await processes[0]?.upsert('uid', { params: {}, result: {} }, 60);
  const ends = await Promise.allSettled(processes.map((one) => one.destroy('uid')));
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

describe('if the database answers with the record of another key', () => {
  it('no revoked token becomes valid again', async () => {
    const backend = new LockingStore();
    const tokens = aProcess(backend)('AccessToken');
    await tokens.upsert('revoked', { grantId: 'g' }, 3600);
    const [token = ''] = backend.records.keys();
    await tokens.revokeByGrantId('g');
    const grant = [...backend.records.keys()].find((key) => key !== token);
    const get = backend.get.bind(backend);
    backend.get = (key) => get(key === grant ? token : key);
    await expect(tokens.find('revoked')).rejects.toMatchObject({ code: 'store_failed' });
  });
});

describe('a grant that is revoked', () => {
  it('ends all tokens that were issued for it, in every process, and later ones too', async () => {
    const backend = new LockingStore();
    const [one, other] = [aProcess(backend)('AccessToken'), aProcess(backend)('AccessToken')];
    await Promise.all([
      one.upsert('first', { grantId: 'g' }, 3600),
      other.upsert('second', { grantId: 'g' }, 3600),
      other.upsert('another', { grantId: 'h' }, 3600),
    ]);
    await one.revokeByGrantId('g');
    expect(await other.find('first')).toBeUndefined();
    expect(await one.find('second')).toBeUndefined();
    expect(await one.find('another')).toBeDefined();
    await other.upsert('third', { grantId: 'g' }, 3600);
    expect(await one.find('third')).toBeDefined();
    await other.revokeByGrantId('g');
    expect(await one.find('third')).toBeUndefined();
  });
});

describe('records', () => {
  it('of devices are found by their user code, and no longer once they are removed', async () => {
    const devices = aProcess()('DeviceCode');
    await devices.upsert('device', { userCode: 'ABCD' }, 60);
    expect(await devices.findByUserCode('ABCD')).toEqual({ userCode: 'ABCD' });
    await devices.destroy('device');
    expect(await devices.findByUserCode('ABCD')).toBeUndefined();
    expect(await devices.findByUserCode('nothing')).toBeUndefined();
  });

  it('have a time to live, each of them, and none a longer one than its token', async () => {
    const ttls: unknown[] = [];
    class Watched extends LockingStore {
      override async set(key: string, value: unknown, ttl?: number): Promise<void> {
        ttls.push(ttl);
        await super.set(key, value);
      }
    }
    const of = aProcess(new Watched());
    await of('DeviceCode').upsert('d', { userCode: 'c', grantId: 'g' });
    await of('AccessToken').upsert('t', { grantId: 'g' }, 31_000 * 365 * 24 * 3600);
    await of('AccessToken').revokeByGrantId('g');
    await of('DeviceCode').consume('d');
    expect(ttls.length).toBeGreaterThanOrEqual(6);
    for (const ttl of ttls) {
      expect(ttl).toBeGreaterThanOrEqual(60_000);
      expect(ttl).toBeLessThanOrEqual(7260_000);
    }
  });

  it('of another issuer on the same store, and of another model, are separate', async () => {
    const backend = new LockingStore();
    await aProcess(backend)('AccessToken').upsert('token', { grantId: 'g' }, 60);
    expect(await aProcess(backend, 'https://other.example')('AccessToken').find('token')).toBeUndefined();
    expect(await aProcess(backend)('RefreshToken').find('token')).toBeUndefined();
  });
});
