/** The stand-ins for Misskey fetch the client's document, judge it, and burn codes as Misskey does. */

import { createHash } from 'node:crypto';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { ask, running, stuck, verifier } from './plain-client.js';
import { startMisskey, type MisskeyOptions, type MisskeyStandIn } from './stand-in/misskey/misskey.js';
import type { MisskeyPersonaName } from './stand-in/misskey/persona.js';
import { startAuthority, type Authority } from './tls.js';
import { Visitor } from './visitor.js';

const byURL: MisskeyPersonaName[] = ['misskey2025', 'misskey2025Early', 'misskey2026', 'cherrypick'];
const challenge = createHash('sha256').update(verifier).digest('base64url');

let authority: Authority;
let client: https.Server;
/** The client's ID, and what it answers there. */
let id: string;
let redirectURI: string;
let answer: { status?: number; headers?: Record<string, string>; body: string };
let fetched = 0;

beforeAll(async () => {
  authority = startAuthority();
  client = https.createServer(authority.issue(['site.example']), (_req, res) => {
    fetched += 1;
    res.writeHead(answer.status ?? 200, { 'Content-Type': 'text/html', ...answer.headers }).end(answer.body);
  });
  await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve));
  const origin = `https://site.example:${(client.address() as AddressInfo).port}`;
  id = `${origin}/client/misskey.example`;
  redirectURI = `${origin}/callback/misskey.example`;
});
afterAll(() => {
  client.close();
  authority.close();
});
beforeEach(() => {
  fetched = 0;
  answer = {
    body: `<link rel="redirect_uri" href="${redirectURI}"><div class="h-app"><a class="u-url p-name" href="${id}">A &amp; B</a></div>`,
  };
});

async function start(name: MisskeyPersonaName, options: MisskeyOptions = {}): Promise<MisskeyStandIn> {
  const standIn = await startMisskey(name, { ca: authority.ca, ...options });
  running.push(standIn);
  return standIn;
}

function authorizeURL({ origin }: MisskeyStandIn, changes: Record<string, string> = {}): string {
  const params = new URLSearchParams({
    response_type: 'code',
    client_id: id,
    redirect_uri: redirectURI,
    scope: 'read:account',
    state: 'a-state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...changes,
  });
  return `${origin}/oauth/authorize?${params.toString()}`;
}

async function code(
  standIn: MisskeyStandIn,
  as = 'alice',
  changes?: Record<string, string>,
): Promise<string> {
  const back = new URL(await new Visitor().approve(authorizeURL(standIn, changes), { as }));
  expect([back.searchParams.get('state'), back.searchParams.get('iss')]).toEqual(['a-state', standIn.origin]);
  return back.searchParams.get('code') ?? '';
}

function redeem({ origin }: MisskeyStandIn, text: string, changes: Record<string, string> = {}) {
  const form = { grant_type: 'authorization_code', client_id: id, code: text, redirect_uri: redirectURI };
  const body = new URLSearchParams({ ...form, code_verifier: verifier, ...changes });
  return ask(`${origin}/oauth/token`, { method: 'POST', body });
}

function whoIs({ origin }: MisskeyStandIn, token: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return ask(`${origin}/api/i`, {
    method: 'POST',
    body: '{}',
    ...init,
    headers: { ...headers, ...(init.headers as object) },
  });
}

describe.each(byURL)('%s', (name) => {
  const refusal = name === 'misskey2026' ? 400 : 403;

  test('lets alice in, and shows the client by its name', async () => {
    const standIn = await start(name);
    expect((await new Visitor().get(authorizeURL(standIn))).text).toContain('<h1>A & B</h1>');
    expect(fetched).toBe(1);
    const { status, json } = await redeem(standIn, await code(standIn));
    expect([status, json.token_type, json.scope, json.access_token.length]).toEqual([
      200,
      'Bearer',
      'read:account',
      128,
    ]);
    const { json: me } = await whoIs(standIn, json.access_token as string);
    expect(me).toMatchObject({
      id: standIn.account('alice').id,
      username: 'alice',
      name: 'Alice',
      host: null,
    });
  });

  test.each([
    ['another client', { client_id: 'https://site.example/other' }],
    ['another redirect URI', { redirect_uri: 'https://site.example/other' }],
    ['another verifier', { code_verifier: `${verifier}x` }],
  ])('burns a code that came with %s', async (_what, changes) => {
    const standIn = await start(name);
    const text = await code(standIn);
    const wrong = await redeem(standIn, text, changes);
    expect([wrong.status, wrong.json.error]).toEqual([refusal, 'invalid_grant']);
    expect((await redeem(standIn, text)).status).toBe(refusal);
  });

  test('takes a code once, and the second time takes its token back', async () => {
    const standIn = await start(name);
    const text = await code(standIn);
    const { json } = await redeem(standIn, text);
    expect((await redeem(standIn, text)).status).toBe(refusal);
    const { status, json: error } = await whoIs(standIn, json.access_token as string);
    expect([status, error.error.code]).toEqual([401, 'AUTHENTICATION_FAILED']);
  });

  test('keeps pages and codes for five minutes', async () => {
    const standIn = await start(name);
    const text = await code(standIn);
    standIn.advance(5 * 60_000);
    expect((await redeem(standIn, text)).status).toBe(refusal);
  });

  test('sends whoever denies, or asks wrongly, back with state and iss', async () => {
    const standIn = await start(name);
    const { origin } = standIn;
    const denied = new URL(await new Visitor().deny(authorizeURL(standIn)));
    const got = Object.fromEntries(denied.searchParams);
    expect(got).toEqual({ error: 'access_denied', state: 'a-state', iss: origin });
    for (const [changes, error] of [
      [{ scope: 'read' }, 'invalid_scope'],
      [{ code_challenge: '' }, 'invalid_request'],
      [{ code_challenge_method: 'plain' }, 'invalid_request'],
    ] as const) {
      const { location = '' } = await new Visitor().get(authorizeURL(standIn, changes));
      expect(Object.fromEntries(new URL(location).searchParams)).toEqual({
        error,
        state: 'a-state',
        iss: origin,
      });
    }
  });

  test.each([
    ['a redirect URI that the document does not name', { redirect_uri: 'https://evil.example/' }],
    ['http', { client_id: 'http://site.example/' }],
    ['loopback', { client_id: 'https://127.0.0.1/' }],
    ['a name without a dot', { client_id: 'https://localhost/' }],
    ['a fragment', { client_id: 'https://site.example/#x' }],
    ['no URL', { client_id: 'x' }],
  ])('keeps a visitor who comes with %s', async (_what, changes) => {
    const standIn = await start(name);
    expect((await stuck(new Visitor().approve(authorizeURL(standIn, changes)))).status).toBe(400);
  });

  test('reads the Link header, and no other rel', async () => {
    const standIn = await start(name);
    answer = { headers: { Link: `<${redirectURI}>; rel="redirect_uri"` }, body: '<p>Hello' };
    expect(await code(standIn)).toHaveLength(128);
    answer = {
      body: `<link rel="redirect_uri other" href="${redirectURI}"><link rel="REDIRECT_URI" href="${redirectURI}">`,
    };
    expect((await stuck(new Visitor().approve(authorizeURL(standIn)))).status).toBe(400);
    answer = { status: 404, body: `<link rel="redirect_uri" href="${redirectURI}">` };
    expect((await stuck(new Visitor().approve(authorizeURL(standIn)))).status).toBe(400);
  });

  test('shows the ID of a client that is named as another one', async () => {
    const standIn = await start(name);
    answer.body = answer.body.replace(`href="${id}"`, 'href="https://bank.example/"');
    expect((await new Visitor().get(authorizeURL(standIn))).text).toContain(`<h1>${id}</h1>`);
  });

  test('is particular about /api/i', async () => {
    const standIn = await start(name);
    const token = (await redeem(standIn, await code(standIn))).json.access_token as string;
    expect((await whoIs(standIn, token, { body: '' })).status).toBe(400);
    expect(
      (await whoIs(standIn, token, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }))
        .status,
    ).toBe(415);
    expect((await ask(`${standIn.origin}/api/i`)).status).toBe(405);
    expect((await whoIs(standIn, token, { headers: { authorization: `bearer ${token}` } })).status).toBe(401);
    const poor = (await redeem(standIn, await code(standIn, 'bob', { scope: 'read:drive' }))).json
      .access_token;
    expect((await whoIs(standIn, poor as string)).json.error.code).toBe('PERMISSION_DENIED');
    standIn.account('alice').suspended = true;
    expect((await whoIs(standIn, token)).json.error.code).toBe('YOUR_ACCOUNT_SUSPENDED');
  });
});

test.each([
  ['misskey2026', 200],
  ['misskey2025', 400],
  ['misskey2025Early', 500],
] as const)('a document in JSON: %s answers %i', async (name, status) => {
  const standIn = await start(name);
  const { origin } = new URL(id);
  const document = { client_id: id, client_uri: origin, client_name: 'A & B', redirect_uris: [redirectURI] };
  answer = { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(document) };
  expect((await new Visitor().get(authorizeURL(standIn))).status).toBe(status);
  answer.body = JSON.stringify({ ...document, client_id: 'https://bank.example/' });
  expect((await new Visitor().get(authorizeURL(standIn))).status).not.toBe(200);
});

describe('documents', () => {
  test.each([...byURL, 'sharkey'] as const)('%s describes itself, and registers nobody', async (name) => {
    const { origin, persona } = await start(name);
    const { json } = await ask(`${origin}/.well-known/oauth-authorization-server`);
    expect(json).toMatchObject({ issuer: origin, authorization_response_iss_parameter_supported: true });
    expect(json.app_registration_endpoint).toBeUndefined();
    expect((await ask(`${origin}/nodeinfo/2.0`)).json.software).toEqual(persona.software);
    const v1 = await ask(`${origin}/api/v1/instance`);
    expect(v1.status).toBe(name === 'sharkey' ? 401 : 404);
    expect((await ask(`${origin}/.well-known/openid-configuration`)).headers.get('content-type')).toContain(
      'html',
    );
  });

  test('one that only has MiAuth answers with its page', async () => {
    const { origin } = await start('miAuthOnly');
    const page = await ask(`${origin}/.well-known/oauth-authorization-server`);
    expect([page.status, page.json]).toEqual([200, undefined]);
    expect((await ask(`${origin}/oauth/token`, { method: 'POST' })).status).toBe(404);
  });

  test('WebFinger knows its own people, in any case, while the server federates', async () => {
    const standIn = await start('misskey2025');
    const finger = (handle: string) => ask(`${standIn.origin}/.well-known/webfinger?resource=acct:${handle}`);
    expect((await finger(`ALICE@${standIn.host}`)).json).toMatchObject({
      subject: `acct:alice@${standIn.host}`,
      links: [{ rel: 'self', href: standIn.actorOf(standIn.account('alice')) }, {}],
    });
    expect((await finger(`nobody@${standIn.host}`)).status).toBe(404);
    expect((await finger('alice@elsewhere.example')).status).toBe(422);
    standIn.federates = false;
    expect((await finger(`alice@${standIn.host}`)).status).toBe(403);
    expect((await ask(`${standIn.origin}/nodeinfo/2.1`)).status).toBe(200);
  });
});
