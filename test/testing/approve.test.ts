/** A site's own tests log in at a testing instance, without a browser. */

import { request } from 'node:http';
import { startInstance, type InstanceOptions, type TestInstance } from '../../lib/testing/index.js';
import { freePort } from '../support/free-port.js';
import { aSite, leave, open, start, whoIsLoggedIn } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const running: TestInstance[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));

async function anInstance(options?: InstanceOptions): Promise<TestInstance> {
  const instance = await startInstance(options);
  running.push(instance);
  return instance;
}

async function aStage(options?: InstanceOptions) {
  const instance = await anInstance(options);
  // If `localhost` is [::1], the instance may have a port that is free at 127.0.0.1, too.
  const site = await aSite({ instances: [instance], port: await freePort() });
  return { instance, site, visitor: new Visitor() };
}

describe('a login', () => {
  it.each(['mastodon', 'hollo', 'gotosocial', 'pleroma', 'akkoma', 'pixelfed', 'friendica', 'my-own'])(
    'at %s is approved by one call',
    async (software) => {
      const { instance, site, visitor } = await aStage({ software, accounts: ['ada', 'grace'] });
      const callback = await instance.approve(await leave(visitor, site, instance.host), { as: 'grace' });
      const page = await open(visitor, callback);
      expect(page.json().user).toMatchObject({
        id: `${instance.origin}#2`,
        handle: `grace@${instance.host}`,
        handleVerified: true,
        instance: { software },
      });
    },
  );

  it('is the first account’s by default', async () => {
    const { instance, site, visitor } = await aStage({
      accounts: [{ username: 'ada', id: '77', displayName: 'Ada L.' }],
    });
    const page = await open(visitor, await instance.approve(await leave(visitor, site, instance.host)));
    expect(page.json().user).toMatchObject({ id: `${instance.origin}#77`, displayName: 'Ada L.' });
  });

  it('can be denied, by one visitor or by all', async () => {
    for (const deny of [false, true]) {
      const { instance, site, visitor } = await aStage({ deny });
      const away = await leave(visitor, site, instance.host);
      const callback = await (deny ? instance.approve(away) : instance.deny(away));
      expect((await open(visitor, callback)).json().code).toBe('access_denied');
    }
  });

  it('can be refused by the account, or use other fields of the account', async () => {
    const accounts = [
      { username: 'ada', disabled: true },
      { username: 'eve', fields: { url: 'javascript:alert(1)', avatar: undefined } },
    ];
    const { instance, site, visitor } = await aStage({ accounts });
    const disabled = await instance.approve(await leave(visitor, site, instance.host));
    expect((await open(visitor, disabled)).json().code).toBe('account_unusable');
    const odd = await instance.approve(await leave(visitor, site, instance.host), { as: 'eve' });
    const { user } = (await open(visitor, odd)).json();
    expect([user.profileUrl, user.photos]).toEqual([undefined, []]);
  });

  it('begins again when the instance has forgotten the site', async () => {
    const { instance, site, visitor } = await aStage();
    const callback = await instance.approve(await leave(visitor, site, instance.host));
    instance.forgetApps();
    expect((await open(visitor, callback)).json().code).toBe('login_restart');
    await open(visitor, await instance.approve(await leave(visitor, site, instance.host)));
    expect(await whoIsLoggedIn(visitor, site)).toBe('wren');
  });

  it('gives a refresh token if the software does, valid once', async () => {
    const { instance, site, visitor } = await aStage({ software: 'pleroma' });
    await open(visitor, await instance.approve(await leave(visitor, site, instance.host)));
    const instances = [await anInstance({ software: 'pleroma' }), await anInstance()];
    const given = await Promise.all(
      instances.map(async (one) => (await tokensOf(one)).refresh_token !== undefined),
    );
    expect(given).toEqual([true, false]);
  });
});

describe('a visitor whom a real instance would keep on its page', () => {
  it.each([
    ['an unknown client', { client_id: 'x' }, /does not know this client_id/],
    ['another redirect URI', { redirect_uri: 'https://evil.example/' }, /not the one that was registered/],
    ['another scope', { scope: 'write' }, /has not registered this scope/],
    ['no PKCE', { code_challenge: '' }, /no code_challenge/],
  ])('with %s: the test is told why', async (_what, changes, why) => {
    const { instance, site, visitor } = await aStage();
    const away = new URL(await leave(visitor, site, instance.host));
    for (const [name, value] of Object.entries(changes)) away.searchParams.set(name, value);
    await expect(instance.approve(away)).rejects.toThrow(why);
    await expect(instance.deny(away)).rejects.toThrow(why);
  });

  it('because the instance does not have the address or the account', async () => {
    const { instance, site, visitor } = await aStage();
    const away = await leave(visitor, site, instance.host);
    await expect(instance.approve('https://mastodon.social/oauth/authorize?x')).rejects.toThrow(
      /is not the authorization/,
    );
    await expect(instance.approve(`${instance.origin}/login`)).rejects.toThrow(
      /is not the authorization page/,
    );
    for (const nowhere of ['/login', '']) {
      await expect(instance.approve(nowhere)).rejects.toThrow('the site has not sent the visitor there');
    }
    await expect(instance.approve(away, { as: 'unknown' })).rejects.toThrow(/no account "unknown"/);
  });
});

describe('the server', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.com', '', '127.0.0.1.example.com'])(
    'does not listen on %p',
    async (hostname) => {
      await expect(startInstance({ hostname })).rejects.toThrow(/only listens on localhost/);
    },
  );

  it('refuses an unknown option, and names the intended one', async () => {
    const misspelt = { acounts: ['ada'] } as object;
    await expect(startInstance(misspelt)).rejects.toThrow('did you mean accounts?');
    for (const software of ['mastadon', 'Mastodon', 'goto-social', 'akoma']) {
      await expect(startInstance({ software })).rejects.toThrow(
        /did you mean '(mastodon|gotosocial|akkoma)'/,
      );
    }
  });

  it.each(['localhost', '127.0.0.1'])('listens on %s', async (hostname) => {
    const instance = await anInstance({ hostname });
    expect(instance.origin).toBe(`http://${hostname}:${new URL(instance.origin).port}`);
    expect((await new Visitor().get(instance.origin)).status).toBe(200);
  });

  it('answers to no other name, because a web page may have made one that leads to this machine', async () => {
    const instance = await anInstance();
    const headers = { host: `rebound.example:${new URL(instance.origin).port}` };
    expect((await new Visitor().get(`${instance.origin}/api/v1/instance`, headers)).status).toBe(421);
  });

  it('reads only limited bodies', async () => {
    const instance = await anInstance();
    expect(
      (await new Visitor().post(`${instance.origin}/api/v1/apps`, { x: 'x'.repeat(20_000) })).status,
    ).toBe(413);
  });

  it('reports a port in use', async () => {
    const { origin } = await anInstance();
    await expect(startInstance({ port: Number(new URL(origin).port) })).rejects.toThrow(/EADDRINUSE/);
  });

  it('leaves no open handle', async () => {
    const instance = await startInstance();
    const waiting = request(`${instance.origin}/api/v1/apps`, { method: 'POST' });
    const gone = new Promise((resolve) => waiting.once('error', resolve));
    waiting.write('client_name=');
    await new Promise((resolve) => waiting.once('socket', (socket) => socket.once('connect', resolve)));
    await instance.close();
    await gone;
    await instance.close();
  });
});

it('accounts that cannot be told apart are a mistake of the test', async () => {
  await expect(startInstance({ accounts: [] })).rejects.toThrow(TypeError);
  await expect(startInstance({ accounts: ['ada', 'ada'] })).rejects.toThrow(/one username/);
  await expect(startInstance({ accounts: ['ada', { username: 'eve', id: '1' }] })).rejects.toThrow(/one id/);
});

it('its pages show hostile names as text, and allow redirects to sites that redirect on', async () => {
  const { instance, site, visitor } = await aStage();
  const consent = await visitor.get(await leave(visitor, site, instance.host));
  expect(consent.text).not.toContain('<script');
  const policy = String(consent.headers['content-security-policy']);
  expect([policy.startsWith("default-src 'none'; "), policy.includes('form-action')]).toEqual([true, false]);
  for (const path of ['/', '/@mallory', '/users/wren', '/avatars/tove.svg']) {
    const page = await visitor.follow(await visitor.get(instance.origin + path));
    expect([path, page.status, page.text.includes('<script')]).toEqual([path, 200, false]);
  }
  for (const path of ['/@unknown', '/@%E0%A4%A', '/avatars/', '/nothing']) {
    expect((await visitor.get(instance.origin + path)).status).toBe(404);
  }
  expect((await start(visitor, site, `@tove@${instance.host}`)).status).toBe(302);
});

/** The response of its token endpoint to a client of its own. */
async function tokensOf(instance: TestInstance): Promise<Record<string, unknown>> {
  const uri = 'https://site.example/callback';
  const post = async (path: string, form: Record<string, string>) =>
    (await new Visitor().post(instance.origin + path, form)).json() as Record<string, string>;
  const { client_id = '', client_secret = '' } = await post('/api/v1/apps', {
    client_name: 'A test',
    redirect_uris: uri,
    scopes: 'read',
  });
  const away = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: uri,
    scope: 'read',
    // Of the verifier "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" (RFC 7636, appendix B).
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  });
  const back = new URL(await instance.approve(`${instance.origin}/oauth/authorize?${away.toString()}`));
  const client = { client_id, client_secret };
  const tokens = await post('/oauth/token', {
    ...client,
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: uri,
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  });
  if (tokens['refresh_token'] !== undefined) {
    const form = { ...client, grant_type: 'refresh_token', refresh_token: tokens['refresh_token'] };
    expect((await post('/oauth/token', form))['access_token']).not.toBe(tokens['access_token']);
    expect(await post('/oauth/token', form)).toMatchObject({ error: 'invalid_grant' });
  }
  return tokens;
}
