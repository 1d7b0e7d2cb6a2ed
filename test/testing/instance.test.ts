/** The testing instance over HTTP is as strict as a real server. */

import { createHash, randomBytes } from 'node:crypto';
import { startInstance, type TestInstance } from '../../lib/testing/index.js';
import { Browser } from '../example/browser';

const redirectUri = 'http://localhost:9/callback';
const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');

let instance: TestInstance;
let origin: string;
let client: { client_id: string; client_secret: string };

beforeAll(async () => {
  instance = await startInstance();
  ({ origin } = instance);
  client = (await post('/api/v1/apps', registration)).json as typeof client;
});

afterAll(() => instance.close());

const registration = { client_name: 'Test', redirect_uris: redirectUri, scopes: 'profile' };

async function post(
  path: string,
  fields: Record<string, string>,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${origin}${path}`, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

function authorizeURL(changes: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUri,
    scope: 'profile',
    state: 'abc',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...changes,
  });
  return `${origin}/oauth/authorize?${query}`;
}

async function code(): Promise<string> {
  const consent = await new Browser().open(authorizeURL());
  const body = new URLSearchParams({ ...consent.forms[0]!.fields, account: 'tove', answer: 'allow' });
  const answer = await fetch(`${origin}/oauth/authorize`, { method: 'POST', body, redirect: 'manual' });
  const back = new URL(answer.headers.get('location')!);
  expect([answer.status, back.origin + back.pathname]).toEqual([303, redirectUri]);
  expect([back.searchParams.get('state'), back.searchParams.get('iss')]).toEqual(['abc', `${origin}/`]);
  return back.searchParams.get('code')!;
}

const exchange = async (changes: Record<string, string> = {}) =>
  post('/oauth/token', {
    grant_type: 'authorization_code',
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...client,
    ...changes,
  });

it('gives a token for a code, and the account for the token', async () => {
  const { status, json } = await exchange({ code: await code() });
  expect([status, json.scope]).toEqual([200, 'profile']);
  const me = `${origin}/api/v1/accounts/verify_credentials`;
  const answer = await fetch(me, { headers: { authorization: `Bearer ${String(json.access_token)}` } });
  expect(await answer.json()).toMatchObject({ id: '2', acct: 'tove', uri: `${origin}/users/tove` });
  expect((await fetch(me, { headers: { authorization: 'Bearer x' } })).status).toBe(401);

  expect((await post('/oauth/revoke', { ...client, token: String(json.access_token) })).status).toBe(200);
  const later = await fetch(me, { headers: { authorization: `Bearer ${String(json.access_token)}` } });
  expect(later.status).toBe(401);
});

it('accepts a code once', async () => {
  const once = await code();
  const answers = await Promise.all([exchange({ code: once }), exchange({ code: once })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
});

it.each([
  ['another redirect URI', { redirect_uri: `${redirectUri}/` }, 400],
  ['another verifier', { code_verifier: 'x'.repeat(43) }, 400],
  ['another code', { code: 'x' }, 400],
  ['another secret', { client_secret: 'ü'.repeat(43) }, 401],
  ['another client', { client_id: 'x' }, 401],
])('refuses %s at the token endpoint', async (_what, changes, expected) => {
  const { status, json } = await exchange({ code: await code(), ...changes });
  expect(status).toBe(expected);
  expect(json.access_token).toBeUndefined();
});

it.each([
  ['an unknown client', { client_id: 'x' }],
  ['another redirect URI', { redirect_uri: `${redirectUri}?a=b` }],
  ['another scope', { scope: 'profile read' }],
  ['a request without PKCE', { code_challenge: '' }],
  ['a plain challenge', { code_challenge_method: 'plain' }],
])('shows a page of its own for %s, and sends no visitor back', async (_what, changes) => {
  const answer = await fetch(authorizeURL(changes), { redirect: 'manual' });
  expect(answer.status).toBe(400);
});

it('confirms valid client credentials', async () => {
  const grant = { grant_type: 'client_credentials', scope: 'profile', redirect_uri: redirectUri };
  expect((await post('/oauth/token', { ...grant, ...client })).status).toBe(200);
  expect((await post('/oauth/token', { ...grant, ...client, client_secret: 'x' })).json.error).toBe(
    'invalid_client',
  );
});

it('registers no app without a name, an address or scopes that exist', async () => {
  for (const changes of [{ client_name: '' }, { redirect_uris: 'nowhere' }, { scopes: 'everything' }]) {
    expect((await post('/api/v1/apps', { ...registration, ...changes })).status).toBe(422);
  }
});

it('describes itself under its own origin only, and answers for its own accounts only', async () => {
  const json = async (path: string) =>
    (await fetch(origin + path)).json() as Promise<Record<string, unknown>>;
  const metadata = await json('/.well-known/oauth-authorization-server');
  const endpoints = Object.entries(metadata).filter(([name]) => /issuer|_endpoint$/.test(name));
  expect(endpoints.every(([, value]) => new URL(String(value)).origin === origin)).toBe(true);
  const { host } = new URL(origin);
  const finger = await json(`/.well-known/webfinger?resource=acct:wren@${host}`);
  expect(finger.subject).toBe(`acct:wren@${host}`);
  expect((await fetch(`${origin}/.well-known/webfinger?resource=acct:wren@example.com`)).status).toBe(404);
});

describe('scopes and posts', () => {
  let ada: TestInstance;
  beforeAll(
    async () => (ada = await startInstance({ accounts: [{ username: 'ada', posts: ['Newer', 'Older'] }] })),
  );
  afterAll(() => ada.close());

  /** A token that the account's owner granted with these scopes. */
  async function tokenWith(scope: string): Promise<string> {
    const call = async (path: string, fields: Record<string, string>) => {
      const answer = await fetch(`${ada.origin}${path}`, {
        method: 'POST',
        body: new URLSearchParams(fields),
      });
      expect(answer.status).toBe(200);
      return (await answer.json()) as Record<string, string>;
    };
    const { client_id = '', client_secret = '' } = await call('/api/v1/apps', {
      ...registration,
      scopes: scope,
    });
    const asked = new URL(authorizeURL({ client_id, scope }));
    const back = new URL(await ada.approve(`${ada.origin}${asked.pathname}${asked.search}`));
    const grant = { grant_type: 'authorization_code', redirect_uri: redirectUri, code_verifier: verifier };
    const code = back.searchParams.get('code') ?? '';
    const answer = await call('/oauth/token', { ...grant, client_id, client_secret, code });
    expect(answer['scope']).toBe(scope);
    return answer['access_token'] ?? '';
  }

  const statusOf = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await fetch(`${ada.origin}${path}`, { headers })).status;
  };

  it.each([
    ['profile', 200],
    ['read', 200],
    ['read:accounts', 200],
    ['read:accounts read:lists write:statuses', 200],
    ['read:statuses', 403],
    ['read:lists follow', 403],
    ['write', 403],
  ])('a token with %s gets %d from verify_credentials', async (scope, expected) => {
    expect(await statusOf('/api/v1/accounts/verify_credentials', await tokenWith(scope))).toBe(expected);
  });

  it('an account’s posts are public; a token needs a scope that reads them', async () => {
    const path = '/api/v1/accounts/1/statuses';
    const posts = (await (await fetch(`${ada.origin}${path}?limit=1`)).json()) as Record<string, unknown>[];
    expect(posts).toEqual([
      expect.objectContaining({ content: '<p>Newer</p>', account: expect.objectContaining({ acct: 'ada' }) }),
    ]);
    expect(await statusOf(path, await tokenWith('read:statuses'))).toBe(200);
    expect(await statusOf(path, await tokenWith('profile'))).toBe(403);
    expect(await statusOf(path, 'x')).toBe(401);
    expect(await statusOf('/api/v1/accounts/2/statuses')).toBe(404);
  });

  it('a site posts with the token, as a form or as JSON, and the instance escapes the text', async () => {
    const authorization = `Bearer ${await tokenWith('profile write:statuses')}`;
    const post = (body: string, type: string) =>
      fetch(`${ada.origin}/api/v1/statuses`, {
        method: 'POST',
        headers: { authorization, 'content-type': type },
        body,
      });
    expect((await post('status=From+a+form', 'application/x-www-form-urlencoded')).status).toBe(200);
    expect((await post('{"status":"<b>","visibility":"unlisted"}', 'application/json')).status).toBe(200);
    expect((await post('{"status":" "}', 'application/json')).status).toBe(422);
    const list = (await (await fetch(`${ada.origin}/api/v1/accounts/1/statuses`)).json()) as object[];
    expect(list.slice(0, 2)).toMatchObject([
      { content: '<p>&#60;b&#62;</p>', visibility: 'unlisted' },
      { content: '<p>From a form</p>', visibility: 'public' },
    ]);
    const reader = await tokenWith('read');
    const refused = await fetch(`${ada.origin}/api/v1/statuses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${reader}` },
      body: new URLSearchParams({ status: 'x' }),
    });
    expect(refused.status).toBe(403);
  });
});
