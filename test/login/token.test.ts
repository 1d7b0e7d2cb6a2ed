/** How a code is exchanged, and how the responses of the token endpoint and of verify_credentials are read. */

import { fetchAccount, readAccount, readMisskeyAccount } from '../../lib/login/account.js';
import { MastodonError, type MastodonErrorCode } from '../../lib/errors.js';
import {
  afterFailure,
  exchangeCode,
  readTokens,
  UnclearRefusal,
  type FailedLogin,
} from '../../lib/login/exchange.js';
import type { Instance } from '../../lib/options.js';
import type { StandIn } from '../support/instance.js';
import { codeOf, contextOf, httpTo } from '../support/network.js';
import { aLogin, anInstance, anInstanceRecord, answerOf, codeThrownBy, failureOf } from '../support/stage.js';

const read = (status: number, body: unknown, type?: string) => readTokens(answerOf(status, body, type));

it.each([
  ['a token', { access_token: 'x' }, { accessToken: 'x', refreshToken: undefined }],
  [
    'a token and another for later',
    { access_token: 'x', refresh_token: 'y' },
    { accessToken: 'x', refreshToken: 'y' },
  ],
  ['a long token', { access_token: 'x'.repeat(8192) }, { accessToken: 'x'.repeat(8192) }],
  ['a bearer token', { access_token: 'x', token_type: 'bearer' }, { accessToken: 'x' }],
  ['a token of a Bearer', { access_token: 'x', token_type: 'Bearer' }, { accessToken: 'x' }],
  [
    'a strange refresh token',
    { access_token: 'x', refresh_token: { y: 1 } },
    { accessToken: 'x', refreshToken: undefined },
  ],
  ['a number beside it', { access_token: 'x', refresh_token: 7 }, { refreshToken: undefined }],
  ['a text beside it', { access_token: 'x', refresh_token: 'y z' }, { refreshToken: undefined }],
])('%s', (_what, body, tokens) => {
  expect(read(200, body)).toEqual(expect.objectContaining({ ...tokens, params: body }));
});

it.each([
  ['no token', 200, {}, 'response_invalid'],
  ['a token that is an object', 200, { access_token: {} }, 'response_invalid'],
  ['an empty token', 200, { access_token: '' }, 'response_invalid'],
  [
    'a token that would break the header',
    200,
    { access_token: 'x\r\nHost: evil.example' },
    'response_invalid',
  ],
  ['a token with a space', 200, { access_token: 'x y' }, 'response_invalid'],
  ['a token outside ASCII', 200, { access_token: 'é' }, 'response_invalid'],
  ['a token without end', 200, { access_token: 'x'.repeat(8193) }, 'response_invalid'],
  ['a token of another kind', 200, { access_token: 'x', token_type: 'mac' }, 'response_invalid'],
  ['a kind that only ends like it', 200, { access_token: 'x', token_type: 'a bearer' }, 'response_invalid'],
  ['a kind that only begins like it', 200, { access_token: 'x', token_type: 'bearers' }, 'response_invalid'],
  ['a list of kinds', 200, { access_token: 'x', token_type: ['bearer'] }, 'response_invalid'],
  ['a list', 200, [{ access_token: 'x' }], 'response_invalid'],
  ['an unknown code', 400, { error: 'invalid_grant' }, 'token_refused'],
  ['an unknown client', 401, { error: 'invalid_client' }, 'login_restart'],
  ['an unknown client, told with 400', 400, { error: 'invalid_client' }, 'login_restart'],
  ['a wrong redirect URI at GoToSocial', 403, { error: 'Forbidden' }, 'token_refused'],
  ['a wrong code at Takahe', 500, '<title>Error</title>', 'token_refused'],
  ['a grant that is not there', 501, '', 'token_refused'],
  ['a redirect', 302, '', 'token_refused'],
  ['a limit', 429, '', 'instance_unreachable'],
  ['a gateway without a server', 502, '', 'instance_unreachable'],
  ['a server under repair', 503, '', 'instance_unreachable'],
])('%s (%s) is a failure with its own code, which names the server', (_what, status, body, code) => {
  const failure = { code, instance: 'social.example', cause: expect.any(Error) as unknown };
  expect(() => read(status, body)).toThrow(expect.objectContaining(failure));
});

it.each(['application/x-www-form-urlencoded', 'text/html', 'text/plain', 'application/jsonp', ''])(
  'no token is taken out of %j',
  (type) => {
    expect(codeThrownBy(() => read(200, 'access_token=EVIL', type))).toBe('response_invalid');
    expect(codeThrownBy(() => read(200, { access_token: 'EVIL' }, type))).toBe('response_invalid');
  },
);

it.each([
  [400, { error: 'Invalid credentials' }, true],
  [401, '', true],
  [400, { error: { name: 'ZodError' } }, true],
  [400, { error: 'invalid_grant' }, false],
  [403, { error: 'Forbidden' }, false],
  [500, '', false],
])('%s %j may mean an unknown client: %s', (status, body, isUnclear) => {
  let cause: unknown;
  try {
    read(status, body);
  } catch (error) {
    cause = (error as Error).cause;
  }
  expect(cause).toBeInstanceOf(Error);
  expect(cause instanceof UnclearRefusal).toBe(isUnclear);
});

it.each<[string, number, unknown, string, number]>([
  ['a token that is not known', 401, { error: 'The access token is invalid' }, 'account_unusable', 401],
  [
    'an account that is disabled',
    403,
    { error: 'Your login is currently disabled' },
    'account_unusable',
    403,
  ],
  ['an account that is suspended', 200, { id: '1', suspended: true }, 'account_unusable', 403],
  ['a token without a user', 422, '', 'account_unusable', 403],
  ['a redirect', 302, '', 'response_invalid', 502],
  ['another success', 204, '', 'response_invalid', 502],
  ['not found', 404, '', 'response_invalid', 502],
  ['a limit', 429, '', 'instance_unreachable', 503],
  ['a crash', 500, '', 'instance_unreachable', 502],
])('verify_credentials answers with %s (%s)', (_what, answered, body, code, status) => {
  const failure = { code, status, instance: 'social.example', cause: expect.any(Error) as unknown };
  expect(() => readAccount(answerOf(answered, body), 'social.example')).toThrow(
    expect.objectContaining(failure),
  );
});

it('verify_credentials answers with an account, or with something else', () => {
  const answer = answerOf(200, '{"id": "1"}');
  expect(readAccount(answer, 'social.example')).toEqual({ raw: '{"id": "1"}', json: { id: '1' } });
  expect(codeThrownBy(() => readAccount(answerOf(200, [{ id: '1' }]), 'social.example'))).toBe(
    'response_invalid',
  );
});

describe('the account of Misskey', () => {
  const at = anInstanceRecord();
  const account = { id: '9', username: 'Ä lice', name: 'Alice', avatarUrl: 'https://social.example/a.png' };

  it.each([{}, { host: null }, { isSuspended: false }])('is read as one of Mastodon: %j', (more) => {
    const { json, entity } = readMisskeyAccount(answerOf(200, { ...account, ...more }), at);
    expect(json).toEqual({ ...account, ...more });
    expect(entity).toEqual({
      ...{ id: '9', username: 'Ä lice', acct: 'Ä lice', display_name: 'Alice', avatar: account.avatarUrl },
      url: 'https://social.example/@%C3%84%20lice',
    });
  });

  it.each([
    [{ isSuspended: true }, 'account_unusable'],
    [{ host: 'other.example' }, 'response_invalid'],
    [{ username: 7 }, 'response_invalid'],
  ])('%j is refused with %s', (changes, code) => {
    const read = () => readMisskeyAccount(answerOf(200, { ...account, ...changes }), at);
    expect(read).toThrow(expect.objectContaining({ code, instance: 'social.example' }));
  });
});

it.each([
  [
    'a revoked token',
    answerOf(401, { error: 'The access token was revoked' }),
    'mastodon',
    'account_unusable',
    /log in again/,
  ],
  ['a revoked token of no known software', answerOf(401, ''), undefined, 'account_unusable', /log in again/],
  [
    'a disabled account, as GoToSocial tells it',
    answerOf(401, { error: 'x' }),
    'gotosocial',
    'account_unusable',
    /disabled/,
  ],
  ['a disabled account', answerOf(403, { error: 'x' }), 'mastodon', 'account_unusable', /disabled/],
  [
    'a limit',
    answerOf(429, { error: 'Too many requests' }),
    'mastodon',
    'instance_unreachable',
    /too many requests/,
  ],
  [
    'a page of a protection',
    answerOf(403, '<title>Just a moment', 'text/html'),
    'mastodon',
    'instance_blocked',
    /bot check/,
  ],
  [
    'a challenge',
    answerOf(503, '', 'text/html', { 'cf-mitigated': 'challenge' }),
    'mastodon',
    'instance_blocked',
    /bot check/,
  ],
] as const)(
  'verify_credentials answers with %s: a true sentence',
  (_what, answer, software, code, sentence) => {
    try {
      readAccount(answer, 'social.example', software);
      throw new Error('taken');
    } catch (error) {
      expect(error).toMatchObject({ code, message: expect.stringMatching(sentence) as string });
      expect((error as Error).message).toContain('social.example');
      if (code !== 'account_unusable' || sentence.source !== 'disabled')
        expect((error as Error).message).not.toMatch(/disabled|moved|[Cc]heck the address/);
    }
  },
);

describe('a code', () => {
  let server: StandIn;
  beforeEach(async () => void (server = await anInstance()));

  const offer = (extra?: Record<string, string>) => {
    const login = aLogin({ instance: anInstanceRecord({ origin: server.origin }) });
    const client = { clientId: 'client', clientSecret: 'secret' };
    return exchangeCode(contextOf(httpTo([server])), login, client, 'the code', extra);
  };
  const form = {
    grant_type: 'authorization_code',
    code: 'the code',
    client_id: 'client',
    client_secret: 'secret',
    redirect_uri: 'https://site.example/callback/social.example',
    code_verifier: 'v'.repeat(43),
    scope: 'read',
  };

  it('is sent with all values of this login, in the body, and once', async () => {
    server.answerWith('/oauth/token', 200, { access_token: 'x' });
    expect(await offer()).toMatchObject({ accessToken: 'x' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/oauth/token' });
    expect(server.requests[0]?.body).toEqual(form);
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('may have further parameters beside it, which change none of the protocol’s own', async () => {
    server.answerWith('/oauth/token', 200, { access_token: 'x' });
    const mine = Object.fromEntries(Object.keys(form).map((name) => [name, 'mine']));
    await offer({ resource: 'https://site.example', ...mine });
    expect(server.requests[0]?.body).toEqual({ resource: 'https://site.example', ...form });
  });

  it.each([400, 429, 500, 503])('is not sent again after %s', async (status) => {
    server.answerWith('/oauth/token', status, {});
    await expect(offer()).rejects.toMatchObject({ instance: server.host });
    expect(server.requests).toHaveLength(1);
  });

  it.each([302, 307])('is not sent elsewhere by %s', async (status) => {
    server.answerWith('/oauth/token', status, '', { Location: `${server.origin}/elsewhere` });
    expect(await codeOf(offer())).toBe('token_refused');
    expect(server.requestsTo('/elsewhere')).toEqual([]);
  });
});

describe('the account of a token', () => {
  let server: StandIn;
  beforeEach(async () => void (server = await anInstance()));
  const fetchFrom = (changes: Partial<Instance>) =>
    fetchAccount(
      contextOf(httpTo([server])),
      anInstanceRecord({ origin: server.origin, ...changes }),
      'a token',
    );

  it.each<[Partial<Instance>, string, object]>([
    [{ software: 'mastodon' }, 'GET /api/v1/accounts/verify_credentials', {}],
    [
      { api: 'misskey' },
      'POST /api/i',
      { entity: expect.objectContaining({ username: 'alice' }) as unknown },
    ],
  ])('is requested from the API of %j', async (changes, request, more) => {
    const account = { id: '1', username: 'alice' };
    server.answerWith(request.split(' ')[1] ?? '', 200, account);
    expect(await fetchFrom(changes)).toEqual({ raw: JSON.stringify(account), json: account, ...more });
    expect(server.requests).toHaveLength(1);
    expect(server.requestsTo(request)).toMatchObject([{ headers: { authorization: 'Bearer a token' } }]);
  });

  it('may be disabled at GoToSocial, and has an ended login at others', async () => {
    server.answerWith('/api/v1/accounts/verify_credentials', 401, {});
    const reasons = ['gotosocial', 'mastodon'].map(
      async (software) => (await failureOf(fetchFrom({ software }))).reason,
    );
    expect(await Promise.all(reasons)).toEqual([undefined, 'login_ended']);
  });
});

describe('a login that fails after its response was validated', () => {
  const state = 's'.repeat(43);
  const [host, login] = ['social.example', aLogin({})];

  /** What is done about the failure, at an instance that may have forgotten the client. */
  async function after(error: Error, { hasToken = false, outcome = 'alive', isOwn = false, isLost = false }) {
    const steps: unknown[] = [];
    const restore = async (...args: unknown[]) => void steps.push('restore', ...args);
    const failed = {
      ...{ login, state, hasToken, of: { host, appKey: 'app', clientId: 'client' } },
      credentials: isLost ? undefined : { clientId: 'client' },
      lifecycle: {
        afterRefusal: async (...[, , , isClear]: unknown[]) => (steps.push({ isClear }), outcome),
      },
      pending: {
        clearUnfinished: async (instance: string) => void steps.push(`${instance} knows us`),
        ...(!isOwn && { restore }),
      },
    } as unknown as FailedLogin;
    return { error: await afterFailure(failed, error), steps };
  }

  const a = (code: MastodonErrorCode, cause?: Error) => new MastodonError(code, { instance: host, cause });
  const unclear = a('token_refused', new UnclearRefusal());
  const [clear, unsure, known] = [{ isClear: true }, { isClear: false }, 'social.example knows us'];
  const forgotten = { code: 'login_restart', reason: 'secrets_forgotten' };
  const restart = { code: 'login_restart', instance: host, reason: undefined };

  it.each<[string, Error, Parameters<typeof after>[1], object, unknown[]]>([
    ['an unknown client', a('login_restart'), { outcome: 'dead' }, restart, [clear]],
    ['one unknown client after another', a('login_restart'), { outcome: 'kept' }, forgotten, [clear]],
    [
      'credentials that the store lost',
      a('login_restart'),
      { outcome: 'kept', isLost: true },
      restart,
      [clear],
    ],
    ['an unclear refusal of a dead client', unclear, { outcome: 'dead' }, restart, [unsure]],
    ['an unclear refusal', unclear, {}, unclear, [unsure, known]],
    ['a refused code', a('token_refused'), {}, a('token_refused'), [known]],
    ['a denial', a('access_denied'), {}, a('access_denied'), [known]],
    ['a response without a code', a('response_invalid'), {}, a('response_invalid'), [known]],
    ['a server under repair', a('instance_unreachable'), {}, a('instance_unreachable'), []],
    ['a limit', a('login_busy'), {}, a('login_busy'), ['restore', state, login]],
    ['a limit, at a site that keeps logins', a('login_busy'), { isOwn: true }, a('login_busy'), []],
    ['a bug', new RangeError('bug'), {}, new RangeError('bug'), []],
    ['a refused token', a('account_unusable'), { hasToken: true }, a('account_unusable'), []],
    ['a server that fails late', a('timeout'), { hasToken: true }, a('timeout'), [known]],
    ['a late limit', a('login_busy'), { hasToken: true }, a('login_busy'), [known]],
    ['a late refusal', unclear, { hasToken: true, outcome: 'dead' }, unclear, [known]],
    ['a client lost late', a('login_restart'), { hasToken: true, outcome: 'kept' }, restart, [known]],
    ['a late bug', new RangeError('bug'), { hasToken: true }, new RangeError('bug'), [known]],
  ])('by %s', async (_what, error, options, failure, steps) => {
    const seen = await after(error, options);
    expect(seen.error).toMatchObject(failure);
    expect(seen.steps).toEqual(steps);
  });
});

it.each([
  ['a page of what stands in front', answerOf(403, '<title>Forbidden</title>', 'text/html'), /bot check/],
  ['a challenge', answerOf(400, {}, undefined, { 'cf-mitigated': 'challenge' }), /bot check/],
])('%s in place of a token does not count as a refusal of the code', (_what, answer, sentence) => {
  const read = () => readTokens(answer);
  const failure = {
    code: 'instance_blocked',
    instance: 'social.example',
    cause: expect.any(Error) as unknown,
  };
  expect(read).toThrow(expect.objectContaining(failure));
  expect(read).toThrow(sentence);
});

describe('the cause of a refused code contains the error of the answer', () => {
  const causeOf = (body: unknown) => {
    try {
      return read(400, body);
    } catch (error) {
      return String((error as Error).cause);
    }
  };

  it.each(['invalid_grant', 'unauthorized_client', 'x'.repeat(40)])('the error’s name: %s', (error) => {
    expect(causeOf({ error })).toContain(`400 with the error "${error}"`);
  });

  it.each([
    { error: '<b>SECRET</b>' },
    { error: 'invalid grant SECRET' },
    { error: '1_SECRET' },
    { error: `SECRET${'x'.repeat(40)}` },
    { error: ['SECRET'] },
    { error: { code: { SECRET: 1 } } },
    {},
  ])('and no other text of the server: %j', (body) => {
    expect(causeOf(body)).toMatch(/answered 400$/);
  });
});
