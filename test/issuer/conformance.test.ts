/**
 * The checks of the certification suite for OpenID providers, and the behaviour that clients rely on, at the
 * issuer.
 */

import * as openid from 'openid-client';
import { LockingStore } from '../support/json-store';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import {
  anIssuer,
  aStage,
  answerOf,
  app,
  ask,
  discover,
  errorAt,
  logIn,
  logInAt,
  openPage,
  press,
  redirectURI,
  shop,
} from './stage';

describe('the discovery document', () => {
  it('names the issuer, its endpoints, and S256 only', async () => {
    const { stage } = await aStage();
    const config = await discover(stage);
    const metadata = config.serverMetadata();
    expect(metadata).toMatchObject({
      issuer: stage.issuerURL,
      authorization_endpoint: `${stage.issuerURL}/authorize`,
      token_endpoint: `${stage.issuerURL}/token`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    });
    expect(metadata.scopes_supported).toEqual(['openid', 'profile', 'email']);
    expect(metadata.grant_types_supported).toEqual([
      'authorization_code',
      'urn:ietf:params:oauth:grant-type:device_code',
    ]);
    expect(metadata.claims_supported).toEqual(expect.arrayContaining(['sub', 'nickname', 'auth_time']));
    expect(metadata.claims_supported).not.toContain('sid');
    expect(metadata).not.toHaveProperty('introspection_endpoint');
    expect(metadata).not.toHaveProperty('registration_endpoint');
  });

  it('does not depend on the Host header', async () => {
    const { stage } = await aStage();
    const page = await new Visitor().get(`${stage.issuerURL}/.well-known/openid-configuration`, {
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'https',
    });
    expect(page.text).not.toContain('evil.example');
    expect(page.json()).toMatchObject({ token_endpoint: `${stage.issuerURL}/token` });
  });

  it('shows no private part of a key', async () => {
    const { stage } = await aStage();
    const { keys } = (await (await fetch(`${stage.issuerURL}/jwks`)).json()) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kty: 'RSA', alg: 'RS256', use: 'sig' });
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(keys[0]).not.toHaveProperty(secret);
  });
});

describe('an authorization request', () => {
  it.each([
    ['not registered', 'http://evil.localhost/callback'],
    ['with a query added', `${redirectURI}?next=/`],
    ['with a path added', `${redirectURI}/more`],
    ['with another port', redirectURI.replace(':1/', ':2/')],
  ])('with a redirect URI %s leads nowhere', async (_what, uri) => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage), { redirect_uri: uri });
    const page = await openPage(visitor, url);
    expect(page.status).toBe(400);
    expect(page.location).toBeUndefined();
    expect(page.text).toContain('invalid_redirect_uri');
  });

  it('of an unknown client redirects nowhere', async () => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage), { client_id: 'unknown' });
    const page = await openPage(visitor, url);
    expect(page).toMatchObject({ status: 400, location: undefined });
  });

  it('of a public client without PKCE, or with a plain challenge, is refused', async () => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage, app));
    url.searchParams.set('code_challenge_method', 'plain');
    expect(await errorAt(visitor, url)).toBe('invalid_request');
    url.searchParams.delete('code_challenge_method');
    url.searchParams.delete('code_challenge');
    expect(await errorAt(visitor, url)).toBe('invalid_request');
  });

  it('may have unknown parameters and scopes, and no nonce', async () => {
    const { stage, instance, visitor } = await aStage();
    const config = await discover(stage);
    const { url, checks } = await ask(config, {
      scope: 'openid profile email groups offline_access',
      kc_idp_hint: 'x',
      resource: 'https://api.example',
    });
    url.searchParams.delete('nonce');
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, url), instance));
    const { pkceCodeVerifier, expectedState } = checks;
    const tokens = await openid.authorizationCodeGrant(config, answer, { pkceCodeVerifier, expectedState });
    expect(tokens.claims()).toMatchObject({ nickname: 'alice' });
    expect(tokens.refresh_token).toBeUndefined();
  });

  it('for another response type is refused', async () => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage), { response_type: 'id_token' });
    expect(await errorAt(visitor, url)).toBeNull();
    expect(String((await openPage(visitor, url)).location)).toContain('error=unsupported_response_type');
  });

  it('that is denied at the instance returns an error to the client', async () => {
    const { stage, instance, visitor } = await aStage();
    const { url, config, checks } = await ask(await discover(stage));
    const left = await press(visitor, await openPage(visitor, url), { instance: instance.host });
    const back = await visitor.follow(await visitor.get(await visitor.deny(left.location ?? '')));
    const answer = answerOf(back);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toMatchObject({
      error: 'access_denied',
    });
  });

  it('that is cancelled on the page returns an error to the client', async () => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage));
    const cancelled = await press(visitor, await openPage(visitor, url), { action: 'cancel' }, 'cancel');
    const answer = answerOf(await visitor.follow(cancelled));
    expect(answer.searchParams.get('error')).toBe('access_denied');
    expect(answer.searchParams.get('iss')).toBe(stage.issuerURL);
  });
});

describe('logging out', () => {
  it.each([
    ['by a link', async (visitor: Visitor, url: URL) => openPage(visitor, url)],
    [
      'by a form',
      async (visitor: Visitor, url: URL) =>
        visitor.follow(await visitor.post(url.origin + url.pathname, Object.fromEntries(url.searchParams))),
    ],
  ])('%s asks, forgets the login, and goes back to the client', async (_how, open) => {
    const back = 'http://client.localhost:1/bye';
    const { stage, instance } = await aStage({ clients: [{ ...shop, post_logout_redirect_uris: [back] }] });
    const { config, visitor, tokens } = await logIn(stage, instance);
    const url = openid.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: back,
      state: 'xyz',
    });
    const page = await open(visitor, url);
    expect(page.text).toContain('Log out');
    const gone = await press(visitor, page, { logout: 'yes' });
    expect(gone.location).toBe(`${back}?state=xyz`);
    const { url: again } = await ask(config, { prompt: 'none' });
    expect(await errorAt(visitor, again)).toBe('login_required');
  });
});

it('a log-out page, after another one was opened, says that it has to be loaded again, and ends no session', async () => {
  const { stage, instance } = await aStage();
  const { config, visitor } = await logIn(stage, instance);
  const page = await openPage(visitor, `${stage.issuerURL}/logout`);
  await openPage(visitor, `${stage.issuerURL}/logout`);
  const refused = await press(visitor, page, { logout: 'yes' });
  expect(refused.status).toBe(403);
  expect(refused.text).toContain('load the page again');
  const { url } = await ask(config, { prompt: 'none' });
  expect(answerOf(await openPage(visitor, url)).searchParams.has('code')).toBe(true);
});

describe('a request by POST that holds an ID token', () => {
  async function posted(path: string, more: Record<string, string>) {
    const { stage, instance } = await aStage();
    const { config, visitor, tokens } = await logIn(stage, instance);
    const { url } = await ask(config, { prompt: 'none' });
    const fields = path === '/authorize' ? Object.fromEntries(url.searchParams) : {};
    const form = { ...fields, id_token_hint: tokens.id_token ?? '', ...more };
    const sent = await visitor.post(stage.issuerURL + path, form, { 'Sec-Fetch-Site': 'cross-site' });
    return { stage, visitor, sent, tokens };
  }

  it.each(['/logout', '/authorize'])(
    '%s leaves it out of every address, and asks for the same',
    async (path) => {
      const { visitor, sent, tokens } = await posted(path, {});
      expect([sent.status, sent.location]).toEqual([303, expect.stringMatching(/\?posted=[\w-]+$/)]);
      for (let turn = 0; turn < 2; turn++) {
        const page = await visitor.follow(sent);
        if (path === '/logout') expect(page.text).toContain('Log out');
        else expect(answerOf(page).searchParams.get('code')).toMatch(/./);
        expect(String(page.location)).not.toContain(tokens.id_token);
      }
    },
  );

  it('stays out of the log of requests, and cannot be read in the store', async () => {
    const logged: unknown[] = [];
    const store = new LockingStore();
    const { stage, instance } = await aStage({
      store,
      serve: (issuer) => (req, res) => {
        const log = () => logged.push(req.url, (req as { originalUrl?: string }).originalUrl);
        for (const end of ['finish', 'close']) res.once(end, log);
        // Like loggers that record the head of a response, or its body.
        for (const name of ['writeHead', 'end'] as const) {
          const former = res[name].bind(res) as (...args: unknown[]) => unknown;
          Object.assign(res, { [name]: (...args: unknown[]) => (log(), former(...args)) });
        }
        issuer.router(req, res);
      },
    });
    const { visitor, tokens } = await logIn(stage, instance);
    const idToken = tokens.id_token ?? '';
    const sent = await visitor.post(`${stage.issuerURL}/logout`, { id_token_hint: idToken });
    expect((await visitor.follow(sent)).text).toContain('Log out');
    expect(logged).toContain(new URL(sent.location ?? '').pathname + new URL(sent.location ?? '').search);
    expect(String(logged)).not.toContain('id_token_hint');
    expect(JSON.stringify([...store.records])).not.toContain(idToken);
  });

  it.each([
    ['JSON', 'application/json', JSON.stringify({ id_token_hint: 'eyJ' })],
    [
      'in parts',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="id_token_hint"\r\n\r\neyJ',
    ],
    ['plain text', 'text/plain', 'id_token_hint=eyJ'],
  ])('%s, is told that it has to be a form', async (_what, type, body) => {
    const { stage } = await aStage();
    const answer = await fetch(`${stage.issuerURL}/logout`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
      redirect: 'manual',
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([415, null]);
  });

  it('that is no ID token of this issuer is refused', async () => {
    const { visitor, sent } = await posted('/logout', { id_token_hint: 'not.a.token' });
    const page = await visitor.follow(sent);
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('id_token_hint')]);
  });

  it('is valid at the address that received it, and for the time of a redirect', async () => {
    const { stage, visitor, sent } = await posted('/logout', {});
    const elsewhere = await openPage(visitor, String(sent.location).replace('/logout', '/authorize'));
    const madeUp = await openPage(visitor, `${stage.issuerURL}/logout?posted=${'A'.repeat(43)}`);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 61_000);
    const late = await visitor.follow(sent);
    clock.mockRestore();
    for (const page of [elsewhere, madeUp, late]) {
      expect([page.status, page.text]).toEqual([403, expect.stringContaining('begin again there')]);
    }
  });
});

describe('an authorization request by POST', () => {
  it('leads to the same login, if the browser sends the issuer’s cookies', async () => {
    const { instance, stage } = await aStage();
    const visitor = new Visitor();
    const { config, url, checks } = await ask(await discover(stage));
    const form = Object.fromEntries(url.searchParams);
    const sent = await visitor.post(url.origin + url.pathname, form, { 'Sec-Fetch-Site': 'cross-site' });
    expect([sent.status, sent.location]).toEqual([303, expect.stringContaining('/authorize?posted=')]);
    const page = await visitor.follow(sent);
    const answer = answerOf(await logInAt(visitor, page, instance));
    const tokens = await openid.authorizationCodeGrant(config, answer, checks);
    expect(tokens.claims()?.sub).toBe(`${instance.origin}#${String(instance.account('alice').id)}`);
  });

  it('is refused like any other: without a client, and beyond the limit of an address', async () => {
    const { stage } = await aStage();
    const visitor = new Visitor();
    const nothing = await openPage(visitor, `${stage.issuerURL}/authorize`);
    const empty = await visitor.follow(await visitor.post(`${stage.issuerURL}/authorize`));
    expect([empty.status, empty.text]).toEqual([nothing.status, nothing.text]);
    const long = await visitor.post(`${stage.issuerURL}/authorize`, { state: 'x'.repeat(9000) });
    expect([long.status, long.location]).toEqual([414, undefined]);
  });
});

it('two people with the same number at two instances are two people', async () => {
  const [one, two] = [await anInstance(), await anInstance()];
  const stage = await anIssuer([one, two]);
  const first = await logIn(stage, one);
  const second = await logIn(stage, two);
  expect(one.account('alice').id).toBe(two.account('alice').id);
  expect(first.claims?.sub).not.toBe(second.claims?.sub);
  expect(second.claims?.sub).toBe(`${two.origin}#${String(two.account('alice').id)}`);
});
