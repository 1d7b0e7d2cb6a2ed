/**
 * The attacker uses the site's client metadata document, or a server without registration, to get another user's
 * login.
 */

import type { MisskeyStandIn } from '../support/stand-in/misskey/misskey.js';
import { changed, comeBack, leave, open, start, whoIsLoggedIn } from '../support/stage.js';
import { aMisskey, aURLClientSite, aURLClientStage } from '../support/url-client-stage.js';
import { StuckAtInstance, Visitor } from '../support/visitor.js';

async function twoInstances() {
  const [honest, evil] = await Promise.all([aMisskey(), aMisskey('misskey2026')]);
  return { honest, evil, site: await aURLClientSite({ instances: [honest, evil] }), visitor: new Visitor() };
}

function codesOfferedTo(...instances: MisskeyStandIn[]): (string | undefined)[] {
  return instances
    .flatMap((instance) => instance.requestsTo('POST /oauth/token'))
    .map(({ body }) => (body as Record<string, string>)['code']);
}

describe('the document', () => {
  it('contains only values that every visitor sees, also after logins', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    await visitor.login(site, instance.host);
    const path = `/auth/mastodon/client/${instance.host}`;
    const { text, headers } = await new Visitor().get(site.origin + path);
    // A cache stores nothing personal.
    expect((await visitor.get(site.origin + path)).text).toBe(text);
    const id = `${site.clientMetadataURL}/${instance.host}`;
    const redirectURI = `${site.callbackURL}/${instance.host}`;
    const known = [id, redirectURI, 'A site under test'];
    const rest = known.reduce((left, one) => left.replaceAll(one, ''), text);
    expect(rest).not.toMatch(/https?:|[\w-]{20,}/);
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers.link).toBe(`<${redirectURI}>; rel="redirect_uri"`);
  });

  it('of one instance names no redirect URI of another', async () => {
    const { honest, evil, site, visitor } = await twoInstances();
    const away = new URL(await leave(visitor, site, honest.host));
    const wrong = changed(away, { client_id: `${site.clientMetadataURL}/${evil.host}` });
    await expect(visitor.approve(wrong.href)).rejects.toThrow(StuckAtInstance);
    expect(honest.codes.size).toBe(0);
  });
});

describe('a response from another server', () => {
  it('a login begun at the evil one, which shows the honest one its own document and takes the code', async () => {
    const { honest, evil, site, visitor } = await twoInstances();
    const atEvil = new URL(await leave(visitor, site, evil.host));
    const atHonest = new URL(atEvil.pathname + atEvil.search, honest.origin);
    const callback = await visitor.approve(atHonest.href);
    const code = new URL(callback).searchParams.get('code') ?? '';
    const page = await open(visitor, callback);
    expect([page.status, page.json().code]).toEqual([403, 'login_mismatch']);
    expect(codesOfferedTo(honest, evil)).not.toContain(code);
    expect(await whoIsLoggedIn(visitor, site)).toBeUndefined();
  });

  it.each([
    ['names the evil issuer', (url: URL, evil: MisskeyStandIn) => changed(url, { iss: evil.origin })],
    ['names no issuer', (url: URL) => changed(url, { iss: undefined })],
    ['names an empty issuer', (url: URL) => changed(url, { iss: '' })],
    [
      'comes to the path of another',
      (url: URL, evil: MisskeyStandIn, honest: MisskeyStandIn) =>
        url.href.replace(`/${honest.host}`, `/${evil.host}`),
    ],
  ])('%s, and the code is sent to no server', async (_what, changedBy) => {
    const { honest, evil, site, visitor } = await twoInstances();
    const callback = await comeBack(visitor, site, honest.host);
    const page = await open(visitor, changedBy(callback, evil, honest));
    expect([page.status, page.json().code]).toEqual([403, 'login_mismatch']);
    expect(codesOfferedTo(honest, evil)).not.toContain(callback.searchParams.get('code'));
  });

  it('with a code of another user, which was requested with another verifier', async () => {
    const { instance, site } = await aURLClientStage();
    const [victim, attacker] = [new Visitor(), new Visitor()];
    const stolen = (await comeBack(victim, site, instance.host, 'alice')).searchParams.get('code') ?? '';
    const own = await comeBack(attacker, site, instance.host, 'bob');
    expect((await open(attacker, changed(own, { code: stolen }))).json().code).toBe('token_refused');
    expect(await whoIsLoggedIn(attacker, site)).toBeUndefined();
  });

  it('that only shows an error is accepted only with its issuer', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    const denied = new URL(await visitor.deny(await leave(visitor, site, instance.host)));
    expect((await open(visitor, changed(denied, { iss: undefined }))).json().code).toBe('login_mismatch');
  });
});

describe('a server without registration', () => {
  it('that gives a token for any code logs no user in', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    instance.answerWith('POST /oauth/token', 200, { access_token: 'x', token_type: 'Bearer' });
    instance.answerWith('POST /api/i', 200, { id: '1', username: 'alice', host: null });
    const other = new Visitor();
    const next = await comeBack(other, site, instance.host);
    for (const [who, url] of [
      [visitor, callback],
      [other, next],
    ] as const) {
      expect((await open(who, url)).json().code).toBe('instance_insecure');
    }
    expect(site.verified).toEqual([]);
  });

  it('that crashes at a code does not receive it again', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    const code = callback.searchParams.get('code');
    instance.answer('POST /oauth/token', (_req, res, { body }) => {
      if ((body as Record<string, string>)['code'] === code) return void res.destroy();
      res.writeHead(403, { 'Content-Type': 'application/json' }).end('{"error":"invalid_grant"}');
    });
    expect((await open(visitor, callback)).json().code).toBe('instance_unreachable');
    await open(visitor, callback);
    expect(codesOfferedTo(instance).filter((one) => one === code)).toHaveLength(1);
  });

  const honest = (origin: string) => ({
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  });
  it.each([
    ['a token endpoint elsewhere', { token_endpoint: 'https://evil.example/token' }, 'instance_insecure'],
    ['the issuer of another', { issuer: 'https://social.example' }, 'instance_insecure'],
    [
      'no promise of an issuer',
      { authorization_response_iss_parameter_supported: false },
      'instance_unsupported',
    ],
    ['PKCE in plain only', { code_challenge_methods_supported: ['plain'] }, 'instance_unsupported'],
    ['no PKCE', { code_challenge_methods_supported: undefined }, 'instance_unsupported'],
    ['a place to register', { registration_endpoint: '/register' }, 'instance_insecure'],
  ])('that describes itself with %s gets no visitor sent away', async (_what, changes, code) => {
    const { instance, site } = await aURLClientStage();
    const document = { ...honest(instance.origin), ...changes };
    instance.answerWith('/.well-known/oauth-authorization-server', 200, document);
    expect((await start(new Visitor(), site, instance.host)).json().code).toBe(code);
  });

  it('gets no token of another: each is sent to the server that gave it, and nowhere else', async () => {
    const { honest: one, evil, site, visitor } = await twoInstances();
    await visitor.login(site, one.host);
    const [token = ''] = one.tokens.keys();
    expect(one.requestsTo('POST /api/i').map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${token}`,
    ]);
    expect(evil.requestsTo('POST /api/i')).toEqual([]);
  });
});
