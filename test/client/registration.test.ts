/** The registration of an app: the request, its responses, and the requested scope. */

import { readRegistration, registerApp, throttledFor } from '../../lib/client/registration.js';
import type { Handler } from '../support/instance.js';
import { contextOf, httpTo } from '../support/network.js';
import { anInstance, answerOf } from '../support/stage.js';

const client = { client_id: 'id', client_secret: 'secret' };

it('the credentials are read, whatever else is in the answer', () => {
  const answer = answerOf(201, { ...client, id: 7, vapid_key: 'x', client_secret_expires_at: 0 });
  expect(readRegistration(answer)).toEqual({ clientId: 'id', clientSecret: 'secret' });
});

it.each([
  ['1795176000', 1_795_176_000_000],
  ['0', undefined],
  ['-1', undefined],
  ['1e999', undefined],
  ['1e308', undefined],
  ['null', undefined],
  ['"1795176000"', undefined],
])('a secret that expires at %s, in seconds, does so at %s, in milliseconds', (seconds, milliseconds) => {
  const text = `{"client_id":"id","client_secret":"secret","client_secret_expires_at":${seconds}}`;
  expect(readRegistration(answerOf(200, text))).toStrictEqual({
    clientId: 'id',
    clientSecret: 'secret',
    ...(milliseconds !== undefined && { secretExpiresAt: milliseconds }),
  });
});

it.each([
  ['an HTML page', answerOf(200, '<title>Hello</title>', 'text/html'), 'response_invalid'],
  [
    'a form',
    answerOf(200, 'client_id=x&client_secret=y', 'application/x-www-form-urlencoded'),
    'response_invalid',
  ],
  ['a list', answerOf(200, [client]), 'response_invalid'],
  ['no secret', answerOf(200, { client_id: 'id' }), 'response_invalid'],
  ['an empty secret', answerOf(200, { ...client, client_secret: '' }), 'response_invalid'],
  ['an id that is a number', answerOf(200, { ...client, client_id: 7 }), 'response_invalid'],
  ['an id with a line break', answerOf(200, { ...client, client_id: 'a\r\nb' }), 'response_invalid'],
  ['an id that is a URL', answerOf(200, { ...client, client_id: 'https://x.example/c' }), 'response_invalid'],
  [
    'an id that is a URL in capitals',
    answerOf(200, { ...client, client_id: 'HTTP://x' }),
    'response_invalid',
  ],
  ['a secret without end', answerOf(200, { ...client, client_secret: 'x'.repeat(2049) }), 'response_invalid'],
  ['a redirect', answerOf(302, ''), 'registration_refused'],
  ['400', answerOf(400, client), 'registration_refused'],
  ['401', answerOf(401, ''), 'registration_refused'],
  ['403', answerOf(403, '<title>Forbidden</title>', 'text/html'), 'registration_refused'],
  ['404', answerOf(404, ''), 'instance_unsupported'],
  ['405', answerOf(405, ''), 'instance_unsupported'],
  ['422', answerOf(422, { error: 'Validation failed' }), 'registration_refused'],
  ['429', answerOf(429, ''), 'registration_throttled'],
  ['500', answerOf(500, ''), 'instance_unreachable'],
  ['503', answerOf(503, ''), 'instance_unreachable'],
  [
    'an app for one login',
    answerOf(200, { ...client, client_id: Buffer.from('https://x.example/auth/y').toString('base64') }),
    'instance_unsupported',
  ],
  ['a challenge', answerOf(403, '<p>', 'text/html', { 'cf-mitigated': 'challenge' }), 'instance_blocked'],
  [
    "Mastodon's word for a scope it does not know",
    answerOf(422, { error: "Validation failed: Scopes doesn't match configured on the server." }),
    'scope_refused',
  ],
  ['the name of that error', answerOf(400, { error: 'invalid_scope' }), 'scope_refused'],
  [
    'a list of errors that names the field',
    answerOf(422, { error: { issues: [{ path: ['scopes'] }] } }),
    'scope_refused',
  ],
  ['a page that names a scope', answerOf(400, '<p>invalid scope', 'text/html'), 'registration_refused'],
  ['a scope in another status', answerOf(403, { error: 'invalid_scope' }), 'registration_refused'],
])('%s is a failure with its own code, which names the server', (_what, answer, code) => {
  const failure = { code, instance: 'social.example', cause: expect.any(Error) as unknown };
  expect(() => readRegistration(answer)).toThrow(expect.objectContaining(failure));
});

it('the error names the reason that apps serve one login', () => {
  const id = Buffer.from('https://x.example/auth/y').toString('base64');
  const read = () => readRegistration(answerOf(200, { ...client, client_id: id }));
  expect(read).toThrow(expect.objectContaining({ reason: 'single_use_apps' }));
});

/** The cause of the failure that an answer is. */
function causeOf(answer: Parameters<typeof readRegistration>[0]): unknown {
  try {
    readRegistration(answer);
  } catch (error) {
    return (error as Error).cause;
  }
  throw new Error('accepted');
}

describe('a server that asks for fewer requests receives none for a while', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');

  it.each([
    [{ 'retry-after': '30' }, 30_000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT' }, 60_000],
    [{ 'x-ratelimit-reset': '2026-11-20T12:05:00.000000Z' }, 300_000],
    [{ 'x-ratelimit-reset': String(now / 1000 + 20) }, 20_000],
    [{ 'retry-after': '5', 'x-ratelimit-reset': '2026-11-20T12:05:00Z' }, 5_000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT'.padEnd(64) }, 60_000],
  ])('for as long as it says: %j', (headers, milliseconds) => {
    expect(throttledFor(headers, now)).toBe(milliseconds);
  });

  it.each([
    [{ 'retry-after': '9999999' }],
    [{ 'x-ratelimit-reset': '9999-01-01T00:00:00Z' }],
    [{ 'x-ratelimit-reset': '99999999999' }],
  ])('but never longer than ten minutes: %j', (headers) => {
    expect(throttledFor(headers, now)).toBe(600_000);
  });

  it.each([
    [{}],
    [{ 'retry-after': '' }],
    [{ 'retry-after': '0' }],
    [{ 'retry-after': '-5' }],
    [{ 'retry-after': 'soon' }],
    [{ 'retry-after': 'at 1795176020' }],
    [{ 'retry-after': '1795176020 or so' }],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT'.padEnd(65) }],
    [{ 'x-ratelimit-reset': '2030, 1' }],
    [{ 'retry-after': 'x'.repeat(1000) }],
    [{ 'x-ratelimit-reset': '1, 2' }],
    [{ 'x-ratelimit-reset': '2020-01-01T00:00:00Z' }],
  ])('not at all if its headers name no usable time: %j', (headers) => {
    expect(throttledFor(headers, now)).toBeUndefined();
  });

  it.each([
    {},
    { 'retry-after': 'soon' },
    { 'retry-after': '0' },
    { 'x-ratelimit-reset': '2020-01-01T00:00:00Z' },
  ])('for ten seconds after status 429 whose headers name no usable time: %j', (headers) => {
    expect(causeOf(answerOf(429, '', 'text/html', headers))).toMatchObject({
      ...{ status: 429, retryAfterMs: 10_000 },
    });
  });

  it.each([403, 503])('but not after another status: %s', (status) => {
    const message = expect.stringMatching(/ \d+$/) as unknown;
    expect(causeOf(answerOf(status, ''))).toMatchObject({ status, retryAfterMs: undefined, message });
  });

  it('and the failure contains the time', () => {
    const cause = causeOf(answerOf(429, '', 'text/html', { 'retry-after': '30' }));
    expect(cause).toMatchObject({ status: 429, retryAfterMs: 30_000 });
  });
});

it('a refused scope names the wrong option for the developer', () => {
  const message = expect.stringContaining('"scope"') as string;
  expect(causeOf(answerOf(422, { error: 'invalid_scope' }))).toMatchObject({ status: 422, message });
});

describe('at a server', () => {
  async function aServer() {
    const server = await anInstance();
    const context = contextOf(httpTo([server]));
    const register = (changes: Partial<typeof app> = {}) =>
      registerApp(context, `${server.origin}/api/v1/apps`, { ...app, host: server.host, ...changes });
    const registerFor = (scope: string, isScopeOfSite: boolean) => register({ scope, isScopeOfSite });
    const scopesAsked = () => server.requests.map(({ body }) => body['scopes']);
    return { server, register, registerFor, scopesAsked };
  }

  const app = {
    clientName: 'Example',
    redirectURI: 'https://site.example/callback/social.example',
    scope: 'read:accounts',
    isScopeOfSite: true,
    website: undefined as string | undefined,
  };

  it.each([
    [{ website: undefined }, {}],
    [{ website: 'https://site.example' }, { website: 'https://site.example' }],
  ])('an app is registered by one form, with no empty field: %j', async (changes, sent) => {
    const { server, register } = await aServer();
    const client = await register(changes);
    const [asked, ...more] = server.requests;
    expect(asked).toMatchObject({ method: 'POST', path: '/api/v1/apps' });
    expect(asked?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(asked?.body).toEqual({
      client_name: 'Example',
      redirect_uris: app.redirectURI,
      scopes: 'read:accounts',
      ...sent,
    });
    expect(more).toEqual([]);
    expect(server.apps.get(client.clientId)?.clientSecret).toBe(client.clientSecret);
  });

  it('a refusal names it', async () => {
    const { server, register } = await aServer();
    server.answerWith('/api/v1/apps', 403, { error: 'This action is not allowed' });
    await expect(register()).rejects.toMatchObject({ code: 'registration_refused', instance: server.host });
  });

  it.each([
    [422, { error: "Validation failed: Scopes doesn't match configured on the server." }],
    [400, { error: 'Validation failed' }],
  ])('that refuses the scope chosen for it is asked for “read”: %i %j', async (status, body) => {
    const { server, registerFor, scopesAsked } = await aServer();
    const refuse: Handler = (_req, res) =>
      void res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    server.answer('/api/v1/apps', refuse, { once: true });
    expect(await registerFor('profile', false)).toMatchObject({
      scope: 'read',
      redirectURI: app.redirectURI,
    });
    expect(scopesAsked()).toEqual(['profile', 'read']);
  });

  it.each<[string, number, string, boolean, string, number]>([
    ['the site’s own scope is the site’s mistake', 422, 'profile', true, 'scope_refused', 1],
    ['a scope that the site did not choose is not', 422, 'profile', false, 'registration_refused', 2],
    ['“read” is not asked for twice', 422, 'read', false, 'registration_refused', 1],
    ['trouble is no refusal of the scope', 503, 'profile', false, 'instance_unreachable', 1],
    ['a ban is no refusal of the scope', 403, 'profile', false, 'registration_refused', 1],
  ])('%s', async (_what, status, scope, isScopeOfSite, code, requests) => {
    const { server, registerFor, scopesAsked } = await aServer();
    server.answerWith('/api/v1/apps', status, { error: 'invalid_scope' });
    await expect(registerFor(scope, isScopeOfSite)).rejects.toMatchObject({ code, instance: server.host });
    expect(scopesAsked()).toHaveLength(requests);
  });
});
