/** What the stand-ins ask of clients and tokens, by family. */

import { variant, type StandIn } from './instance.js';
import {
  ask,
  authorizeURL,
  code,
  redeem,
  redirectURI,
  register,
  send,
  start,
  stuck,
  verify,
  type Client,
} from './plain-client.js';
import { Visitor } from './visitor.js';

describe('registration', () => {
  const fields = { client_name: 'A test', redirect_uris: redirectURI, scopes: 'read' };
  const json = (standIn: StandIn, body: unknown) =>
    ask(`${standIn.origin}/api/v1/apps`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  test.each([
    ['mastodon45', 200, 400],
    ['mastodon42', 422, 400],
    ['gotosocial', 400, 400],
    ['hollo', 200, 500],
    ['friendica', 200, 400],
    ['snac', 404, 400],
    ['sharkey', 400, 400],
    ['wordpress', 200, 400],
  ] as const)('%s answers %i to an array of URIs and %i to broken JSON', async (name, array, broken) => {
    const standIn = await start(name);
    expect((await json(standIn, { ...fields, redirect_uris: [redirectURI] })).status).toBe(array);
    expect((await json(standIn, '{')).status).toBe(broken);
    expect((await json(standIn, fields)).status).toBe(200);
  });

  test.each([
    ['mastodon45', 'profile', 200],
    ['mastodon42', 'profile', 422],
    ['mastodon42', 'unheard-of', 422],
    ['hollo', 'unheard-of', 422],
    ['gotosocial', 'unheard-of', 200],
    ['snac', 'unheard-of', 200],
  ] as const)('%s and the scope %s: %i', async (name, scopes, status) => {
    const standIn = await start(name);
    expect((await send(standIn, '/api/v1/apps', { ...fields, scopes })).status).toBe(status);
  });

  test('Hollo takes no other field and no empty website; its error is an object', async () => {
    const standIn = await start('hollo');
    for (const more of [{ website: '' }, { more: 'x' }]) {
      const answer = await send(standIn, '/api/v1/apps', { ...fields, ...more } as Record<string, string>);
      expect([answer.status, typeof answer.json.error]).toEqual([422, 'object']);
    }
  });

  test('WordPress takes commas between redirect URIs, and within one', async () => {
    const standIn = await start('wordpress');
    const one = { ...fields, redirect_uris: 'https://a.example/1,https://a.example/2' };
    const { json } = await send(standIn, '/api/v1/apps', one);
    expect(json.redirect_uris).toEqual(['https://a.example/1', 'https://a.example/2']);
    expect(
      (await send(standIn, '/api/v1/apps', { ...fields, redirect_uris: 'https://a.example/,' })).status,
    ).toBe(200);
    expect(
      (await send(standIn, '/api/v1/apps', { ...fields, redirect_uris: 'https://a.example/a,b' })).status,
    ).toBe(422);
  });

  test('Mastodon has limits, and takes five of one address in ten minutes', async () => {
    const standIn = await start('mastodon45', { throttle: true });
    expect((await send(standIn, '/api/v1/apps', { ...fields, client_name: 'x'.repeat(61) })).status).toBe(
      422,
    );
    for (let count = 0; count < 5; count += 1) await register(standIn);
    const refused = await send(standIn, '/api/v1/apps', fields);
    expect(refused.status).toBe(429);
    expect(refused.headers.has('retry-after')).toBe(false);
    expect(Date.parse(refused.headers.get('x-ratelimit-reset') ?? '')).toBeGreaterThan(Date.now());
    standIn.advance(10 * 60_000);
    await register(standIn);
    expect(standIn.registrations).toBe(6);
  });

  test('GoToSocial turns away the anonymous and those who want HTML', async () => {
    const standIn = await start('gotosocial');
    const post = (headers: Record<string, string>) =>
      new Visitor().post(`${standIn.origin}/api/v1/apps`, fields, headers);
    expect((await post({ 'User-Agent': '', Accept: '*/*' })).status).toBe(418);
    expect((await post({ Accept: 'text/html' })).status).toBe(406);
    expect((await post({ Accept: 'application/json' })).status).toBe(200);
  });
});

describe('the client at the token endpoint', () => {
  const wanting = (client: Partial<Client>, more: Record<string, string> = {}): Record<string, string> => ({
    grant_type: 'client_credentials',
    scope: 'read',
    redirect_uri: redirectURI,
    ...client,
    ...more,
  });

  test.each([
    ['mastodon45', 401, 401],
    ['mastodon42', 401, 401],
    ['hollo', 401, 401],
    ['friendica', 401, 401],
    ['gotosocial', 400, 400],
    ['pleroma', 400, 400],
    ['snac', 401, 401],
    ['takahe', 200, 200],
    ['sharkey', 200, 200],
  ] as const)('%s: %i for a wrong secret, %i for a forgotten client', async (name, secret, forgotten) => {
    const standIn = await start(name);
    const client = await register(standIn);
    expect((await send(standIn, '/oauth/token', wanting(client))).status).toBe(200);
    expect((await send(standIn, '/oauth/token', wanting(client, { client_secret: 'x' }))).status).toBe(
      secret,
    );
    standIn.forgetApps();
    expect((await send(standIn, '/oauth/token', wanting(client))).status).toBe(forgotten);
  });

  test.each([
    ['mastodon45', 200],
    ['hollo', 200],
    ['gotosocial', 400],
  ] as const)('%s: %i for Basic authentication', async (name, status) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
    const headers = { authorization: `Basic ${basic}` };
    expect((await send(standIn, '/oauth/token', wanting({}), headers)).status).toBe(status);
    const both = await send(standIn, '/oauth/token', wanting(client), headers);
    expect(both.status).toBe(name === 'hollo' ? 401 : 200);
  });

  test('Iceshrimp says the same to clients that live and to those that cannot exist', async () => {
    const standIn = await start('iceshrimp');
    const client = await register(standIn);
    const living = await send(standIn, '/oauth/token', wanting(client));
    expect([living.status, living.json]).toEqual([401, { error: 'Invalid code' }]);
    for (const changes of [{ client_id: 'x' }, { client_secret: 'x' }]) {
      const { status, text } = await send(standIn, '/oauth/token', wanting(client, changes));
      expect([status, text]).toEqual([living.status, living.text]);
    }
    // Only where there is a code does it look at who brings it.
    const dead = await redeem(standIn, { client_id: 'x', client_secret: 'x' }, 'x');
    expect([dead.status, dead.json.error]).toEqual([401, 'invalid_client']);
  });

  test('Iceshrimp reads the scope beside the code, and takes none for read', async () => {
    const standIn = await start('iceshrimp');
    const client = await register(standIn, 'read:accounts');
    const issued = async () => {
      const back = await new Visitor().approve(authorizeURL(standIn, client, { scope: 'read:accounts' }));
      return new URL(back).searchParams.get('code') ?? '';
    };
    const without = await redeem(standIn, client, await issued());
    expect([without.status, without.json.error]).toEqual([400, 'invalid_scope']);
    expect((await redeem(standIn, client, await issued(), { scope: 'read:accounts' })).status).toBe(200);
  });

  test('Takahe denies a code to another client, and crashes over one that it never gave', async () => {
    const standIn = await start('takahe');
    const client = await register(standIn);
    const text = await code(standIn, client);
    const other = await redeem(standIn, { client_id: 'x', client_secret: 'x' }, text);
    expect([other.status, other.json]).toEqual([401, { error: 'access_denied' }]);
    expect((await redeem(standIn, { client_id: 'x', client_secret: 'x' }, 'x')).status).toBe(500);
    expect((await redeem(standIn, client, text)).status).toBe(200);
  });

  test.each(['mastodon45', 'hollo'] as const)(
    '%s: an upgrade may take a scope away, from apps too',
    async (name) => {
      const standIn = await start(name);
      const client = await register(standIn, 'read:accounts');
      expect((await send(standIn, '/oauth/token', wanting(client, { scope: 'read:accounts' }))).status).toBe(
        200,
      );
      const { scopes } = standIn.persona;
      const known = scopes.known.filter((scope) => scope !== 'read:accounts');
      standIn.persona = variant(standIn.persona, { scopes: { known } });
      const { status, json } = await send(
        standIn,
        '/oauth/token',
        wanting(client, { scope: 'read:accounts' }),
      );
      expect([status, json.error]).toEqual([400, 'invalid_scope']);
      await stuck(new Visitor().approve(authorizeURL(standIn, client, { scope: 'read:accounts' })));
    },
  );

  test.each(['gotosocial', 'snac'] as const)('%s wants a redirect URI even there', async (name) => {
    const standIn = await start(name);
    const form = wanting(await register(standIn));
    delete form['redirect_uri'];
    expect((await send(standIn, '/oauth/token', form)).status).toBe(400);
  });

  test.each(['mastodon45', 'hollo'] as const)('%s gives no scope that is not the app’s own', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn, 'read');
    const { status, json } = await send(standIn, '/oauth/token', wanting(client, { scope: 'read:accounts' }));
    expect([status, json.error]).toEqual([400, 'invalid_scope']);
  });
});

describe('tokens', () => {
  async function tokenOf(standIn: StandIn, client: Client, as = 'alice') {
    const { json } = await redeem(standIn, client, await code(standIn, client, as));
    return json as { access_token: string; refresh_token?: string; created_at: number; me?: string };
  }

  test('of Mastodon are used again until revoked', async () => {
    const standIn = await start('mastodon45');
    const client = await register(standIn);
    const { access_token: token } = await tokenOf(standIn, client);
    expect((await tokenOf(standIn, client)).access_token).toBe(token);
    expect((await tokenOf(standIn, client, 'bob')).access_token).not.toBe(token);
    expect((await send(standIn, '/oauth/revoke', { token })).status).toBe(401);
    expect((await send(standIn, '/oauth/revoke', { ...client, token })).status).toBe(200);
    expect((await verify(standIn, token)).status).toBe(401);
  });

  test.each([
    ['mastodon45', 401, 422],
    ['gotosocial', 401, 403],
    ['hollo', 401, 422],
    ['pixelfed', 401, 403],
    ['snac', 422, 422],
  ] as const)('%s: %i for a bad token, %i for one of the app', async (name, bad, ofApp) => {
    const standIn = await start(name);
    const client = await register(standIn);
    expect((await verify(standIn, 'bad')).status).toBe(bad);
    const { json } = await send(standIn, '/oauth/token', {
      grant_type: 'client_credentials',
      redirect_uri: redirectURI,
      scope: 'read',
      ...client,
    });
    expect((await verify(standIn, json.access_token as string)).status).toBe(ofApp);
  });

  test.each(['mastodon45', 'takahe', 'gotosocial'] as const)('%s wants a scope that reads', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn, 'write');
    const back = await new Visitor().approve(authorizeURL(standIn, client, { scope: 'write' }));
    const { json } = await redeem(standIn, client, new URL(back).searchParams.get('code') ?? '');
    expect((await verify(standIn, json.access_token as string)).status).toBe(403);
  });

  test('are shown with the family’s own time, actor and refresh token', async () => {
    const hollo = await start('hollo');
    expect((await tokenOf(hollo, await register(hollo))).created_at).toBeGreaterThan(1e12);
    const pleroma = await start('pleroma');
    const client = await register(pleroma);
    const first = await tokenOf(pleroma, client);
    expect(first.me).toBe(`${pleroma.origin}/users/alice`);
    const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '', ...client };
    expect((await send(pleroma, '/oauth/token', refresh)).status).toBe(200);
    expect((await send(pleroma, '/oauth/token', refresh)).status).toBe(400);
  });

  test('revoked at snac take the app along, at Friendica all of the user’s', async () => {
    const snac = await start('snac');
    const ofSnac = await register(snac);
    await send(snac, '/oauth/revoke', { ...ofSnac, token: (await tokenOf(snac, ofSnac)).access_token });
    expect(snac.apps.size).toBe(0);
    const friendica = await start('friendica');
    const client = await register(friendica);
    const [one, two] = [await tokenOf(friendica, client), await tokenOf(friendica, client)];
    await send(friendica, '/oauth/revoke', { ...client, token: one.access_token });
    expect((await verify(friendica, two.access_token)).status).toBe(401);
  });

  test('in lower case, and troubled accounts', async () => {
    const mastodon = await start('mastodon45');
    const { access_token: token } = await tokenOf(mastodon, await register(mastodon));
    expect((await verify(mastodon, token, 'bearer')).status).toBe(200);
    mastodon.account('alice').trouble = 'pending';
    expect(await verify(mastodon, token)).toMatchObject({
      status: 403,
      json: { error: expect.stringContaining('pending') as string },
    });
    const gotosocial = await start('gotosocial');
    const { access_token: other } = await tokenOf(gotosocial, await register(gotosocial));
    expect((await verify(gotosocial, other, 'bearer')).status).toBe(401);
  });
});
