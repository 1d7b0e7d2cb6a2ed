/** Token refresh and token revocation, each with the client that the token belongs to. */

import type { ServerResponse } from 'node:http';
import type { LoginEvent } from '../../lib/events.js';
import { MastodonStrategy } from '../../lib/index.js';
import { MastodonLogin } from '../../lib/login/login.js';
import { createLogin } from '../../lib/web/index.js';
import { isRevoked } from '../../lib/login/tokens.js';
import * as core from '../support/core.js';
import { until } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { anInstance, answerOf, ExpiringStore, failureOf, JSONStore, leastOptions } from '../support/stage.js';

const refreshing = ['pleroma', 'akkoma', 'pixelfed'] as const;

afterEach(() => void jest.restoreAllMocks());

const elevenSecondsLater = () => void jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 11_000);

async function aStage(...args: Parameters<typeof anInstance>) {
  const instance = await anInstance(...args);
  const { clientName, callbackURL } = leastOptions;
  const options = {
    ...{ clientName, callbackURL },
    store: new ExpiringStore(),
    developmentInstances: [instance.origin],
  };
  return { instance, options, login: new MastodonLogin(options) };
}

async function logIn(login: MastodonLogin, instance: StandIn, scope?: string) {
  const finished = await core.logIn(login, instance.host, { scope });
  return { ...finished, refreshToken: finished.refreshToken ?? '' };
}

/** The client is replaced although the instance still knows it, because one response said otherwise. */
async function replaceClient(login: MastodonLogin, instance: StandIn): Promise<void> {
  const undo = instance.answerWith('/oauth/token', 401, { error: 'invalid_client' });
  await expect(logIn(login, instance)).rejects.toMatchObject({ code: 'login_restart' });
  undo();
  await logIn(login, instance);
}

const clientOf = (instance: StandIn, accessToken: string) => instance.tokens.get(accessToken)?.clientId;

describe.each(refreshing)('at %s', (persona) => {
  it('a refresh token gives new tokens, again and again, each of them once', async () => {
    const { instance, login } = await aStage(persona);
    let tokens: { accessToken: string; refreshToken: string | undefined } = await logIn(login, instance);
    const { accessToken: first } = tokens;
    for (let i = 0; i < 3; i++) {
      const { refreshToken = '' } = tokens;
      tokens = await login.refresh(instance.origin, refreshToken);
      expect(instance.tokens.get(tokens.accessToken)?.username).toBe('alice');
      expect(tokens.refreshToken).not.toBe(refreshToken);
      elevenSecondsLater();
      expect((await failureOf(login.refresh(instance.origin, refreshToken))).code).toBe('token_refused');
    }
    expect(instance.tokens.has(first)).toBe(false);
  });

  it('it is sent once, however many callers ask for it at the same time', async () => {
    const { instance, login } = await aStage(persona);
    const { refreshToken } = await logIn(login, instance);
    instance.resetRequests();
    const all = await Promise.all([1, 2, 3, 4].map(() => login.refresh(instance.origin, refreshToken)));
    expect(new Set(all.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(1);
  });

  it('also if they ask in several processes; and the store contains none of the tokens', async () => {
    const { instance, options, login } = await aStage(persona);
    const { refreshToken } = await logIn(login, instance);
    instance.resetRequests();
    const written: string[] = [];
    const { store } = options;
    const set = store.set.bind(store);
    store.set = async (key, value, ttl) => {
      written.push(key + JSON.stringify(value));
      return set(key, value, ttl);
    };
    const processes = [login, new MastodonLogin(options), new MastodonLogin(options)];
    const all = await Promise.all(processes.map((one) => one.refresh(instance.origin, refreshToken)));
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(1);
    const [first] = all;
    for (const tokens of all) expect(tokens).toEqual(first);
    for (const secret of [refreshToken, first?.accessToken, first?.refreshToken]) {
      expect(written.join()).not.toContain(secret);
    }
    // Callers shortly after it receive the same tokens, and later callers none.
    const [, another, third] = processes as [MastodonLogin, MastodonLogin, MastodonLogin];
    expect(await another.refresh(instance.origin, refreshToken)).toEqual(first);
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(1);
    elevenSecondsLater();
    expect((await failureOf(third.refresh(instance.origin, refreshToken))).code).toBe('token_refused');
  });

  it('also when the clock of the first process is behind those of the others', async () => {
    const { instance, options, login } = await aStage(persona);
    const { refreshToken } = await logIn(login, instance);
    instance.resetRequests();
    const another = new MastodonLogin(options);
    const [now, began] = [Date.now(), performance.now()];
    // By the clock, the write of one process is older than the next process's request.
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now - (performance.now() - began));
    try {
      const all = [login, another].map((one) => one.refresh(instance.origin, refreshToken));
      expect((await Promise.all(all)).every(({ accessToken }) => accessToken !== '')).toBe(true);
    } finally {
      clock.mockRestore();
    }
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(1);
  });

  it('it is sent with the client that it was issued to, also after that was replaced', async () => {
    const { instance, options, login } = await aStage(persona);
    const { accessToken, refreshToken } = await logIn(login, instance);
    const issuedTo = clientOf(instance, accessToken);
    await replaceClient(login, instance);
    expect(instance.registrations).toBe(2);
    // Another process, or the same one after a restart.
    const tokens = await new MastodonLogin(options).refresh(instance.origin, refreshToken);
    expect(clientOf(instance, tokens.accessToken)).toBe(issuedTo);
    const again = await login.refresh(instance.origin, tokens.refreshToken ?? '');
    expect(clientOf(instance, again.accessToken)).toBe(issuedTo);
  });

  it('it is not lost while the instance is down', async () => {
    const { instance, login } = await aStage(persona);
    const { refreshToken } = await logIn(login, instance);
    const undo = instance.answerWith('/oauth/token', 503, '');
    expect((await failureOf(login.refresh(instance.origin, refreshToken))).code).toBe('instance_unreachable');
    undo();
    expect((await login.refresh(instance.origin, refreshToken)).accessToken).not.toBe('');
  });

  it('an instance that was newly installed requires a new login', async () => {
    const { instance, login } = await aStage(persona);
    const { refreshToken } = await logIn(login, instance);
    instance.forgetApps();
    const { code } = await failureOf(login.refresh(instance.origin, refreshToken));
    expect(['login_restart', 'token_refused']).toContain(code);
  });
});

it('a process that has just started refreshes the tokens of seventy users at one server', async () => {
  const { instance, options, login } = await aStage('pleroma');
  const tokens: string[] = [];
  // Without a finished login, sixty requests a minute would be the limit.
  for (let n = 0; n < 70; n++) tokens.push((await logIn(login, instance)).refreshToken);
  const started = new MastodonLogin(options);
  for (const token of tokens)
    expect(await started.refresh(instance.origin, token)).toHaveProperty('accessToken');
});

describe('a refresh token', () => {
  it('works also while the store fails', async () => {
    const { instance, options, login } = await aStage('pleroma');
    const { refreshToken } = await logIn(login, instance);
    options.store.set = async () => Promise.reject(new Error('read-only'));
    expect((await login.refresh(instance.origin, refreshToken)).refreshToken).not.toBe(refreshToken);
  });

  it('gives each user their own tokens, also at the same time', async () => {
    const { instance, login } = await aStage('pleroma');
    const users = [await logIn(login, instance), await logIn(login, instance)];
    const all = users.map(({ refreshToken }) => login.refresh(instance.origin, refreshToken));
    expect(new Set((await Promise.all(all)).map(({ accessToken }) => accessToken)).size).toBe(2);
  });

  it('stays valid if the instance gives no other one', async () => {
    const { instance, login } = await aStage('pleroma');
    const { refreshToken } = await logIn(login, instance);
    instance.answerWith('/oauth/token', 200, {
      access_token: 'another',
      token_type: 'Bearer',
      expires_in: 600,
    });
    expect(await login.refresh(instance.origin, refreshToken)).toEqual({
      accessToken: 'another',
      refreshToken,
      params: { access_token: 'another', token_type: 'Bearer', expires_in: 600 },
    });
  });

  it.each<[number, string, string | undefined]>([
    [500, 'instance_unreachable', 'server_error'],
    [503, 'instance_unreachable', 'server_error'],
    [429, 'instance_unreachable', undefined],
    [300, 'response_invalid', undefined],
    [302, 'response_invalid', undefined],
    [400, 'token_refused', undefined],
  ])('is refused only by a refusal: %i is %s', async (status, code, reason) => {
    const { instance, login } = await aStage('pleroma');
    const { refreshToken } = await logIn(login, instance);
    instance.answerWith(({ body }) => body['grant_type'] === 'refresh_token', status, {});
    const error = await failureOf(login.refresh(instance.origin, refreshToken));
    expect(error).toMatchObject({ code, instance: instance.host, cause: expect.any(Error) as unknown });
    expect(error.reason).toBe(reason);
  });

  it('is reported as blocked where a bot check in front of the server answers with 503', async () => {
    const { instance, login } = await aStage('pleroma');
    const { refreshToken } = await logIn(login, instance);
    const challenge =
      '<title>Just a moment...</title><script src="/cdn-cgi/challenge-platform/a.js"></script>';
    instance.answerWith(({ body }) => body['grant_type'] === 'refresh_token', 503, challenge);
    expect((await failureOf(login.refresh(instance.origin, refreshToken))).code).toBe('instance_blocked');
  });

  it('is not lost if its caller timed out before the answer came', async () => {
    const instance = await anInstance('pleroma');
    let hold = false;
    const events: LoginEvent[] = [];
    const login = new MastodonLogin({
      ...leastOptions,
      developmentInstances: [instance.origin],
      outbound: { loginTimeoutMs: 1000 },
      log: (event) => void events.push(event),
      // The caller waits for this first, and the request has a timeout of its own.
      allowInstance: async () => !hold || new Promise((resolve) => void setTimeout(resolve, 600, true)),
    });
    const { refreshToken } = await logIn(login, instance);
    const held: ServerResponse[] = [];
    const isRefresh = (seen: { body: Record<string, unknown> }) =>
      seen.body['grant_type'] === 'refresh_token';
    const undo = instance.answer(isRefresh, (_req, res) => void held.push(res));
    hold = true;
    const first = failureOf(login.refresh(instance.origin, refreshToken));
    await until(() => held.length === 1);
    expect((await first).code).toBe('timeout');
    const answer = {
      access_token: 'new-access-token',
      refresh_token: 'new-refresh-token',
      token_type: 'Bearer',
    };
    held[0]?.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    hold = false;
    const count = events.length;
    // The shared request has ended, so the next caller sends a new one.
    await until(() => events.length > count);
    await new Promise((resolve) => void setImmediate(resolve));
    expect(await login.refresh(instance.origin, refreshToken)).toMatchObject({
      refreshToken: 'new-refresh-token',
    });
    expect(held).toHaveLength(1);
    undo();
  });

  it('is refused if the instance does not know it', async () => {
    const { instance, login } = await aStage('mastodon45');
    await logIn(login, instance);
    expect((await failureOf(login.refresh(instance.origin, 'made-up'))).code).toBe('token_refused');
  });

  it('of an instance without a client requires a login first', async () => {
    const { instance, login } = await aStage('pleroma');
    const failure = { code: 'login_restart', instance: instance.host };
    expect(await failureOf(login.refresh(instance.origin, 'made-up'))).toMatchObject(failure);
    expect(instance.requestsTo('POST /oauth/token')).toEqual([]);
  });

  it('appears in no error', async () => {
    const { instance, login } = await aStage('pleroma');
    const { accessToken, refreshToken } = await logIn(login, instance);
    instance.answerWith('/oauth/token', 400, { error: `no ${refreshToken}` });
    instance.answerWith('/oauth/revoke', 500, { error: `no ${accessToken}` });
    for (const work of [
      () => login.refresh(instance.origin, refreshToken),
      () => login.revoke(instance.origin, accessToken),
    ]) {
      const error = await failureOf(work());
      const text = [error.message, error.stack, String(error.cause), JSON.stringify(error)].join();
      expect(text).not.toContain(refreshToken);
      expect(text).not.toContain(accessToken);
    }
  });

  it('is not sent to a server that the instance now redirects to', async () => {
    const { instance, options } = await aStage('pleroma');
    const other = await anInstance('pleroma');
    const login = new MastodonLogin({ ...options, developmentInstances: [instance.origin, other.origin] });
    const { accessToken, refreshToken } = await logIn(login, instance);
    for (const path of [
      '/api/v1/instance',
      '/.well-known/oauth-authorization-server',
      '/.well-known/host-meta',
    ]) {
      instance.answerWith(path, 302, '', { location: other.origin + path });
    }
    const afterwards = new MastodonLogin({
      ...options,
      store: new JSONStore(),
      developmentInstances: [instance.origin, other.origin],
    });
    for (const work of [
      () => afterwards.refresh(instance.origin, refreshToken),
      () => afterwards.revoke(instance.origin, accessToken),
    ]) {
      expect((await failureOf(work())).code).toBe('instance_unsupported');
    }
    expect(other.requestsTo(({ method }) => method === 'POST')).toEqual([]);
  });
});

it.each([undefined, null, '', 'a b', 7])('%j is no token, and is not sent', async (token) => {
  const { instance, login } = await aStage('pleroma');
  await logIn(login, instance);
  instance.resetRequests();
  for (const method of ['refresh', 'revoke'] as const)
    await expect(login[method](instance.origin, token as string)).rejects.toMatchObject({
      code: 'token_refused',
    });
  expect(instance.requests).toEqual([]);
});

describe('revoking a token', () => {
  it.each(['mastodon45', 'mastodon42', 'gotosocial', 'pleroma', 'akkoma'] as const)(
    'ends it at %s',
    async (persona) => {
      const { instance, login } = await aStage(persona);
      const { accessToken } = await logIn(login, instance);
      expect(instance.tokens.has(accessToken)).toBe(true);
      await login.revoke(instance.origin, accessToken);
      expect(instance.tokens.has(accessToken)).toBe(false);
    },
  );

  it('revokes one that was issued to a client that was replaced since', async () => {
    const { instance, options, login } = await aStage('mastodon45');
    const { accessToken } = await logIn(login, instance);
    const issuedTo = clientOf(instance, accessToken);
    await replaceClient(login, instance);
    instance.resetRequests();
    await new MastodonLogin(options).revoke(instance.origin, accessToken);
    expect(instance.tokens.has(accessToken)).toBe(false);
    const asked = instance.requestsTo('POST /oauth/revoke').map(({ body }) => body['client_id']);
    expect([asked.length, asked.at(-1)]).toEqual([2, issuedTo]);
  });

  it('is tried with every client, if the server confirms the revocation of a token of another client as well', async () => {
    const { instance, options, login } = await aStage('pleroma');
    const { accessToken } = await logIn(login, instance);
    const issuedTo = clientOf(instance, accessToken);
    await replaceClient(login, instance);
    // Pleroma's answer for a token that does not belong to the client.
    instance.answerWith(
      ({ path, body }) => path === '/oauth/revoke' && body['client_id'] !== issuedTo,
      200,
      {},
    );
    await new MastodonLogin(options).revoke(instance.origin, accessToken);
    expect(instance.tokens.has(accessToken)).toBe(false);
  });

  it('revokes one of a login with its own scope, also in another process and without the record of the login', async () => {
    const { instance, options, login } = await aStage('mastodon45');
    const all = [await logIn(login, instance), await logIn(login, instance, 'read write')];
    all.push(await logIn(login, instance, 'write read'), await logIn(login, instance, 'read follow'));
    expect(instance.registrations).toBe(3);
    for (const key of options.store.records.keys())
      if (key.includes(':grant:')) options.store.records.delete(key);
    for (const { accessToken } of all) {
      await new MastodonLogin(options).revoke(instance.origin, accessToken);
      expect(instance.tokens.has(accessToken)).toBe(false);
    }
  });

  it('is tried with the client of the login only, because a server may confirm the revocation of a token of another client', async () => {
    const { instance, options, login } = await aStage('mastodon45');
    await logIn(login, instance);
    const { accessToken } = await logIn(login, instance, 'read write');
    instance.resetRequests();
    await new MastodonLogin(options).revoke(instance.origin, accessToken);
    const asked = instance.requestsTo('POST /oauth/revoke').map(({ body }) => body['client_id']);
    expect(asked).toEqual([clientOf(instance, accessToken) ?? asked[0]]);
    expect(instance.tokens.has(accessToken)).toBe(false);
  });

  it('does not revoke another site’s token, and says so', async () => {
    const { instance, login } = await aStage('mastodon45');
    const other = new MastodonLogin({
      ...leastOptions,
      clientName: 'Another site',
      developmentInstances: [instance.origin],
    });
    const { accessToken } = await logIn(other, instance);
    await logIn(login, instance);
    const failure = { code: 'token_refused', instance: instance.host, cause: expect.any(Error) as unknown };
    expect(await failureOf(login.revoke(instance.origin, accessToken))).toMatchObject(failure);
    expect(instance.tokens.has(accessToken)).toBe(true);
  });

  it.each(['snac', 'friendica'] as const)(
    'takes nothing more along at %s: it is not tried',
    async (persona) => {
      const { instance, login } = await aStage(persona);
      const failure = { code: 'revocation_unsupported', instance: instance.host };
      expect(await failureOf(login.revoke(instance.origin, 'a-token'))).toMatchObject(failure);
      expect(instance.requestsTo('POST /oauth/revoke')).toEqual([]);
    },
  );

  it('is not possible at Pixelfed', async () => {
    const { instance, login } = await aStage('pixelfed');
    const { accessToken } = await logIn(login, instance);
    expect((await failureOf(login.revoke(instance.origin, accessToken))).code).toBe('revocation_unsupported');
    expect(instance.tokens.has(accessToken)).toBe(true);
  });

  it('is sent with the URL of the client metadata to a server that knows clients by it', async () => {
    const { instance, options } = await aStage('mastodon45');
    const { origin, host } = instance;
    instance.answerWith('/.well-known/oauth-authorization-server', 200, {
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['read', 'profile'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
    instance.answerWith('/oauth/revoke', 200, {});
    const login = new MastodonLogin({ ...options, clientMetadataURL: 'https://site.example/client' });
    await login.revoke(origin, 'a-token');
    const id = `https://site.example/client/${host}.json`;
    expect(instance.requestsTo('POST /oauth/revoke')).toMatchObject([{ body: { client_id: id } }]);
  });
});

describe('the token of a login that fails after the exchange of its code', () => {
  async function failing(breakIt: (instance: StandIn, store: ExpiringStore) => void) {
    const { instance, options } = await aStage('mastodon45');
    const events: LoginEvent[] = [];
    const login = new MastodonLogin({ ...options, log: (event) => void events.push(event) });
    const finish = await core.consent(login, await core.begin(login, instance.host));
    breakIt(instance, options.store);
    const { code } = await failureOf(finish());
    return { code, instance, events };
  }

  it('is revoked if the account cannot be read', async () => {
    const { code, instance } = await failing((one) =>
      one.answerWith('/api/v1/accounts/verify_credentials', 500, ''),
    );
    expect(code).toBe('instance_unreachable');
    await until(() => instance.tokens.size === 0);
  });

  it('is revoked if the caller received an error because the store was slow', async () => {
    const { instance, options } = await aStage('mastodon45');
    const login = new MastodonLogin({ ...options, outbound: { loginTimeoutMs: 1500 } });
    const finish = await core.consent(login, await core.begin(login, instance.host));
    const { store } = options;
    const set = store.set.bind(store);
    let goOn: () => void = () => undefined;
    const isOver = new Promise<void>((resolve) => (goOn = resolve));
    store.set = async (key: string, ...rest: [unknown, number?]) => {
      if (key.includes(':browser-finished:')) await isOver;
      return set(key, ...rest);
    };
    expect((await failureOf(finish())).code).toBe('timeout');
    expect(instance.tokens.size).toBe(1);
    goOn();
    await until(() => instance.tokens.size === 0);
  });

  it('is revoked if the store fails', async () => {
    const { code, instance } = await failing((one, store) => {
      const get = store.get.bind(store);
      store.get = async (key) => {
        if (one.tokens.size > 0) throw new Error('away');
        return get(key);
      };
    });
    expect(code).toBe('store_failed');
    await until(() => instance.tokens.size === 0);
  });

  it.each([
    [503, 'instance_unreachable'],
    [400, 'token_refused'],
  ])('is logged as still valid if the instance does not revoke it (%i)', async (status, code) => {
    const { instance, events } = await failing((one) => {
      one.answerWith('/api/v1/accounts/verify_credentials', 500, '');
      one.answerWith('/oauth/revoke', status, {});
    });
    await until(() => events.some(({ event }) => event === 'revocation_failed'));
    expect(events.at(-1)).toMatchObject({ code, instance: instance.host });
  });
});

const page = (status: number, text: string) => answerOf(status, text, 'text/html');

it.each([
  ['nothing', answerOf(200, '', ''), true],
  ['nothing but a line break', answerOf(200, '\n', ''), true],
  ['no content', answerOf(204, '', ''), true],
  ['an empty object', answerOf(200, {}), true],
  ['an empty page', page(200, ''), true],
  ['an error with 200', answerOf(200, { error: 'invalid_request' }), false],
  ['an error with 400', answerOf(400, { error: 'invalid_client' }), false],
  ['a refusal', answerOf(401, ''), false],
])('a token is revoked, or belongs to another client: %s', (_what, answer, revoked) => {
  expect(isRevoked(answer, 'social.example')).toBe(revoked);
});

it.each([
  ['a bot check', page(200, '<div id="anubis_challenge">'), 'instance_blocked'],
  ['a challenge', answerOf(200, {}, undefined, { 'cf-mitigated': 'challenge' }), 'instance_blocked'],
  ['a firewall', page(403, '<title>Forbidden</title>'), 'instance_blocked'],
  ['the page of a parked domain', page(200, '<title>Buy this domain</title>'), 'response_invalid'],
  ['JSON of a page', page(200, '{}'), 'response_invalid'],
  ['a list', answerOf(200, []), 'response_invalid'],
  ['another success', answerOf(202, {}), 'response_invalid'],
  ['an empty other success', answerOf(202, '', ''), 'response_invalid'],
  ['a redirect', answerOf(302, ''), 'response_invalid'],
  ['no such page', answerOf(404, ''), 'revocation_unsupported'],
  ['another method', answerOf(405, ''), 'revocation_unsupported'],
  ['what is not implemented', answerOf(501, ''), 'revocation_unsupported'],
  ['a limit', answerOf(429, ''), 'instance_unreachable'],
  ['a crash', answerOf(500, ''), 'instance_unreachable'],
])('an answer with %s is not a successful revocation', (_what, answer, code) => {
  const reason = code === 'instance_unreachable' ? { reason: 'server_error' } : {};
  const failure = { code, ...reason, instance: 'social.example', cause: expect.any(Error) as unknown };
  expect(() => isRevoked(answer, 'social.example')).toThrow(expect.objectContaining(failure));
});

it('the strategy and the web API have both', async () => {
  const { instance, options, login } = await aStage('pleroma');
  for (const entryPoint of [new MastodonStrategy(options, async () => false), createLogin(options)]) {
    const { refreshToken } = await logIn(login, instance);
    const { accessToken } = await entryPoint.refresh(instance.origin, refreshToken);
    expect(instance.tokens.has(accessToken)).toBe(true);
    await entryPoint.revoke(instance.origin, accessToken);
    expect(instance.tokens.has(accessToken)).toBe(false);
  }
});
