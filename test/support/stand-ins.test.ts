/** Every stand-in logs in the right account, and refuses codes like its server family. */

import { createHash } from 'node:crypto';
import { selfSigned } from './certificate.js';
import { personas, soundFamilies, startSplitPair, type PersonaName, type StandIn } from './instance.js';
import { anInstance } from './stage.js';
import { Visitor } from './visitor.js';

const redirectURI = 'https://site.example/callback/here';
const verifier = 'a-verifier-of-more-than-forty-three-characters-0123456789';
const families = Object.keys(personas) as PersonaName[];

interface Client {
  readonly client_id: string;
  readonly client_secret: string;
}

async function send(standIn: StandIn, path: string, form: Record<string, string>) {
  const { status, text } = await new Visitor().post(standIn.origin + path, form);
  return { status, json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown> };
}

async function register(standIn: StandIn): Promise<Client> {
  const form = { client_name: 'A test', redirect_uris: redirectURI, scopes: 'read' };
  const { client_id, client_secret } = (await send(standIn, '/api/v1/apps', form)).json as unknown as Client;
  return { client_id, client_secret };
}

async function codeFor(standIn: StandIn, { client_id }: Client, as = 'alice'): Promise<string> {
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id, redirect_uri: redirectURI, scope: 'read', state: 'a-state' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    ...{ code_challenge_method: 'S256', force_login: 'true' },
  });
  const back = await new Visitor().approve(`${standIn.origin}/oauth/authorize?${query.toString()}`, { as });
  expect(new URL(back).searchParams.get('state')).toBe('a-state');
  return new URL(back).searchParams.get('code') ?? '';
}

function redeem(standIn: StandIn, client: Client, code: string, changes: Record<string, string> = {}) {
  const grant = { grant_type: 'authorization_code', redirect_uri: redirectURI, code_verifier: verifier };
  return send(standIn, '/oauth/token', { ...grant, ...client, code, ...changes });
}

async function ownerOf(standIn: StandIn, token: unknown): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${String(token)}` };
  const page = await new Visitor().get(`${standIn.origin}/api/v1/accounts/verify_credentials`, headers);
  return page.status === 200 ? (page.json() as { username: string }).username : undefined;
}

test.each(families)('%s logs alice in, once and by the code', async (name) => {
  const standIn = await anInstance(name);
  const client = await register(standIn);
  const { status, json } = await redeem(standIn, client, await codeFor(standIn, client));
  expect([status, await ownerOf(standIn, json['access_token'])]).toEqual([200, 'alice']);
  expect([standIn.registrations, standIn.tokensIssued]).toEqual([1, 1]);
});

test.each(soundFamilies)('%s refuses every code but the client’s own with its verifier', async (name) => {
  const standIn = await anInstance(name);
  const [client, other] = [await register(standIn), await register(standIn)];
  const ofAlice = await codeFor(standIn, client);
  await codeFor(standIn, client, 'bob');
  const used = await redeem(standIn, client, ofAlice);
  expect(await ownerOf(standIn, used.json['access_token'])).toBe('alice');
  const again = (await redeem(standIn, client, ofAlice)).status;
  expect(again === 200).toBe(['pleroma', 'akkoma'].includes(name));
  const { pkce } = personas[name].token;
  for (const [changes, isRefused] of [
    [{ code: 'invented' }, true],
    [{ ...other }, true],
    [{ client_secret: 'x' }, true],
    [{ redirect_uri: `${redirectURI}/` }, true],
    [{ code_verifier: 'x'.repeat(43) }, pkce],
  ] as [Record<string, string>, boolean][]) {
    const { status, json } = await redeem(standIn, client, await codeFor(standIn, client), changes);
    expect([changes, status >= 400, 'access_token' in json]).toEqual([changes, isRefused, !isRefused]);
  }
});

test('snac ignores the code: the token is for the account that consented last', async () => {
  const standIn = await anInstance('snac');
  const client = await register(standIn);
  const ofAlice = await codeFor(standIn, client);
  await codeFor(standIn, client, 'bob');
  const { json } = await redeem(standIn, client, ofAlice);
  expect(await ownerOf(standIn, json['access_token'])).toBe('bob');
});

test.each(['redirect', 'direct', 'host-meta'] as const)('a split domain in the style %s', async (style) => {
  const { accountDomain, webHost, close } = await startSplitPair('mastodon45', { style });
  const resource = `/.well-known/webfinger?resource=acct:alice@${accountDomain.host}`;
  const { status, location = accountDomain.origin + resource } = await new Visitor().get(
    accountDomain.origin + resource,
  );
  expect(status).toBe({ redirect: 301, direct: 200, 'host-meta': 404 }[style]);
  const page = await new Visitor().get(style === 'host-meta' ? webHost.origin + resource : location);
  expect((page.json() as { subject: string }).subject).toBe(`acct:alice@${accountDomain.host}`);
  await close();
});

test('a test sees requests and connections, answers routes itself, and closes while a request waits', async () => {
  const standIn = await anInstance('mastodon45', { tls: selfSigned(['localhost']) });
  const ask = async () => (await new Visitor().get(`${standIn.origin}/api/v1/instance`)).status;
  standIn.answerWith('/api/v1/instance', 503, { error: 'down' });
  const end = standIn.answerWith('GET /api/v1/instance', 404, '', {});
  expect(await ask()).toBe(404);
  end();
  expect(await ask()).toBe(503);
  expect([standIn.requestsTo(/instance$/).length, standIn.connections]).toEqual([2, 2]);
  standIn.latencyMs = 60_000;
  const waiting = ask();
  while (standIn.requests.length < 3) await new Promise((resolve) => setImmediate(resolve));
  await standIn.close();
  await expect(waiting).rejects.toThrow();
});
