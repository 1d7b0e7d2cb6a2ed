/** An OAuth client in plain fetch, which does what it is told: for tests of the stand-ins themselves. */

import { createHash } from 'node:crypto';
import { personas, startInstance, type Overrides, type PersonaName, type StandIn } from './instance.js';
import { StuckAtInstance, Visitor } from './visitor.js';

export const redirectURI = 'https://site.example/callback/here';
export const verifier = 'a-verifier-of-more-than-forty-three-characters-0123456789';
const challenge = createHash('sha256').update(verifier).digest('base64url');

/** Families in which one registered app serves many logins and the code decides who logs in. */
export const sound = Object.keys(personas).filter(
  (name) => !['snac', 'sharkey'].includes(name),
) as PersonaName[];
export const everyone = Object.keys(personas) as PersonaName[];

/** What runs is closed after each test. */
export const running: { close(): Promise<void> }[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));

export async function start(name: PersonaName, overrides?: Overrides): Promise<StandIn> {
  const standIn = await startInstance(name, overrides);
  running.push(standIn);
  return standIn;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the families answer in all shapes
  json: any;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const headers = {
    connection: 'close',
    'user-agent': 'a test',
    ...(init.headers as Record<string, string>),
  };
  const response = await fetch(url, { redirect: 'manual', ...init, headers });
  const text = await response.text();
  const isJSON = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJSON ? JSON.parse(text) : undefined,
  };
}

export function send(
  standIn: StandIn,
  path: string,
  form: Record<string, string>,
  headers = {},
): Promise<Answer> {
  return ask(standIn.origin + path, { method: 'POST', body: new URLSearchParams(form), headers });
}

export interface Client {
  readonly client_id: string;
  readonly client_secret: string;
}

export async function register(standIn: StandIn, scopes = 'read', uri = redirectURI): Promise<Client> {
  const { status, json } = await send(standIn, '/api/v1/apps', {
    client_name: 'A test',
    redirect_uris: uri,
    scopes,
  });
  expect(status).toBe(200);
  const { client_id, client_secret } = json as Client;
  return { client_id, client_secret };
}

export function authorizeURL(standIn: StandIn, client: Client, changes: Record<string, string> = {}): string {
  const params = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectURI,
    scope: 'read',
    state: 'a-state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    force_login: 'true',
    ...changes,
  });
  return `${standIn.origin}/oauth/authorize?${params.toString()}`;
}

export async function code(
  standIn: StandIn,
  client: Client,
  as = 'alice',
  visitor = new Visitor(),
): Promise<string> {
  const back = new URL(await visitor.approve(authorizeURL(standIn, client), { as }));
  expect(back.searchParams.get('state')).toBe('a-state');
  return back.searchParams.get('code') ?? '';
}

export function redeem(standIn: StandIn, client: Client, text: string, changes: Record<string, string> = {}) {
  return send(standIn, '/oauth/token', {
    grant_type: 'authorization_code',
    ...client,
    code: text,
    redirect_uri: redirectURI,
    code_verifier: verifier,
    ...changes,
  });
}

export async function stuck(promise: Promise<string>): Promise<StuckAtInstance['page']> {
  const outcome: unknown = await promise.catch((error: unknown) => error);
  if (!(outcome instanceof StuckAtInstance)) throw new Error(`Not stuck: ${String(outcome)}`);
  return outcome.page;
}

export function verify(standIn: StandIn, token: string, scheme = 'Bearer'): Promise<Answer> {
  return ask(`${standIn.origin}/api/v1/accounts/verify_credentials`, {
    headers: { authorization: `${scheme} ${token}` },
  });
}
