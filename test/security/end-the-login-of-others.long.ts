/** The attacker, an ordinary visitor, makes the logins of visitors fail who are at an instance at that moment. */

import { MemoryStore } from 'express-session';
import { Keyv } from 'keyv';
import { personas, variant, type StandIn } from '../support/instance.js';
import {
  aReturn,
  aSite,
  aStage,
  anInstance,
  atProcess,
  ExpiringStore,
  forgedCallback,
  leastOptions,
  leave,
  open,
  twoProcesses,
  whoIsLoggedIn,
} from '../support/stage.js';
import { begin, consent, logIn, returnWithInvalidCode } from '../support/core.js';
import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import { until } from '../support/hostile.js';
import type { Site } from '../support/site.js';
import { StuckAtInstance, Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

/** The code of the failure of a login whose callback is opened with an invalid code. */
async function guess(attacker: Visitor, site: Site, instance: StandIn): Promise<string> {
  return (await open(attacker, await forgedCallback(attacker, site, instance, { code: 'bogus' }))).json()
    .code;
}

describe('a server that gives the same answer for known and unknown clients', () => {
  it('ends no login at Iceshrimp with invalid codes, and causes one registration', async () => {
    const { instance, site, visitor: victim } = await aStage('iceshrimp');
    const callback = await victim.approve(await leave(victim, site, instance.host));
    for (let n = 0; n < 3; n++) {
      const attacker = new Visitor();
      expect(await guess(attacker, site, instance)).toBe('token_refused');
      await leave(attacker, site, instance.host);
    }
    expect((await open(victim, callback)).status).toBe(200);
    expect(instance.registrations).toBe(1);
  });

  it.each([
    [401, { error: 'invalid_client' }],
    [401, ''],
    [400, { error: 'Nope' }],
  ])(
    'ends no login where the instance answers %s %j to living clients too, and causes few registrations',
    async (status, body) => {
      const { instance, site, visitor: victim } = await aStage();
      instance.answerWith((seen) => seen.body['grant_type'] === 'client_credentials', status, body);
      const callback = await victim.approve(await leave(victim, site, instance.host));
      for (let n = 0; n < 10; n++) {
        const attacker = new Visitor();
        await leave(attacker, site, instance.host);
        await leave(attacker, site, instance.host);
        await guess(attacker, site, instance);
      }
      expect((await open(victim, callback)).status).toBe(200);
      expect(await whoIsLoggedIn(victim, site)).toBe('alice');
      expect(instance.registrations).toBeLessThanOrEqual(4);
    },
  );
});

it('one browser that never returns from Takahe does not make the site register there again and again', async () => {
  const { instance, site } = await aStage('takahe');
  const start = Date.now();
  const attacker = new Visitor();
  for (let seconds = 0; seconds < 3600; seconds += 30) {
    jest.spyOn(Date, 'now').mockReturnValue(start + seconds * 1000);
    await leave(attacker, site, instance.host);
    jest.restoreAllMocks();
  }
  expect(instance.registrations).toBeLessThanOrEqual(5);
});

it('a deleted app is noticed by the fourth visitor, although each of them tries only once', async () => {
  const { instance, site } = await aStage();
  await new Visitor().login(site, instance.host);
  instance.forgetApps();
  const ends: string[] = [];
  for (let n = 0; n < 6; n++) {
    const end = await new Visitor().login(site, instance.host).then(
      () => 'in',
      (error: unknown) => (error instanceof StuckAtInstance ? 'stuck' : String(error)),
    );
    ends.push(end);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(ends).toEqual(['stuck', 'stuck', 'stuck', 'in', 'in', 'in']);
});

it.each(['takahe', 'hollo', 'wordpress'] as const)(
  'if %s forgets an app within a minute of its last verification, a visitor needs a second attempt',
  async (family) => {
    const { instance, site, visitor } = await aStage(family);
    const other = new Visitor();
    await leave(other, site, instance.host);
    await leave(other, site, instance.host);
    instance.forgetApps();
    await expect(visitor.login(site, instance.host)).rejects.toThrow(StuckAtInstance);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
  },
);

it.each(['mastodon45', 'hollo'] as const)(
  'an upgrade of %s took the scope away: the second try asks for another one',
  async (family) => {
    const { instance, site, visitor } = await aStage(family);
    await new Visitor().login(site, instance.host);
    const known = instance.persona.scopes.known.filter((scope) => scope !== 'profile');
    instance.persona = variant(instance.persona, { scopes: { known } });
    await expect(visitor.login(site, instance.host)).rejects.toThrow(StuckAtInstance);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
  },
);

it('a secret that is about to expire is replaced before a visitor is redirected with it', async () => {
  const instance = await anInstance();
  const site = await aSite({ instances: [instance] });
  const soon = Math.floor(Date.now() / 1000) + 60;
  const credentials = { client_id: 'expiring', client_secret: 'secret', client_secret_expires_at: soon };
  instance.answerWith('POST /api/v1/apps', 200, credentials, {});
  await leave(new Visitor(), site, instance.host);
  instance.answerWith('POST /api/v1/apps', 200, {
    ...credentials,
    client_id: 'fresh',
    client_secret_expires_at: 0,
  });
  const away = new URL(await leave(new Visitor(), site, instance.host));
  expect(away.searchParams.get('client_id')).toBe('fresh');
});

it('a visitor with a client in its last minute can still return to it, in another process', async () => {
  // An instance whose clients are not verified: a verification would make the record live longer.
  const persona = variant(personas.takahe, { nodeinfo: [['2.0', '/nodeinfo/2.0']] });
  const records = new Map<string, string>();
  const { instance, site, other } = await twoProcesses(new Keyv({ store: records }), persona);
  await leave(new Visitor(), site, instance.host);
  await until(() => [...records.values()].some((text) => text.includes('first')));
  const start = Date.now();
  const at = (minutes: number) => {
    jest.restoreAllMocks();
    jest.spyOn(Date, 'now').mockReturnValue(start + minutes * 60_000);
  };
  at(59);
  const visitor = new Visitor();
  const away = await leave(visitor, site, instance.host);
  at(61);
  const callback = await visitor.approve(away);
  expect((await open(visitor, atProcess(other, visitor, callback))).status).toBe(200);
  expect(instance.registrations).toBe(1);
});

it('a login that began for one strategy is not finished by another that shares store and session', async () => {
  const store = new Map<string, unknown>();
  const session = { store: new MemoryStore() };
  const instance = await anInstance();
  const open1 = await aSite({ instances: [instance], options: { store }, session });
  const staff = await aSite({
    instances: [instance],
    session,
    options: { store, scope: 'read', callbackURL: `${open1.origin}/staff/callback` },
  });
  const visitor = new Visitor();
  const callback = await visitor.approve(await leave(visitor, open1, instance.host));
  // The session's key is all that a browser sends.
  visitor.jars.set(new URL(staff.origin).host, new Map(visitor.jars.get(new URL(open1.origin).host)));
  const page = await open(
    visitor,
    callback.replace(`${open1.origin}/auth/mastodon`, `${staff.origin}/auth/mastodon`),
  );
  expect(page.json().code).toBe('login_expired');
  expect(staff.verified).toEqual([]);
  // The attempt has not used up the login.
  expect((await open(visitor, callback)).status).toBe(200);
});

it('the callback asks again whether the instance is allowed', async () => {
  let isAllowed = true;
  const allowInstance = () => isAllowed;
  const { instance, visitor, callback } = await aReturn('mastodon45', { options: { allowInstance } });
  isAllowed = false;
  expect((await open(visitor, callback)).json().code).toBe('instance_not_allowed');
  expect(instance.requests).toEqual([]);
});

describe('a stranger who abandons logins while others finish theirs', () => {
  /** For forty minutes the attacker abandons logins, and another visitor finishes one every minute. */
  async function fortyMinutes(persona: 'mastodon45' | 'takahe') {
    const instance = await anInstance(persona);
    const store = new ExpiringStore();
    const login = new MastodonLogin({ ...leastOptions, store, developmentInstances: [instance.origin] });
    const tokens = [(await logIn(login, instance.host)).accessToken];
    const start = Date.now();
    const stranger = randomToken();
    for (let seconds = 0; seconds < 2400; seconds += 60) {
      jest.spyOn(Date, 'now').mockReturnValue(start + seconds * 1000);
      const finish = await consent(login, await begin(login, instance.host));
      for (let n = 0; n < 3; n++) await login.begin(instance.host, stranger);
      jest.spyOn(Date, 'now').mockReturnValue(start + (seconds + 50) * 1000);
      await login.begin(instance.host, stranger);
      tokens.push((await finish()).accessToken);
    }
    return { instance, login, tokens };
  }

  it.each(['mastodon45', 'takahe'] as const)(
    'replaces the client of %s a few times at most',
    async (persona) => {
      const { instance } = await fortyMinutes(persona);
      expect(instance.registrations).toBeLessThanOrEqual(3);
    },
  );

  it('keeps every token revocable', async () => {
    const { instance, login, tokens } = await fortyMinutes('takahe');
    expect(new Set(tokens.map((token) => instance.tokens.get(token)?.clientId)).size).toBeGreaterThan(1);
    for (const token of tokens) await login.revoke(instance.origin, token);
    expect(tokens.filter((token) => instance.tokens.has(token))).toEqual([]);
  });
});

it('invalid codes that use up a request limit cost another visitor no login: its callback works a minute later', async () => {
  const instance = await anInstance();
  const login = new MastodonLogin({ ...leastOptions, developmentInstances: [instance.origin] });
  const finish = await consent(login, await begin(login, instance.host));
  for (let n = 0; n < 70; n++) await returnWithInvalidCode(login, await begin(login, instance.host));
  await expect(finish()).rejects.toMatchObject({ code: 'login_busy' });
  const now = performance.now();
  jest.spyOn(performance, 'now').mockReturnValue(now + 61_000);
  expect(await finish()).toMatchObject({ profile: { username: 'alice' } });
  await expect(finish()).rejects.toMatchObject({ code: 'login_expired' });
});
