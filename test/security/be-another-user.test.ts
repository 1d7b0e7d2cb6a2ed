/** A hostile instance tries to pass its user off as a user of another server. */

import type { SplitStyle, StandIn } from '../support/instance.js';
import {
  aSite,
  aSplitPair,
  anInstance,
  aStage,
  comeBack,
  open,
  start,
  whoIsLoggedIn,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

/** Logs in at `evil` as alice, with changes to the instance's answers about her. */
async function loginAs(changes: (victim: StandIn) => Record<string, unknown>) {
  const [victim, evil] = await Promise.all([anInstance(), anInstance()]);
  const site = await aSite({ instances: [victim, evil] });
  const fields = changes(victim);
  evil.account('alice').fields = fields;
  const page = await new Visitor().login(site, evil.host);
  return { evil, site, page, fields, profile: site.verified[0] };
}

describe('despite every claim of an instance, the user is one of its own', () => {
  const claims = (victim: StandIn): Record<string, Record<string, unknown>> => ({
    uri: { uri: `${victim.origin}/users/alice` },
    url: { url: `${victim.origin}/@alice` },
    acct: { acct: `alice@${victim.host}` },
    'acct in capitals': { acct: `Alice@${victim.host.toUpperCase()}` },
    'acct with two domains': { acct: `alice@${victim.host}@x` },
    'pleroma.ap_id': { uri: undefined, pleroma: { ap_id: `${victim.origin}/users/alice` } },
    me: { me: `${victim.origin}/users/alice` },
    everything: {
      uri: `${victim.origin}/users/alice`,
      url: `${victim.origin}/@alice`,
      acct: `alice@${victim.host}`,
      iss: victim.origin,
      sub: `${victim.origin}/users/alice`,
      domain: victim.host,
      origin: victim.origin,
      provider: 'admin',
      handle: `alice@${victim.host}`,
      handleVerified: true,
      actor: `${victim.origin}/users/alice`,
      instance: { origin: victim.origin, host: victim.host },
    },
  });

  it.each(Object.keys(claims({ origin: '', host: '' } as StandIn)))('%s', async (name) => {
    const { evil, profile, fields } = await loginAs((victim) => claims(victim)[name] ?? {});
    expect(profile).toMatchObject({
      provider: 'mastodon',
      id: `${evil.origin}#${evil.account('alice').id}`,
      handle: `alice@${evil.host}`,
      instance: { origin: evil.origin, host: evil.host },
    });
    expect(profile.actor ?? evil.origin).toContain(evil.origin);
    expect(profile.profileUrl ?? evil.origin).toContain(evil.origin);
    if ('acct' in fields) expect(profile.handleVerified).toBe(false);
  });

  it('also in the token endpoint’s answer, and at userinfo, which receives no request', async () => {
    const [victim, evil] = await Promise.all([anInstance(), anInstance('pleroma')]);
    const site = await aSite({ instances: [victim, evil] });
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, evil.host);
    const code = callback.searchParams.get('code');
    // The attacker's instance gives no token for an invalid code.
    evil.answer(
      ({ body }) => body['code'] === code,
      (_req, res) => {
        const token = { token: 'x', clientId: '', username: 'alice', scopes: ['read'] };
        evil.tokens.set('x', token);
        res.writeHead(200, { 'Content-Type': 'application/json' });
        res.end(
          JSON.stringify({
            access_token: 'x',
            me: `${victim.origin}/users/alice`,
            id: 1,
            iss: victim.origin,
          }),
        );
      },
    );
    await open(visitor, callback);
    expect(site.verified[0]).toMatchObject({
      id: `${evil.origin}#${evil.account('alice').id}`,
      actor: `${evil.origin}/users/alice`,
    });
    expect(evil.requestsTo('/oauth/userinfo')).toEqual([]);
    expect(victim.requests).toEqual([]);
  });

  it('the same local id on two servers is two users', async () => {
    const [one, two] = await Promise.all([anInstance(), anInstance()]);
    const site = await aSite({ instances: [one, two] });
    for (const instance of [one, two]) {
      instance.account('alice').fields = { id: '1', uri: `${one.origin}/users/alice` };
      await new Visitor().login(site, instance.host);
    }
    expect(site.verified.map(({ id }: { id: string }) => id)).toEqual([`${one.origin}#1`, `${two.origin}#1`]);
  });

  it('two accounts of one server are two users, even under one name', async () => {
    const { instance, site } = await aStage();
    instance.account('bob').fields = {
      username: 'alice',
      acct: 'alice',
      uri: instance.actorOf(instance.account('alice')),
    };
    for (const as of ['alice', 'bob']) await new Visitor().login(site, instance.host, { as });
    expect(new Set(site.verified.map(({ id }: { id: string }) => id)).size).toBe(2);
  });
});

// The other ids, names and addresses: test/login/profile.
it.each<[string, Record<string, unknown>]>([
  ['id', { id: '7#8' }],
  ['user name', { username: 'a\u202eb' }],
])('an account without a usable %s is refused', async (_what, fields) => {
  const { site, page } = await loginAs(() => fields);
  expect([page.status, page.json().code]).toEqual([502, 'response_invalid']);
  expect(site.verified).toEqual([]);
});

it('an integer that JavaScript cannot tell from its neighbour is no id', async () => {
  const { instance, site, visitor } = await aStage();
  instance.answer('/api/v1/accounts/verify_credentials', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' });
    res.end('{"id":9007199254740993,"username":"alice","acct":"alice"}');
  });
  expect((await visitor.login(site, instance.host)).json().code).toBe('response_invalid');
});

it('an address in the profile that is no web address is absent', async () => {
  const script = 'javascript:alert(1)';
  const { profile } = await loginAs(() => ({ url: script, avatar: script, uri: script }));
  expect(profile.photos).toEqual([]);
  expect(profile).not.toHaveProperty('profileUrl');
  expect(profile).not.toHaveProperty('actor');
});

describe('a handle of another domain', () => {
  const login = async (pair: Awaited<ReturnType<typeof aSplitPair>>, typed: string) => {
    const site = await aSite({ instances: [pair.accountDomain, pair.webHost] });
    const page = await new Visitor().login(site, typed);
    return { site, page, profile: site.verified[0] };
  };

  it.each<[SplitStyle, 'handle' | 'web host' | 'handle at the web host']>([
    ['redirect', 'handle'],
    ['redirect', 'web host'],
    ['redirect', 'handle at the web host'],
    ['direct', 'handle'],
    ['direct', 'web host'],
  ])('is verified when both sides say so (%s, by the %s)', async (style, how) => {
    const pair = await aSplitPair('mastodon45', { style });
    const { accountDomain, webHost } = pair;
    const typed = {
      handle: `@alice@${accountDomain.host}`,
      'web host': webHost.host,
      'handle at the web host': `alice@${webHost.host}`,
    }[how];
    const { profile } = await login(pair, typed);
    expect(profile).toMatchObject({
      id: `${webHost.origin}#${webHost.account('alice').id}`,
      handle: `alice@${accountDomain.host}`,
      handleVerified: true,
      actor: webHost.actorOf(webHost.account('alice')),
    });
  });

  type Sides = { accountDomain: { origin: string; host: string }; webHost: StandIn; other: StandIn };
  const jrd = (user: string, domain: string, actor: string) => ({
    subject: `acct:${user}@${domain}`,
    links: [{ rel: 'self', type: 'application/activity+json', href: actor }],
  });
  const actor = (standIn: StandIn, user = 'alice') => standIn.actorOf(standIn.account(user));
  /** The WebFinger answers of the domain and of the web host; `undefined` is their honest answer. */
  type Lie = (sides: Sides) => { domain?: [number, unknown]; web?: [number, unknown] };

  it.each<[string, Lie]>([
    ['the web host knows nothing of it', () => ({ web: [404, ''] })],
    ['the domain knows nothing of it', () => ({ domain: [404, ''] })],
    ['the domain is broken', () => ({ domain: [500, ''] })],
    [
      'the domain names another user',
      (s) => ({ domain: [200, jrd('bob', s.accountDomain.host, actor(s.webHost))] }),
    ],
    [
      'the domain answers for another user, who does exist',
      (s) => ({ domain: [200, jrd('bob', s.accountDomain.host, actor(s.webHost, 'bob'))] }),
    ],
    [
      'the web host names another user',
      (s) => ({ web: [200, jrd('bob', s.accountDomain.host, actor(s.webHost))] }),
    ],
    ['the web host names itself', (s) => ({ web: [200, jrd('alice', s.webHost.host, actor(s.webHost))] })],
    [
      'the domain names another actor',
      (s) => ({ domain: [200, jrd('alice', s.accountDomain.host, actor(s.webHost, 'bob'))] }),
    ],
    [
      'the web host names another actor',
      (s) => ({ web: [200, jrd('alice', s.accountDomain.host, actor(s.webHost, 'bob'))] }),
    ],
    [
      'the domain names an actor on a third server',
      (s) => ({ domain: [200, jrd('alice', s.accountDomain.host, actor(s.other))] }),
    ],
    [
      'the domain claims to be the actor’s server itself',
      (s) => ({ domain: [200, jrd('alice', s.accountDomain.host, `${s.accountDomain.origin}/alice`)] }),
    ],
    ['the domain answers with a page', () => ({ domain: [200, '<title>Hello</title>'] })],
  ])('is not verified when %s', async (_what, lie) => {
    const pair = await aSplitPair('mastodon45', { style: 'direct' });
    const { accountDomain, webHost } = pair;
    const other = await anInstance();
    const { domain, web } = lie({ accountDomain, webHost, other });
    if (domain) accountDomain.answerWith('/.well-known/webfinger', ...domain);
    if (web) webHost.answerWith('/.well-known/webfinger', ...web);
    const { profile } = await login(pair, webHost.host);
    expect(profile).toMatchObject({
      id: `${webHost.origin}#${webHost.account('alice').id}`,
      handle: `alice@${webHost.host}`,
      handleVerified: false,
      actor: actor(webHost),
    });
  });

  it('does not lead to a server that does not have it', async () => {
    const [evil, victim] = await Promise.all([anInstance(), anInstance()]);
    const site = await aSite({ instances: [evil, victim] });
    evil.answerWith('/.well-known/webfinger', 200, jrd('alice', evil.host, actor(victim)));
    const { location = '' } = await start(new Visitor(), site, `alice@${evil.host}`);
    expect(new URL(location).origin).toBe(evil.origin);
  });

  it('leads its own user only: it does not decide where the domain’s others are sent', async () => {
    const [home, elsewhere] = await Promise.all([anInstance(), anInstance()]);
    elsewhere.addAccount('mallory');
    const site = await aSite({ instances: [home, elsewhere] });
    const moved = jrd('mallory', home.host, actor(elsewhere, 'mallory'));
    for (const side of [home, elsewhere]) {
      side.answer(
        (seen) => seen.path === '/.well-known/webfinger' && /mallory/.test(seen.url),
        (_req, res) =>
          void res.writeHead(200, { 'Content-Type': 'application/jrd+json' }).end(JSON.stringify(moved)),
      );
    }
    const origins = [];
    for (const typed of [`mallory@${home.host}`, `alice@${home.host}`, home.host]) {
      origins.push(new URL((await start(new Visitor(), site, typed)).location ?? '').origin);
    }
    expect(origins).toEqual([elsewhere.origin, home.origin, home.origin]);
  });
});

it('a user whose login the site refuses is not logged in', async () => {
  const { instance, site, visitor } = await aStage('mastodon45', { verify: async (_a: string) => false });
  expect((await visitor.login(site, instance.host)).status).toBe(401);
  expect(await whoIsLoggedIn(visitor, site)).toBeUndefined();
});
