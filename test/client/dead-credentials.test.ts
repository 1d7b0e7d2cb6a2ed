/** Instances forget apps. The affected visitor is logged in after the second attempt at the latest. */

import { familiesThatKnowClients, type StandIn } from '../support/instance.js';
import {
  aStage,
  anInstance,
  atProcess,
  comeBack,
  LockingStore,
  leave,
  open,
  twoProcesses,
  whoIsLoggedIn,
} from '../support/stage.js';
import type { Site } from '../support/site.js';
import { StuckAtInstance, Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const minute = 60_000;

const proofs = (instance: StandIn) =>
  instance.requestsTo(({ body }) => body['grant_type'] === 'client_credentials').length;

function later(milliseconds: number): void {
  jest.restoreAllMocks();
  jest.spyOn(Date, 'now').mockReturnValue(Date.now() + milliseconds);
}

// The other families: test/security/outlive-a-forgetful-instance.long.ts.
describe('Mastodon forgot every app', () => {
  it('between two logins: the first attempt may end at the instance, the second one of the same browser works', async () => {
    const { instance, site, visitor } = await aStage();
    await new Visitor().login(site, instance.host);
    instance.forgetApps();
    await expect(visitor.login(site, instance.host)).rejects.toThrow(StuckAtInstance);
    await visitor.login(site, instance.host);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
    expect(instance.registrations).toBe(2);
  });

  it('during a login: it fails with the request to begin again, which works', async () => {
    const { instance, site, visitor } = await aStage();
    const callback = await comeBack(visitor, site, instance.host);
    instance.forgetApps();
    const page = await open(visitor, callback);
    expect([page.status, page.json().code]).toEqual([401, 'login_restart']);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect(instance.registrations).toBe(2);
  });
});

describe.each(familiesThatKnowClients)('%s forgot every app', (family) => {
  it.each([
    ['long ago', 25 * 60 * minute, (site: Site, host: string) => new Visitor().login(site, host)],
    [
      'and no user had finished a login for ten minutes',
      11 * minute,
      (site: Site, host: string) => leave(new Visitor(), site, host),
    ],
  ])('%s: the site notices it before it redirects a visitor', async (_when, ms, before) => {
    const { instance, site, visitor } = await aStage(family);
    await before(site, instance.host);
    instance.forgetApps();
    later(ms);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect(instance.registrations).toBe(2);
  });

  it('while a clock was a year ahead: the site notices it before it redirects a visitor', async () => {
    const { instance, site, visitor } = await aStage(family);
    const year = 365 * 24 * 60 * minute;
    later(year);
    for (let i = 0; i < 3; i++) await leave(new Visitor(), site, instance.host);
    await new Visitor().login(site, instance.host);
    instance.forgetApps();
    later(0);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect(instance.registrations).toBe(2);
  });
});

describe('the verification of a client', () => {
  it('is sent once a minute at most, however many logins are abandoned', async () => {
    const { instance, site, visitor } = await aStage();
    for (let i = 0; i < 10; i++) await leave(visitor, site, instance.host);
    await Promise.all(Array.from({ length: 10 }, () => leave(visitor, site, instance.host)));
    expect(proofs(instance)).toBe(1);
    later(1.1 * minute);
    await leave(visitor, site, instance.host);
    expect(proofs(instance)).toBe(2);
  });

  describe('after starts of other visitors, who finished none', () => {
    /** Starts of different visitors, some milliseconds apart by the clock that measures the time between two starts. */
    async function startsOf(count: number, apartMs: number) {
      const { instance, site } = await aStage();
      const now = performance.now.bind(performance);
      let passed = 0;
      jest.spyOn(performance, 'now').mockImplementation(() => (apartMs === 0 ? 1000 : now() + passed));
      const begin = async (visitor = new Visitor()) => {
        passed += apartMs;
        await leave(visitor, site, instance.host);
      };
      for (let i = 0; i < count; i++) await begin();
      return { instance, site, begin };
    }

    it('is sent at the fourth start', async () => {
      const { instance, begin } = await startsOf(3, 20);
      expect(proofs(instance)).toBe(0);
      await begin();
      expect(proofs(instance)).toBe(1);
    });

    it('is not sent if one of these logins finished', async () => {
      const { instance, site, begin } = await startsOf(2, 20);
      await new Visitor().login(site, instance.host);
      for (let i = 0; i < 3; i++) await begin();
      expect(proofs(instance)).toBe(0);
      await begin();
      expect(proofs(instance)).toBe(1);
    });

    it('is not sent if they began at the same moment, because no visitor had time to return', async () => {
      const { instance } = await startsOf(10, 0);
      expect(proofs(instance)).toBe(0);
    });
  });

  it('is not repeated because another visitor finished a login in between', async () => {
    const { instance, site, visitor } = await aStage();
    for (let i = 0; i < 3; i++) {
      await leave(visitor, site, instance.host);
      await leave(visitor, site, instance.host);
      await new Visitor().login(site, instance.host);
    }
    expect(proofs(instance)).toBe(1);
  });

  it('is not caused by visitors who return, or who denied', async () => {
    const { instance, site, visitor } = await aStage();
    for (let i = 0; i < 3; i++) await visitor.login(site, instance.host);
    await open(visitor, await visitor.deny(await leave(visitor, site, instance.host)));
    await leave(visitor, site, instance.host);
    expect(proofs(instance)).toBe(0);
  });

  it.each([
    [401, '<title>Are you human?</title>'],
    [429, ''],
    [500, ''],
    [503, ''],
  ])('is not affected by %s %j, as of a proxy in front of the server', async (status, body) => {
    const { instance, site, visitor } = await aStage();
    await leave(visitor, site, instance.host);
    const undo = instance.answerWith('/oauth/token', status, body);
    await leave(visitor, site, instance.host);
    undo();
    expect(proofs(instance)).toBe(1);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect(instance.registrations).toBe(1);
  });
});

it('a server with newly installed other software is treated as what it is now', async () => {
  const [{ instance, site, visitor }, other] = [await aStage('pixelfed'), await anInstance('hollo')];
  await new Visitor().login(site, instance.host);
  instance.persona = other.persona;
  instance.forgetApps();
  await expect(visitor.login(site, instance.host)).rejects.toThrow(StuckAtInstance);
  expect((await visitor.login(site, instance.host)).status).toBe(200);
  expect([...instance.apps.values()][0]?.scopes).toEqual(['profile']);
});

it('a login that began with credentials that another process has replaced since finishes with its own', async () => {
  const store = new LockingStore();
  const { instance, site, other, visitor } = await twoProcesses(store);
  const callback = await comeBack(visitor, site, instance.host);
  const [first] = instance.apps.keys();
  for (const key of store.records.keys()) {
    if (/:client:[^:]+(:\d+)?:[\w-]{43}$/.test(key)) store.records.delete(key);
  }
  await leave(new Visitor(), other, instance.host);
  expect(instance.registrations).toBe(2);
  instance.resetRequests();
  expect((await open(visitor, atProcess(other, visitor, callback))).status).toBe(200);
  const code = callback.searchParams.get('code');
  const exchanges = instance.requestsTo(({ body }) => body['code'] === code);
  expect(exchanges.map(({ body }) => body['client_id'])).toEqual([first]);
  // That exchange does not bring a replaced client back.
  const away = new URL(await leave(new Visitor(), site, instance.host));
  expect(away.searchParams.get('client_id')).not.toBe(first);
});
