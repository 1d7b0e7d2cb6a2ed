/** The library's records in a store that several processes share: what only the store can decide. */

import { StoreAdapter } from '../../lib/issuer/adapter.js';
import { RecordKeys } from '../../lib/issuer/records.js';
import { Store } from '../../lib/store.js';
import { JSONStore } from '../support/stage';

class Used extends Error {}

/** A process that shares `backend`. */
function aProcess(backend = new JSONStore(), issuerURL = 'https://login.example') {
  const options = {
    store: new Store(backend, 1000),
    keys: new RecordKeys(issuerURL),
    longestOfGrant: 7200,
    alreadyUsed: () => new Used(),
  };
  return (model: string) => new StoreAdapter(options, model);
}

describe('a code', () => {
  it('is used up by one of any number of processes that found it unused', async () => {
    const backend = new JSONStore();
    const processes = Array.from({ length: 5 }, () => aProcess(backend)('AuthorizationCode'));
    await processes[0]?.upsert('code', { grantId: 'g' }, 60);
    for (const one of processes) expect(await one.find('code')).toEqual({ grantId: 'g' });
    const ends = await Promise.allSettled(processes.map((one) => one.consume('code')));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(Used);
    // A later use is recognised as one.
    expect(await processes[1]?.find('code')).toMatchObject({ consumed: expect.any(Number) as number });
    await expect(processes[2]?.consume('code')).rejects.toBeInstanceOf(Used);
  });
});

it('a device code that is written anew while it is used is not good a second time', async () => {
  const codes = aProcess()('DeviceCode');
  await codes.upsert('device', { userCode: 'ABCD' }, 60);
  await codes.upsert('device', { userCode: 'ABCD', accountId: 'alice' }, 60);
  await codes.consume('device');
  await codes.upsert('device', { userCode: 'ABCD', accountId: 'bob' }, 60);
  await expect(codes.consume('device')).rejects.toBeInstanceOf(Used);
});

describe('where the database answers with the record of another key', () => {
  /** Who asks next for the record that holds `text` is given the one that holds `other`. */
  const confuse = (backend: JSONStore, text: string, other: string) => {
    const keyOf = (part: string) =>
      [...backend.records].find(([, record]) => record.includes(part))?.[0] ?? '';
    const [asked, given] = [keyOf(text), keyOf(other)];
    expect([asked, given]).not.toContain('');
    const get = backend.get.bind(backend);
    let isNext = true;
    backend.get = (key) => {
      const isWrong = isNext && key === asked;
      isNext &&= !isWrong;
      return get(isWrong ? given : key);
    };
  };

  it('no revoked token is good again', async () => {
    const backend = new JSONStore();
    const tokens = aProcess(backend)('AccessToken');
    await tokens.upsert('revoked', { grantId: 'g' }, 3600);
    await tokens.revokeByGrantId('g');
    confuse(backend, '"generation"', '"grantId"');
    await expect(tokens.find('revoked')).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('no device code is good a second time', async () => {
    const backend = new JSONStore();
    const codes = aProcess(backend)('DeviceCode');
    await codes.upsert('other', { userCode: 'EFGH' }, 60);
    await codes.upsert('device', { userCode: 'ABCD', accountId: 'alice' }, 60);
    await codes.consume('device');
    confuse(backend, '"alice"', '"EFGH"');
    const again = codes.upsert('device', { userCode: 'ABCD', accountId: 'bob' }, 60);
    await expect(again).rejects.toMatchObject({ code: 'store_failed' });
    await expect(codes.consume('device')).rejects.toBeInstanceOf(Used);
  });
});

describe('a grant that is revoked', () => {
  it('ends all that was issued on it, in every process, and nothing that is issued later', async () => {
    const backend = new JSONStore();
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
  it('are found by their other names, and not any more when they are gone', async () => {
    const of = aProcess();
    const [sessions, devices] = [of('Session'), of('DeviceCode')];
    await sessions.upsert('session', { uid: 'u' }, 60);
    await devices.upsert('device', { userCode: 'ABCD' }, 60);
    expect(await sessions.findByUid('u')).toEqual({ uid: 'u' });
    expect(await devices.findByUserCode('ABCD')).toEqual({ userCode: 'ABCD' });
    await sessions.destroy('session');
    await devices.destroy('device');
    expect(await sessions.findByUid('u')).toBeUndefined();
    expect(await devices.findByUserCode('ABCD')).toBeUndefined();
    expect(await devices.findByUserCode('nothing')).toBeUndefined();
  });

  it('have a time to live, each of them', async () => {
    const ttls: unknown[] = [];
    class Watched extends JSONStore {
      override async set(key: string, value: unknown, ttl?: number): Promise<void> {
        ttls.push(ttl);
        await super.set(key, value);
      }
    }
    const of = aProcess(new Watched());
    await of('Session').upsert('s', { uid: 'u' }, 60);
    await of('DeviceCode').upsert('d', { userCode: 'c', grantId: 'g' });
    await of('AccessToken').revokeByGrantId('g');
    await of('DeviceCode').consume('d');
    expect(ttls.length).toBeGreaterThanOrEqual(6);
    for (const ttl of ttls) expect(ttl).toBeGreaterThanOrEqual(60_000);
  });

  it('of another issuer on the same store, and of another model, are others', async () => {
    const backend = new JSONStore();
    await aProcess(backend)('AccessToken').upsert('token', { grantId: 'g' }, 60);
    expect(await aProcess(backend, 'https://other.example')('AccessToken').find('token')).toBeUndefined();
    expect(await aProcess(backend)('RefreshToken').find('token')).toBeUndefined();
  });
});
