/** The attacker makes the issuer state something false, act without the visitor's intent, or disclose something. */

import * as openid from 'openid-client';
import { pressScript } from '../../lib/pages/press';
import {
  aStage,
  answerOf,
  app,
  ask,
  discover,
  formsOf,
  logIn,
  logInAt,
  openPage,
  shop,
} from '../issuer/stage';
import { JSONStore } from '../support/stage';

describe('a hostile instance', () => {
  it('is trusted for its own accounts only', async () => {
    const { instance, stage } = await aStage();
    instance.account('alice').fields = {
      acct: 'gargron@mastodon.social',
      url: 'https://mastodon.social/@Gargron',
      uri: 'https://mastodon.social/users/Gargron',
      email: 'boss@bank.example',
      email_verified: true,
      sub: 'https://mastodon.social#1',
      iss: 'https://mastodon.social',
      aud: 'another-client',
    };
    const { claims, config, tokens } = await logIn(stage, instance, {
      params: { scope: 'openid profile email' },
    });
    const info = await openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '');
    for (const said of [claims, info]) {
      expect(said?.sub).toBe(`${instance.origin}#${String(instance.account('alice').id)}`);
      expect(JSON.stringify(said)).not.toMatch(/mastodon\.social|gargron|boss@bank/i);
      expect(said).not.toHaveProperty('email');
      expect(said).not.toHaveProperty('profile');
      expect(said).not.toHaveProperty('mastodon_actor');
      expect(said?.mastodon_handle_verified).toBe(false);
    }
    expect(claims).toMatchObject({ iss: stage.issuerURL, aud: 'shop' });
  });

  it('cannot make a subject that is longer than allowed', async () => {
    const { instance, stage, visitor } = await aStage();
    instance.account('alice').fields = { id: 'x'.repeat(128) };
    const { claims } = await logIn(stage, instance, { visitor });
    expect(claims?.sub.length).toBeLessThanOrEqual(255);
  });
});

describe('a login_hint', () => {
  it.each([
    ['server', (host: string) => host, (host: string) => host],
    ['handle', (host: string) => `@alice@${host}`, (host: string) => `@alice@${host}`],
    ['acct: URI', (host: string) => `acct:alice@${host}`, (host: string) => `@alice@${host}`],
    ['profile URL', (host: string) => `http://${host}/@alice`, (host: string) => host],
  ])('as a %s fills in the field, and starts nothing', async (_what, hint, shown) => {
    const { instance, stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage), { login_hint: hint(instance.host) });
    const page = await openPage(visitor, url);
    expect(page.status).toBe(200);
    expect(formsOf(page)[0]?.fields.instance).toBe(shown(instance.host));
    expect(instance.requests).toHaveLength(0);
  });

  it.each(['"><script>alert(1)</script>', 'https://127.0.0.1/', 'x'.repeat(5000), 'javascript:alert(1)'])(
    'that is no address is not shown: %.40s',
    async (hint) => {
      const { stage, visitor } = await aStage();
      const { url } = await ask(await discover(stage), { login_hint: hint });
      const page = await openPage(visitor, url);
      expect(formsOf(page)[0]?.fields.instance).toBe('');
      expect(page.text).not.toContain(hint.slice(0, 40));
    },
  );
});

describe('another client', () => {
  it('cannot use a code of another client', async () => {
    const { instance, stage, visitor } = await aStage();
    const asked = await ask(await discover(stage, app));
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance));
    const thief = await discover(stage, shop);
    await expect(openid.authorizationCodeGrant(thief, answer, asked.checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('cannot have a code sent to a redirect URI of another client', async () => {
    const other = 'http://other.localhost:1/callback';
    const { stage, visitor } = await aStage({ clients: [shop, { ...app, redirect_uris: [other] }] });
    const { url } = await ask(await discover(stage), { redirect_uri: other });
    const page = await openPage(visitor, url);
    expect(page).toMatchObject({ status: 400, location: undefined });
  });

  it('cannot revoke or introspect a token of another client', async () => {
    const { instance, stage } = await aStage({ introspection: true });
    const { tokens, config, claims } = await logIn(stage, instance);
    await openid.tokenRevocation(await discover(stage, app), tokens.access_token).catch(() => undefined);
    expect(await openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')).toHaveProperty('sub');
    const asked = await openid.tokenIntrospection(await discover(stage, app), tokens.access_token);
    expect(asked.active).toBe(false);
  });

  it('cannot change a sentence of the page with its name', async () => {
    const name = '</title><script>x</script>\u202eknaB';
    const { stage, visitor } = await aStage({ clients: [{ ...shop, client_name: name }] });
    const page = await openPage(visitor, (await ask(await discover(stage))).url);
    const button =
      /<script type="module" src="http:\/\/localhost:\d+\/button\/mastodon-login-[\w-]{16}\.js"><\/script>/;
    const text = page.text.replace(button, '').replace(`<script>${pressScript}</script>`, '');
    expect(text).not.toContain('<script');
    expect(page.text).not.toContain('\u202e');
    expect(page.text).toContain('client.localhost:1');
  });
});

describe('a page of another site', () => {
  async function aForm() {
    const all = await aStage();
    const { url } = await ask(await discover(all.stage));
    const page = await openPage(all.visitor, url);
    const fields = { ...formsOf(page)[0]?.fields, instance: all.instance.host, action: 'login' };
    return { ...all, page, fields };
  }

  it.each([
    ['a form of another site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }, {}],
    ['a form of a sibling host', { 'Sec-Fetch-Site': 'same-site' }, {}],
    ['a form of an old browser', { Origin: 'https://evil.example' }, {}],
    ['a form without the proof', {}, { proof: '' }],
    ['a form with a made-up proof', {}, { proof: 'x'.repeat(43) }],
  ])('%s presses no button', async (_what, headers, changed) => {
    const { visitor, page, fields, instance } = await aForm();
    const refused = await visitor.post(page.url, { ...fields, ...changed }, headers);
    expect(refused.status).toBe(403);
    expect(refused.location).toBeUndefined();
    expect(instance.requests).toHaveLength(0);
  });

  it.each(['/device', '/logout/confirm'])('submits no form to %s', async (path) => {
    const { instance, stage } = await aStage();
    const { visitor, config } = await logIn(stage, instance);
    const page = await openPage(visitor, `${stage.issuerURL}/${path.split('/')[1]}`);
    const { fields = {} } = formsOf(page)[0] ?? {};
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
    ]) {
      const refused = await visitor.post(stage.issuerURL + path, { ...fields, logout: 'yes' }, headers);
      expect(refused).toMatchObject({ status: 403, location: undefined });
    }
    const { url } = await ask(config, { prompt: 'none' });
    expect(answerOf(await openPage(visitor, url)).searchParams.has('code')).toBe(true);
    const own = { 'Sec-Fetch-Site': 'same-origin', Origin: new URL(stage.issuerURL).origin };
    expect((await visitor.post(stage.issuerURL + path, fields, own)).status).not.toBe(403);
  });

  it('cannot use the form token of another login of the same browser', async () => {
    const { visitor, page, stage, instance } = await aForm();
    const other = await openPage(visitor, (await ask(await discover(stage))).url);
    const { proof = '' } = formsOf(other)[0]?.fields ?? {};
    const refused = await visitor.post(page.url, { proof, instance: instance.host, action: 'login' });
    expect(refused.status).toBe(403);
  });

  it('cannot frame the page, or run a script in it', async () => {
    const { page } = await aForm();
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers['x-frame-options']).toBe('DENY');
    expect(page.headers['cache-control']).toBe('no-store, no-transform');
    expect(page.headers['referrer-policy']).toBe('no-referrer');
  });
});

describe('a reader of stored and logged data', () => {
  it('finds no key, code, secret or token in the log, and no usable token by a listing of the store', async () => {
    const store = new JSONStore();
    const { instance, stage } = await aStage({ store });
    const { answer, tokens } = await logIn(stage, instance);
    const secrets = [
      answer.searchParams.get('code') ?? '',
      tokens.access_token,
      tokens.id_token ?? '',
      String(shop.client_secret),
    ];
    const log = JSON.stringify(stage.events);
    const keys = [...store.records.keys()].join('\n');
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(20);
      expect(log).not.toContain(secret);
      expect(keys).not.toContain(secret);
    }
    expect(log).not.toMatch(/"d":|PRIVATE/);
    expect(log).toContain('"login"');
  });

  it('finds no line, colour or long text of a client in the log', async () => {
    const { stage, visitor } = await aStage();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const alg = `X\n{"event":"login"}\u001b[2J\u202e${'x'.repeat(3000)}`;
    const hint = `${part({ alg })}.${part({ aud: 'shop' })}.x`;
    await openPage(visitor, (await ask(await discover(stage), { id_token_hint: hint })).url);
    const [, refusal] = stage.events.find(([event]) => event === 'client_refused') ?? [];
    const reason = refusal?.reason;
    expect(reason).toMatch(/^unsupported JWS algorithm \(X [^\p{Cc}\p{Cf}]{50,}$/u);
    expect(String(reason).length).toBeLessThan(500);
  });

  it('finds no record in the error of a failed store, which costs a login', async () => {
    const store = new JSONStore();
    const { stage, visitor } = await aStage({ store });
    const config = await discover(stage);
    store.set = async () => {
      throw new Error('SET code secret');
    };
    const page = await openPage(visitor, (await ask(config)).url);
    const sent = page.location ?? page.text;
    expect(sent).toMatch(/server_error|Something went wrong|could not be saved|try again in a moment/);
    expect(sent).not.toContain('SET code');
    expect(JSON.stringify(stage.events.map(([, fields]) => String(fields.error)))).not.toContain('SET code');
  });
});
