/** What an instance is asked when a site registers and offers a made-up code, and what its answers say. */

import type { RefusedError } from '../../lib/client/registration.js';
import {
  acceptedForgedCode,
  assertCodesAreChecked,
  readRegistration,
  registerApp,
  throttledFor,
  UncheckedCodesError,
} from '../../lib/client/registration.js';
import { startInstance, type PersonaName, type StandIn } from '../support/instance.js';
import { networkTo } from '../support/network.js';
import { anInstanceRecord, answerOf } from '../support/records.js';

const client = { client_id: 'id', client_secret: 'secret' };

it('the credentials, whatever else is in the answer', () => {
  const answer = answerOf(201, { ...client, id: 7, vapid_key: 'x', client_secret_expires_at: 0 });
  expect(readRegistration(answer, 'social.example')).toEqual({ clientId: 'id', clientSecret: 'secret' });
});

it.each([
  ['1795176000', 1_795_176_000_000],
  ['0', undefined],
  ['-1', undefined],
  ['1e999', undefined],
  ['null', undefined],
  ['"1795176000"', undefined],
])('a secret that expires at %s, in seconds, does so at %s, in milliseconds', (seconds, milliseconds) => {
  const text = `{"client_id":"id","client_secret":"secret","client_secret_expires_at":${seconds}}`;
  expect(readRegistration(answerOf(200, text), 'social.example')).toStrictEqual({
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
  expect(() => readRegistration(answer, 'social.example')).toThrow(expect.objectContaining(failure));
});

it('that apps serve one login is told as the reason', () => {
  const id = Buffer.from('https://x.example/auth/y').toString('base64');
  const read = () => readRegistration(answerOf(200, { ...client, client_id: id }), 'social.example');
  expect(read).toThrow(expect.objectContaining({ reason: 'single_use_apps' }));
});

describe('a server that asks to be left alone is left alone', () => {
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
  ])('not at all where it says nothing of use: %j', (headers) => {
    expect(throttledFor(headers, now)).toBeUndefined();
  });

  it.each([
    {},
    { 'retry-after': 'soon' },
    { 'retry-after': '0' },
    { 'x-ratelimit-reset': '2020-01-01T00:00:00Z' },
  ])('for a moment, where it has had enough and says nothing of use: %j', (headers) => {
    try {
      readRegistration(answerOf(429, '', 'text/html', headers), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toMatchObject({ status: 429, retryAfterMs: 10_000 });
    }
  });

  it.each([403, 503])('but not where it is something else: %s', (status) => {
    const cause = { status, retryAfterMs: undefined, message: expect.stringMatching(/ \d+$/) as unknown };
    expect(() => readRegistration(answerOf(status, ''), 'social.example')).toThrow(
      expect.objectContaining({ cause: expect.objectContaining(cause) as unknown }),
    );
  });

  it('a refused scope tells the developer which option is at fault', () => {
    try {
      readRegistration(answerOf(422, { error: 'invalid_scope' }), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toMatchObject({
        status: 422,
        message: expect.stringContaining('"scope"') as string,
      });
    }
  });

  it('and the failure carries the time', () => {
    try {
      readRegistration(answerOf(429, '', 'text/html', { 'retry-after': '30' }), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toEqual(
        expect.objectContaining<Partial<RefusedError>>({ status: 429, retryAfterMs: 30_000 }),
      );
    }
  });
});

it.each([
  ['a token', answerOf(200, { access_token: 'x' }), true],
  ['a token with another success', answerOf(201, { access_token: 'x' }), true],
  ['a token beside an error', answerOf(200, { access_token: 'x', error: 'no' }), true],
  ['an empty success', answerOf(200, '', 'text/html'), true],
  ['a token as a form', answerOf(200, 'access_token=x', 'application/x-www-form-urlencoded'), true],
  ['a success that says nothing', answerOf(200, {}), true],
  ['an error that is an object', answerOf(200, { error: {} }), true],
  ['an error in a success', answerOf(200, { error: 'invalid_grant' }), false],
  ['400', answerOf(400, { error: 'invalid_grant' }), false],
  ['401', answerOf(401, ''), false],
  ['a redirect', answerOf(302, ''), false],
  ['500', answerOf(500, { access_token: 'x' }), false],
])('whether a forged code was accepted is told by %s', (_what, answer, accepted) => {
  expect(acceptedForgedCode(answer)).toBe(accepted);
});

describe('at a server', () => {
  const running: StandIn[] = [];
  afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));

  async function aServer(persona: PersonaName = 'mastodon45') {
    const server = await startInstance(persona);
    running.push(server);
    const instance = {
      ...anInstanceRecord({ origin: server.origin }),
      registrationEndpoint: `${server.origin}/api/v1/apps`,
    };
    return { server, instance, network: networkTo([server]) };
  }

  const app = {
    clientName: 'Example',
    redirectURI: 'https://site.example/callback/social.example',
    scope: 'read:accounts',
    website: undefined,
  };

  it.each([
    [{ website: undefined }, {}],
    [{ website: 'https://site.example' }, { website: 'https://site.example' }],
  ])('an app is registered by one form, with no empty field: %j', async ({ website }, sent) => {
    const { server, instance, network } = await aServer();
    const client = await registerApp(network, instance, { ...app, website });
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

  it('a refusal is told with its name', async () => {
    const { server, instance, network } = await aServer();
    server.answerWith('/api/v1/apps', 403, { error: 'This action is not allowed' });
    await expect(registerApp(network, instance, app)).rejects.toMatchObject({
      code: 'registration_refused',
      instance: server.host,
    });
  });

  /** Registers, and offers a code that was never issued; then the same once more. */
  async function offered(persona: PersonaName, answer?: Parameters<StandIn['answerWith']>) {
    const { server, instance, network } = await aServer(persona);
    const client = { ...(await registerApp(network, instance, app)), redirectURI: app.redirectURI };
    if (answer) server.answerWith(...answer);
    const check = () => assertCodesAreChecked(network, instance, client);
    const outcomes = await Promise.allSettled([check(), check()]);
    const failures = outcomes.map((one) => (one.status === 'rejected' ? (one.reason as unknown) : undefined));
    return { server, client, failure: failures[0], asked: server.requestsTo('/oauth/token') };
  }

  it('a made-up code is offered as a real one would be, and each time another', async () => {
    const { client, failure, asked } = await offered('mastodon45');
    expect(failure).toBeUndefined();
    const [first, second] = asked.map(({ body }) => body);
    expect(first).toEqual({
      grant_type: 'authorization_code',
      code: expect.stringMatching(/^[\w-]{43}$/) as unknown,
      client_id: client.clientId,
      client_secret: client.clientSecret,
      redirect_uri: app.redirectURI,
      code_verifier: expect.stringMatching(/^[\w-]{43}$/) as unknown,
    });
    expect(first?.['code']).not.toBe(second?.['code']);
    expect(first?.['code']).not.toBe(first?.['code_verifier']);
  });

  it('that gives a token for it nobody is logged in, for good', async () => {
    const { server, failure } = await offered('snac');
    expect(failure).toMatchObject({ code: 'instance_insecure', instance: server.host });
    const { cause } = failure as Error;
    expect(cause).toBeInstanceOf(UncheckedCodesError);
    expect((cause as Error).message).toMatch(/code/);
  });

  it.each<[string, number, unknown, Record<string, string>, string | undefined]>([
    ['a success that says nothing', 200, {}, {}, 'instance_insecure'],
    ['nothing', 204, undefined, {}, 'instance_insecure'],
    ['a limit', 429, { error: 'Too many requests' }, {}, 'instance_unreachable'],
    ['a gateway without a server', 502, '', {}, 'instance_unreachable'],
    ['a server under repair', 503, '', {}, 'instance_unreachable'],
    ['a page that asks for a human', 503, '<title>Are you human?</title>', {}, 'instance_blocked'],
    ['a page of what stands in front', 403, '<title>Forbidden</title>', {}, 'instance_blocked'],
    ['a challenge', 401, {}, { 'cf-mitigated': 'challenge' }, 'instance_blocked'],
    ['a crash, as Takahe does', 500, '<title>Error</title>', {}, undefined],
    ['what it has not implemented', 501, {}, {}, undefined],
    ['a refusal in a success', 200, { error: 'invalid_grant' }, {}, undefined],
  ])('that answers it with %s (%s) it is not for good: %j', async (_what, status, body, headers, code) => {
    const { server, failure } = await offered('mastodon45', ['/oauth/token', status, body, headers]);
    if (code === undefined) return expect(failure).toBeUndefined();
    expect(failure).toMatchObject({ code, instance: server.host });
    expect((failure as Error).cause).not.toBeInstanceOf(UncheckedCodesError);
  });
});
