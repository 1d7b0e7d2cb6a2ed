/** A hostile server like Misskey, or one that claims to be one, tries to get a login that is not its own. */

import {
  anInstance,
  aSite,
  changed,
  comeBack,
  LockingStore,
  leave,
  open,
  start,
  whoIsLoggedIn,
} from '../support/stage.js';
import type { Handler } from '../support/stand-in/server.js';
import { aMisskey, aURLClientSite, aURLClientStage } from '../support/url-client-stage.js';
import { StuckAtInstance, Visitor } from '../support/visitor.js';

const json: (status: number, body: unknown) => Handler = (status, body) => (_req, res) => {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
};

/** The metadata document of a server like Misskey. */
const ofMisskey = (origin: string) => ({
  issuer: origin,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  scopes_supported: ['read:account'],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
});

// Other ids and names: test/login/profile.
describe('the answer of /api/i', () => {
  const own = { id: '9k7qx3v0d0', username: 'alice', host: null };

  async function loggedInWith(answer: Handler) {
    const { instance, site } = await aURLClientStage();
    instance.answer('POST /api/i', answer);
    const visitor = new Visitor();
    const page = await visitor.login(site, instance.host);
    return { instance, site, page, who: await whoIsLoggedIn(visitor, site) };
  }

  it.each([
    ['an account of another server', { ...own, host: 'social.example' }, 'response_invalid'],
    ['a host that is its own name', { ...own, host: 'localhost' }, 'response_invalid'],
    ['a host that is empty', { ...own, host: '' }, 'response_invalid'],
    ['a host that is no text', { ...own, host: {} }, 'response_invalid'],
    ['a host that is false', { ...own, host: false }, 'response_invalid'],
    ['an id that looks like another key', { ...own, id: '1#https://social.example' }, 'response_invalid'],
    ['an id of parts', { ...own, id: ['9k7qx3v0d0'] }, 'response_invalid'],
    ['a user name of parts', { ...own, username: { toString: 'alice' } }, 'response_invalid'],
    ['a user name that is markup', { ...own, username: '<b>alice' }, 'response_invalid'],
    ['null', null, 'response_invalid'],
    ['an account that is suspended, in a success', { ...own, isSuspended: true }, 'account_unusable'],
    ['an error in a success', { error: { code: 'PERMISSION_DENIED' } }, 'response_invalid'],
  ])('%s: the login fails', async (_what, body, code) => {
    const { site, page, who } = await loggedInWith(json(200, body));
    expect([page.json().code, who, site.verified]).toEqual([code, undefined, []]);
  });

  it.each([
    ['a page', (_req, res) => void res.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Hi</h1>')],
    ['nothing', (_req, res) => void res.writeHead(204).end()],
    [
      'a redirect to where the token would be told',
      (_req, res) => void res.writeHead(307, { Location: '/x' }).end(),
    ],
  ] as [string, Handler][])('%s: the login fails after one request', async (_what, handler) => {
    const { instance, page, who } = await loggedInWith(handler);
    expect([page.json().code, who]).toEqual(['response_invalid', undefined]);
    expect(instance.requestsTo('POST /api/i')).toHaveLength(1);
    expect(instance.requestsTo('/x')).toEqual([]);
  });

  it('with Mastodon’s members in it: acct, uri and pleroma.ap_id of another have no effect', async () => {
    const { instance, site } = await loggedInWith(
      json(200, {
        ...own,
        acct: 'admin@social.example',
        uri: 'https://social.example/users/admin',
        url: 'https://social.example/@admin',
        display_name: 'The admin',
        pleroma: { ap_id: 'https://social.example/users/admin' },
      }),
    );
    expect(site.verified).toMatchObject([
      {
        id: `${instance.origin}#9k7qx3v0d0`,
        displayName: 'alice',
        handle: `alice@${instance.host}`,
        profileUrl: `${instance.origin}/@alice`,
      },
    ]);
    expect(JSON.stringify({ ...(site.verified[0] as object), _raw: '', _json: {} })).not.toContain(
      'social.example',
    );
  });
});

describe('the WebFinger answer about the account that has just logged in', () => {
  const finger = (subject: string, href: string) => ({
    subject,
    links: [{ rel: 'self', type: 'application/activity+json', href }],
  });

  it.each([
    [
      'the actor of another server',
      (_o: string, h: string) => finger(`acct:alice@${h}`, 'https://social.example/u/1'),
    ],
    ['the actor of bob', (o: string, h: string) => finger(`acct:bob@${h}`, `${o}/users/9k7qx3v0d1`)],
    ['a handle elsewhere', (o: string) => finger('acct:alice@social.example', `${o}/users/9k7qx3v0d0`)],
    [
      'an actor that is a script',
      (_o: string, h: string) => finger(`acct:alice@${h}`, 'javascript:alert(1)'),
    ],
  ])('%s: alice has none, and her key is her own', async (_what, answer) => {
    const { instance, site } = await aURLClientStage();
    instance.answerWith('/.well-known/webfinger', 200, answer(instance.origin, instance.host));
    await new Visitor().login(site, instance.host);
    expect(site.verified).toMatchObject([
      { id: `${instance.origin}#${instance.account('alice').id}`, handle: `alice@${instance.host}` },
    ]);
    expect(site.verified[0]).not.toHaveProperty('actor');
  });
});

describe('a server that changes its software while a visitor is there', () => {
  it('from Misskey to Mastodon: the code is sent to the server that issued it, and Misskey’s account is read', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    const mastodon = await anInstance('mastodon45');
    instance.answerWith('/.well-known/oauth-authorization-server', 200, {
      ...ofMisskey(instance.origin),
      token_endpoint: `${mastodon.origin}/oauth/token`,
      app_registration_endpoint: `${instance.origin}/api/v1/apps`,
    });
    instance.answerWith('/api/v1/instance', 200, { uri: instance.host, version: '4.5.0' });
    instance.answerWith('/api/v1/accounts/verify_credentials', 200, {
      id: '1',
      username: 'admin',
      acct: 'admin',
    });
    await open(visitor, callback);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
    expect(mastodon.requests).toEqual([]);
    expect(instance.requestsTo('/api/v1/accounts/verify_credentials')).toEqual([]);
  });

  it('from Mastodon to Misskey: the pending login has a secret, and finishes with it or not at all', async () => {
    const instance = await anInstance('mastodon45');
    const site = await aURLClientSite({ instances: [instance] });
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    instance.answerWith('/api/v1/instance', 404, { error: { code: 'UNKNOWN_API_ENDPOINT' } });
    instance.answerWith('/.well-known/oauth-authorization-server', 200, ofMisskey(instance.origin));
    instance.answerWith('POST /api/i', 200, { id: '1', username: 'admin', host: null });
    await open(visitor, callback);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
    expect(instance.requestsTo('POST /api/i')).toEqual([]);
    const [offered] = instance.requestsTo('POST /oauth/token').slice(-1);
    expect(offered?.body).toHaveProperty('client_secret');
  });

  it('and the account has the same key before and after, so that no user becomes another', async () => {
    const store = new LockingStore();
    const { instance, site } = await aURLClientStage('misskey2025', { options: { store } });
    await new Visitor().login(site, instance.host);
    const keys = [...store.records.keys()].filter((key) => key.includes(':instance:'));
    expect(keys).toHaveLength(1);
    for (const key of keys) store.records.delete(key);
    instance.answerWith('/api/v1/instance', 200, { uri: instance.host, version: '4.5.0' });
    instance.answerWith('/.well-known/oauth-authorization-server', 404);
    await start(new Visitor(), site, instance.host);
    // It has no login with Mastodon's API: despite its claims, it has to register the site first.
    expect(instance.requestsTo('POST /api/v1/apps')).toHaveLength(1);
    expect(instance.requestsTo(/GET \/oauth\/authorize/)).toHaveLength(1);
  });
});

describe('a server that registers apps, made to look like one that does not, or vice versa', () => {
  it.each([
    ['the metadata', 'mastodon'],
    ['the metadata and the name', 'misskey'],
  ])('a Mastodon with %s of a Misskey stays a Mastodon: what it gives has a secret', async (_what, name) => {
    const instance = await anInstance('mastodon45', { habits: { software: { name, version: '1.0.0' } } });
    const site = await aURLClientSite({ instances: [instance] });
    instance.answerWith('/.well-known/oauth-authorization-server', 200, ofMisskey(instance.origin));
    await new Visitor().login(site, instance.host);
    expect(instance.registrations).toBe(1);
    expect([...instance.apps.keys()].join()).not.toContain('https:');
    expect(site.verified).toHaveLength(1);
  });

  it('a Misskey with a registration endpoint, which gives the ID of another site’s page, receives no visitor', async () => {
    const { instance, site } = await aURLClientStage();
    instance.answerWith('/.well-known/oauth-authorization-server', 200, {
      ...ofMisskey(instance.origin),
      app_registration_endpoint: `${instance.origin}/api/v1/apps`,
    });
    instance.answerWith('/api/v1/instance', 200, { uri: instance.host, version: '4.5.0' });
    instance.answerWith('POST /api/v1/apps', 200, {
      client_id: `${site.clientMetadataURL}/mastodon.social`,
      client_secret: 'none',
    });
    const page = await start(new Visitor(), site, instance.host);
    expect([page.location, page.json().code]).toEqual([undefined, 'response_invalid']);
  });

  it('a Misskey that registers without a secret is refused: only the site’s own URL needs none', async () => {
    const { instance, site } = await aURLClientStage();
    instance.answerWith('/.well-known/oauth-authorization-server', 404);
    instance.answerWith('/api/v1/instance', 200, { uri: instance.host, version: '4.5.0' });
    for (const secret of [undefined, null, '']) {
      instance.answerWith('POST /api/v1/apps', 200, {
        client_id: 'https://evil.example/x',
        client_secret: secret,
      });
      const page = await start(new Visitor(), site, instance.host);
      expect(page.json().code).toBe('response_invalid');
    }
  });

  it('a stored client without a secret is not used as a URL client elsewhere', async () => {
    const store = new LockingStore();
    const instance = await anInstance('mastodon45');
    const site = await aURLClientSite({ instances: [instance], options: { store } });
    await leave(new Visitor(), site, instance.host);
    for (const [key, text] of store.records) {
      if (!key.includes(':credentials')) continue;
      const record = JSON.parse(text) as Record<string, unknown>;
      store.records.set(key, JSON.stringify({ ...record, clientSecret: undefined }));
    }
    const visitor = new Visitor();
    expect((await visitor.login(site, instance.host)).json().code).toBe('login_restart');
    await leave(visitor, site, instance.host);
    expect(instance.registrations).toBe(2);
  });
});

describe('a server with the name of another software', () => {
  it('a Sharkey that claims to be Misskey gets no further: its page does not know the site’s URL', async () => {
    const { instance, site } = await aURLClientStage('sharkey');
    instance.persona = { ...instance.persona, software: { name: 'misskey', version: '2025.12.2' } };
    instance.answerWith('/api/v1/instance', 404, { error: { code: 'UNKNOWN_API_ENDPOINT' } });
    const visitor = new Visitor();
    const away = await leave(visitor, site, instance.host);
    await expect(visitor.approve(away)).rejects.toThrow(StuckAtInstance);
    expect(site.verified).toEqual([]);
  });

  it('a Sharkey that gives a token for any session fails the invalid-code check', async () => {
    const { instance, site } = await aURLClientStage('sharkey');
    instance.persona = { ...instance.persona, software: { name: 'misskey', version: '2025.12.2' } };
    instance.answerWith('/api/v1/instance', 404, { error: { code: 'UNKNOWN_API_ENDPOINT' } });
    instance.answerWith('POST /oauth/token', 200, {
      access_token: 'x',
      token_type: 'Bearer',
      scope: 'read:account',
    });
    instance.answerWith('POST /api/i', 200, { id: '1', username: 'admin', host: null });
    const visitor = new Visitor();
    const { searchParams } = new URL(await leave(visitor, site, instance.host));
    const callback = new URL(searchParams.get('redirect_uri') ?? '');
    callback.search = new URLSearchParams({
      code: 'x',
      state: searchParams.get('state') ?? '',
      iss: instance.origin,
    }).toString();
    expect((await open(visitor, callback)).json().code).toBe('instance_insecure');
    expect(await whoIsLoggedIn(visitor, site)).toBeUndefined();
  });

  it('one with MiAuth alone that publishes OAuth metadata gets no login by MiAuth', async () => {
    const { instance, site } = await aURLClientStage('miAuthOnly');
    instance.answerWith('/.well-known/oauth-authorization-server', 200, ofMisskey(instance.origin));
    const visitor = new Visitor();
    const away = await leave(visitor, site, instance.host);
    await expect(visitor.approve(away)).rejects.toThrow(StuckAtInstance);
    expect(instance.requestsTo(/miauth/i)).toEqual([]);
  });
});

it('a server that ignores PKCE at the token endpoint still gets the verifier of this login, and no other', async () => {
  const { instance, site } = await aURLClientStage();
  const [one, two] = [new Visitor(), new Visitor()];
  const callbacks = [
    await comeBack(one, site, instance.host, 'alice'),
    await comeBack(two, site, instance.host, 'bob'),
  ] as const;
  await open(one, callbacks[0]);
  await open(two, callbacks[1]);
  const verifiers = instance
    .requestsTo('POST /oauth/token')
    .map(({ body }) => (body as Record<string, string>)['code_verifier']);
  expect(new Set(verifiers).size).toBe(verifiers.length);
  expect([await whoIsLoggedIn(one, site), await whoIsLoggedIn(two, site)]).toEqual(['alice', 'bob']);
});

describe('the document', () => {
  it('of a site is the same for an attacker’s client, whose codes are sent to the site alone', async () => {
    const { instance, site } = await aURLClientStage();
    const [attacker, victim] = [new Visitor(), new Visitor()];
    const away = new URL(await leave(attacker, site, instance.host));
    // The victim sees the site's own name, consents, and returns to the site in a browser that began no login.
    const back = await victim.approve(changed(away, { state: undefined }).href);
    expect(back.startsWith(site.callbackURL)).toBe(true);
    expect((await open(victim, back)).json().code).toBe('login_expired');
    await expect(
      victim.approve(changed(away, { redirect_uri: 'https://evil.example/callback' }).href),
    ).rejects.toThrow(StuckAtInstance);
    await expect(
      victim.approve(changed(away, { redirect_uri: `${site.callbackURL}/${instance.host}/../x` }).href),
    ).rejects.toThrow(StuckAtInstance);
  });

  it('is not served for a host that the site does not allow, in either way: it discloses no login', async () => {
    const instance = await aMisskey();
    const site = await aURLClientSite({
      instances: [instance],
      options: { allowInstance: (host) => host !== instance.host },
    });
    const page = await start(new Visitor(), site, instance.host);
    expect(page.json().code).toBe('instance_not_allowed');
    expect(instance.requests).toEqual([]);
  });

  it('at a URL that another person chose contains nothing from the request', async () => {
    const { instance, site } = await aURLClientStage();
    const path = `/auth/mastodon/client/${instance.host}`;
    const visitor = new Visitor();
    await leave(visitor, site, instance.host);
    const plain = await visitor.get(site.origin + path);
    const odd = await visitor.get(`${site.origin}${path}?x=%3Cscript%3E&redirect_uri=https://evil.example`, {
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'javascript',
      Accept: 'text/evil',
      Origin: 'https://evil.example',
      Cookie: 'a=b',
    });
    expect([odd.status, odd.text]).toEqual([200, plain.text]);
    expect(JSON.stringify(odd.headers)).not.toMatch(/evil/);
  });
});

it('a login at Misskey ends at its expiry, for a site that shares the store and has no part in it', async () => {
  const store = new LockingStore();
  const { instance, site } = await aURLClientStage('misskey2025', { options: { store } });
  const other = await aSite({
    instances: [instance],
    options: { store, clientName: 'Another site', outbound: { timeoutMs: 2000 } },
  });
  const visitor = new Visitor();
  const callback = await comeBack(visitor, site, instance.host);
  const stolen = callback.href.replace(site.origin, other.origin);
  expect((await open(visitor, stolen)).json().code).toBe('login_expired');
  expect(other.verified).toEqual([]);
});
