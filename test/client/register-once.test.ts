/** Many visitors in many processes cause one registration at an instance. */

import { personas, variant, type PersonaName } from '../support/instance.js';
import type { SiteOptions } from '../support/site.js';
import {
  aSite,
  aStage,
  anInstance,
  anotherProcessOf,
  codesAreChecked,
  JSONStore,
  LockingStore,
  leave,
  start,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const visitors = (size: number) => Array.from({ length: size }, () => new Visitor());

it('200 first logins at the same time need one registration', async () => {
  const { instance, site } = await aStage();
  const pages = await Promise.all(visitors(200).map((visitor) => start(visitor, site, instance.host)));
  expect(pages.filter(({ status }) => status !== 302)).toEqual([]);
  expect(instance.registrations).toBe(1);
  expect(instance.requestsTo('/api/v1/instance')).toHaveLength(1);
});

it('also if each visitor types a different handle', async () => {
  const { instance, site } = await aStage();
  const pages = await Promise.all(
    visitors(60).map((visitor, i) => start(visitor, site, `@user${i}@${instance.host}`)),
  );
  expect(pages.filter(({ status }) => status !== 302)).toEqual([]);
  expect(instance.registrations).toBe(1);
});

it('also in two processes that share a store', async () => {
  const instance = await anInstance();
  const options: SiteOptions = { instances: [instance], options: { store: new JSONStore() } };
  const site = await aSite(options);
  const other = await anotherProcessOf(site, options);
  const pages = await Promise.all(
    visitors(60).map((visitor, i) => start(visitor, i % 2 ? site : other, instance.host)),
  );
  expect(pages.filter(({ status }) => status !== 302)).toEqual([]);
  expect(instance.registrations).toBe(1);
});

it('a client that could not be saved is saved at the next start, and not registered again', async () => {
  const instance = await anInstance();
  const store = new JSONStore();
  const site = await aSite({ instances: [instance], options: { store } });
  const set = jest.spyOn(store, 'set');
  const { set: save } = JSONStore.prototype;
  set.mockImplementation(async (key, value) => {
    if (key.includes(':client:')) throw new Error('down');
    return save.call(store, key, value);
  });
  expect(await start(new Visitor(), site, instance.host)).toMatchObject({ status: 500 });
  set.mockRestore();
  expect(await start(new Visitor(), site, instance.host)).toMatchObject({ status: 302 });
  expect(instance.registrations).toBe(1);
});

it('a restarted site registers nothing again, and a login can finish at once', async () => {
  const instance = await anInstance();
  const options: SiteOptions = { instances: [instance], options: { store: new JSONStore() } };
  const site = await aSite(options);
  await leave(new Visitor(), site, instance.host);
  await codesAreChecked(instance);
  await site.close();
  const restarted = await aSite({ ...options, port: Number(new URL(site.origin).port) });
  instance.resetRequests();
  const visitor = new Visitor();
  const away = await leave(visitor, restarted, instance.host);
  expect(instance.requests).toEqual([]);
  expect((await visitor.follow(await visitor.get(await visitor.approve(away)))).status).toBe(200);
});

it.each<[string, SiteOptions['options']]>([
  ['callback URL', { callbackURL: 'https://other.example/callback' }],
  ['name', { clientName: 'Another name' }],
  ['scope', { scope: 'read:accounts' }],
  ['website', { website: 'https://other.example' }],
])('a changed %s causes a new registration, and the old client is kept', async (_what, changes) => {
  const instance = await anInstance();
  const unchanged = { store: new LockingStore(), callbackURL: 'https://site.example/callback' };
  const registrationsWith = async (options: SiteOptions['options']) => {
    const site = await aSite({ instances: [instance], options: { ...unchanged, ...options } });
    await leave(new Visitor(), site, instance.host);
    return instance.registrations;
  };
  expect(await registrationsWith({})).toBe(1);
  expect(await registrationsWith({})).toBe(1);
  expect(await registrationsWith(changes)).toBe(2);
  expect(await registrationsWith(changes)).toBe(2);
  expect(await registrationsWith({})).toBe(2);
});

describe('the least scope that reads the profile is registered and requested', () => {
  it.each<[PersonaName, string]>([
    ['mastodon45', 'profile'],
    ['hollo', 'profile'],
    ['mastodon42', 'read:accounts'],
    ['gotosocial', 'read:accounts'],
    ['pleroma', 'read:accounts'],
    ['akkoma', 'read:accounts'],
    ['pixelfed', 'read'],
    ['friendica', 'read'],
    ['takahe', 'read'],
    ['iceshrimp', 'read'],
    ['wordpress', 'read'],
  ])('%s: %s', async (family, scope) => {
    const { instance, site, visitor } = await aStage(family);
    const away = new URL(await leave(visitor, site, instance.host));
    expect(away.searchParams.get('scope')).toBe(scope);
    expect([...instance.apps.values()].map(({ scopes }) => scopes)).toEqual([[scope]]);
  });

  it('a server that refuses the scope chosen for it is asked for read', async () => {
    const known = ['read', 'write'];
    const old = variant(personas.mastodon42, { scopes: { ...personas.mastodon42.scopes, known } });
    const { instance, site, visitor } = await aStage(old);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
    expect([...instance.apps.values()].map(({ scopes }) => scopes)).toEqual([['read']]);
  });

  it('the site’s own scope is never changed', async () => {
    const { instance, site, visitor } = await aStage('mastodon45', {
      options: { scope: ['read', 'unheard:of'] },
    });
    expect((await start(visitor, site, instance.host)).json().code).toBe('registration_refused');
    expect(instance.requestsTo('/api/v1/apps')).toHaveLength(1);
  });

  it('a scope of one login that a server refuses stops no login with another scope', async () => {
    const { instance, site, visitor } = await aStage('mastodon45', {
      authenticate: ({ query }) => (query.more === undefined ? {} : { scope: 'read unheard:of' }),
    });
    for (let i = 0; i < 4; i++) {
      const page = await visitor.post(`${site.origin}/auth/mastodon?more`, { instance: instance.host });
      expect(page.json().code).toBe('registration_refused');
    }
    expect(instance.requestsTo('/api/v1/apps')).toHaveLength(3);
    expect((await start(visitor, site, instance.host)).status).toBe(302);
  });
});

describe('an instance that accepts no registrations at the moment', () => {
  it.each([
    ['Retry-After', () => '30'],
    ['X-RateLimit-Reset', () => new Date(Date.now() + 30_000).toISOString()],
  ])('receives no registration for as long as it asks by %s', async (name, value) => {
    const { instance, site, visitor } = await aStage();
    const undo = instance.answerWith(
      '/api/v1/apps',
      429,
      { error: 'Too many requests' },
      {
        [name]: value(),
      },
    );
    for (let i = 0; i < 3; i++) {
      const page = await start(visitor, site, instance.host);
      expect([page.status, page.json().code]).toEqual([503, 'registration_throttled']);
    }
    expect(instance.requestsTo('/api/v1/apps')).toHaveLength(1);
    undo();
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 45_000);
    expect((await start(visitor, site, instance.host)).status).toBe(302);
  });

  it('is asked again if it does not answer, but not by every caller', async () => {
    const { instance, site, visitor } = await aStage();
    const undo = instance.answerWith('/api/v1/apps', 429, '');
    for (let i = 0; i < 10; i++) {
      expect((await start(visitor, site, instance.host)).json().code).toBe('registration_throttled');
    }
    expect(instance.requestsTo('/api/v1/apps').length).toBeLessThanOrEqual(3);
    undo();
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 11_000);
    expect((await start(visitor, site, instance.host)).status).toBe(302);
  });

  it('is not one that fails with 500, even if its headers name a rate limit', async () => {
    const { instance, site, visitor } = await aStage();
    const reset = new Date(Date.now() + 300_000).toISOString();
    instance.answerWith('/api/v1/apps', 500, '', { 'X-RateLimit-Reset': reset });
    expect((await start(visitor, site, instance.host)).json().code).toBe('instance_unreachable');
    expect((await start(visitor, site, instance.host)).json().code).toBe('instance_unreachable');
  });

  it('logs visitors in with an earlier registration', async () => {
    const { instance, site } = await aStage();
    await leave(new Visitor(), site, instance.host);
    instance.answerWith('/api/v1/apps', 429, '', { 'Retry-After': '30' });
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
  });

  it('with Mastodon’s own limit is never reached by one site', async () => {
    const instance = await anInstance('mastodon45', { throttle: true });
    const site = await aSite({ instances: [instance] });
    await Promise.all(visitors(50).map((visitor) => visitor.login(site, instance.host)));
    expect(instance.registrations).toBe(1);
    expect(site.verified).toHaveLength(50);
  });
});
