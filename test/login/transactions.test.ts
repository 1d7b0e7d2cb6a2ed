/** Pending logins: the browser keys that they are bound to, how often they can be taken, and their content. */

import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import {
  assertLive,
  denialWithoutState,
  hasFinished,
  newTransaction,
  pendingLogins,
  type Browser,
  type PendingLogins,
} from '../../lib/login/transactions.js';
import type { KeyValueStore } from '../../lib/options.js';
import { Store } from '../../lib/store.js';
import {
  aLogin,
  anInstance,
  anInstanceRecord,
  failureOf,
  JSONStore,
  leastOptions,
  codesAreChecked,
} from '../support/stage.js';
import { begin, consent, logIn } from '../support/core.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const host = 'social.example';
const minute = 60_000;

function transactions(backend: KeyValueStore = new JSONStore(), audience = 'this site') {
  const store = new Store(backend, 5000);
  return { of: (browser: Browser) => pendingLogins(store, audience, browser) };
}

const login = aLogin();
const expired = { code: 'login_expired' };

describe('a pending login', () => {
  it('can be taken by the browser that began it, once, in every process', async () => {
    const backend = new JSONStore();
    const [key, state] = [randomToken(), randomToken()];
    await transactions(backend).of([key]).save(state, login);
    const takes = [1, 2, 3].map(() => transactions(backend).of([key]).take(state));
    const ends = await Promise.allSettled(takes);
    expect(ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))).toEqual([login]);
    await expect(transactions(backend).of([key]).take(state)).rejects.toMatchObject(expired);
  });

  it('is taken once by two processes, also if the store is slow and does not say which one deleted a record', async () => {
    const records = new Map<string, unknown>();
    const later = (isLate: boolean, ms: number) =>
      new Promise<void>((resolve) => (isLate ? setTimeout(resolve, ms) : resolve()));
    const backend = (lockMs: number, deleteMs: number) => ({
      get: async (key: string) => structuredClone(records.get(key)),
      set: async (key: string, value: unknown) => {
        await later(key.endsWith(':take:lock'), lockMs);
        records.set(key, structuredClone(value));
      },
      delete: async (key: string) => {
        await later(/:login:[^:]*:[^:]*$/.test(key), deleteMs);
        records.delete(key);
      },
    });
    const [key, state] = [randomToken(), randomToken()];
    const processes = [backend(0, 1500), backend(500, 0)].map((one) => transactions(one));
    await processes[0]?.of([key]).save(state, login);
    const ends = await Promise.allSettled(processes.map((one) => one.of([key]).take(state)));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('can also be finished with a former key of the browser', async () => {
    const pending = transactions();
    const [former, current, state] = [randomToken(), randomToken(), randomToken()];
    await pending.of([former]).save(state, login);
    expect(await pending.of([current, former]).take(state)).toEqual(login);
  });

  const causeOf = async (work: Promise<unknown>) => {
    const { code, cause } = await failureOf(work);
    return `${code} ${(cause as Error).message}`;
  };

  it.each<[string, () => string[], RegExp]>([
    ['another browser', () => [randomToken()], /^login_expired .*another browser/],
    ['a browser without a key', () => [], /^login_expired .*no session/],
  ])('is used up if %s opened its response, because the code is disclosed', async (_what, keys, why) => {
    const pending = transactions();
    const [key, state] = [randomToken(), randomToken()];
    await pending.of([key]).save(state, login);
    expect(await causeOf(pending.of(keys()).take(state))).toMatch(why);
    expect(await causeOf(pending.of([key]).take(state))).toMatch(/^login_expired .*used already/);
  });

  it.each<[string, KeyValueStore | undefined, RegExp]>([
    ['and in a store', new JSONStore(), /another site$/],
    ['and without a store, which is the usual reason', undefined, /another site.*the option store$/],
  ])('is not found by a state that was made up, %s', async (_where, backend, why) => {
    const pending = pendingLogins(new Store(backend, 5000), 'this site', [randomToken()]);
    expect(await causeOf(pending.take(randomToken()))).toMatch(why);
  });

  it('is taken once from a store that loses the deletion of a record', async () => {
    const backend = new JSONStore();
    const [key, state] = [randomToken(), randomToken()];
    await transactions(backend).of([key]).save(state, login);
    const records = [...backend.records].filter(([name]) => name.includes(':login:'));
    expect(await transactions(backend).of([key]).take(state)).toEqual(login);
    for (const [name, record] of records) backend.records.set(name, record);
    expect(await causeOf(transactions(backend).of([key]).take(state))).toMatch(/used already/);
  });

  it('that was put back can be taken again by the same browser only', async () => {
    const pending = transactions();
    const [key, state] = [randomToken(), randomToken()];
    const browser = pending.of([key]);
    await browser.save(state, login);
    for (const again of [browser, pending.of([key])]) {
      await browser.restore?.(state, (await again.take(state)) ?? login);
    }
    await expect(pending.of([randomToken()]).take(state)).rejects.toMatchObject(expired);
  });

  it('may be kept by the site itself', () => {
    const own = { take: async () => login } as unknown as PendingLogins;
    expect(transactions().of(own)).toBe(own);
  });

  it('cannot be taken by another site that shares the store, and is not used up by it', async () => {
    const backend = new JSONStore();
    const [key, state] = [randomToken(), randomToken()];
    await transactions(backend).of([key]).save(state, login);
    const other = transactions(backend, 'another site').of([key]);
    await expect(other.take(state)).rejects.toMatchObject(expired);
    expect(await other.unfinished(host)).toBeUndefined();
    expect(await transactions(backend).of([key]).take(state)).toEqual(login);
  });

  it('requires a browser key', async () => {
    await expect(transactions().of([]).save(randomToken(), login)).rejects.toThrow(TypeError);
    // As a cookie parser reads a cookie with JSON.
    for (const browser of [{ take: 1 }, { take: {} }, [1], {}])
      expect(() => transactions().of(browser as never)).toThrow(/^MastodonLogin: the browser key must be/);
  });

  it('is stored without the values that could finish it: neither key nor state', async () => {
    const backend = new JSONStore();
    const [key, state] = [randomToken(), randomToken()];
    await transactions(backend).of([key]).save(state, login);
    const text = JSON.stringify([...backend.records]);
    expect(text).not.toContain(key);
    expect(text).not.toContain(state);
  });
});

describe('logins that a browser never finished', () => {
  it('are listed with their times, the last one first, at most three of a key, until one finishes there', async () => {
    const pending = transactions();
    const key = randomToken();
    expect(await pending.of([key]).unfinished(host)).toBeUndefined();
    for (let i = 0; i < 4; i++) {
      jest.spyOn(Date, 'now').mockReturnValue(1000 + i);
      const before = await pending.of([key]).unfinished(host);
      await pending.of([key]).save(randomToken(), { ...login, applicationState: i }, before);
    }
    jest.restoreAllMocks();
    const unfinished = await pending.of([key]).unfinished(host);
    expect(unfinished?.begunAt).toEqual([1003, 1002, 1001]);
    expect(await unfinished?.applicationState?.()).toBe(3);
    expect(await pending.of([key]).unfinished('other.example')).toBeUndefined();
    await pending.of([key]).clearUnfinished(host);
    expect(await pending.of([key]).unfinished(host)).toBeUndefined();
  });

  it('are listed for all keys of the browser, and for no other browser', async () => {
    const pending = transactions();
    const [former, current] = [randomToken(), randomToken()];
    const now = jest.spyOn(Date, 'now').mockReturnValue(1000);
    await pending.of([former]).save(randomToken(), login);
    now.mockReturnValue(1001);
    await pending.of([current]).save(randomToken(), login);
    const unfinished = await pending.of([current, former]).unfinished(host);
    expect(unfinished?.begunAt).toEqual([1001, 1000]);
    // A login of the current key is recorded with those of the former one, of which each counts once.
    now.mockReturnValue(1002);
    await pending.of([current]).save(randomToken(), login, unfinished);
    expect((await pending.of([current, former]).unfinished(host))?.begunAt).toEqual([1002, 1001, 1000]);
    now.mockRestore();
    expect(await pending.of([randomToken()]).unfinished(host)).toBeUndefined();
  });

  it('are listed by their times, with the state of the last one at a server that denies without a state', async () => {
    const backend = new JSONStore();
    const pending = transactions(backend);
    const [current, former] = [randomToken(), randomToken()];
    const now = jest.spyOn(Date, 'now');
    const beginAt = async (key: string, at: number, software = 'hollo') => {
      now.mockReturnValue(at);
      const instance = { ...login.instance, software };
      await pending.of([key]).save(randomToken(), { ...login, instance, applicationState: at });
    };
    const unfinished = async () => {
      const { begunAt, applicationState } = (await pending.of([current, former]).unfinished(host)) ?? {};
      return [begunAt, await applicationState?.()];
    };
    await beginAt(current, 1001);
    await beginAt(former, 1000);
    expect(await unfinished()).toEqual([[1001, 1000], 1001]);
    await beginAt(former, 1002);
    expect(await unfinished()).toEqual([[1002, 1001], 1002]);
    await beginAt(former, 1003, 'mastodon');
    expect(await unfinished()).toEqual([[1003, 1001], undefined]);
    for (const name of backend.records.keys()) if (name.includes(':login:')) backend.records.delete(name);
    expect(await unfinished()).toEqual([[1003, 1001], undefined]);
    now.mockRestore();
  });

  it.each([
    { times: 7, login: 'a' },
    { times: { length: 1 }, login: 'a' },
    { times: [1, '2'], login: 'a' },
    { times: [], login: 'a' },
    { times: [1] },
  ])('are not those of another record: %j', async (record) => {
    const backend = new JSONStore();
    const browser = transactions(backend).of([randomToken()]);
    await browser.save(randomToken(), login);
    const name = [...backend.records.keys()].find((one) => one.includes(':unfinished:')) ?? '';
    await new Store(backend, 5000).set(name, record);
    expect(await browser.unfinished(host)).toBeUndefined();
  });

  it('are optional: their loss stops no login', async () => {
    const backend = new JSONStore();
    const key = randomToken();
    jest.spyOn(backend, 'get').mockRejectedValue(new Error('down'));
    expect(await transactions(backend).of([key]).unfinished(host)).toBeUndefined();
  });
});

describe('a login can be finished only if', () => {
  const refusal = async (value: unknown) =>
    failureOf(Promise.resolve().then(() => assertLive(value, 'this site')));

  it('its record is complete, of this site, and not expired', async () => {
    assertLive(JSON.parse(JSON.stringify(login)), 'this site');
    jest.spyOn(Date, 'now').mockReturnValue(login.expiresAt - 1);
    assertLive(login, 'this site');
    jest.spyOn(Date, 'now').mockReturnValue(login.expiresAt);
    expect(await refusal(login)).toMatchObject(expired);
  });

  it.each<[string, unknown, RegExp?]>([
    ['it is there', undefined, /no such login/],
    ['it is there, and not null', null, /no such login/],
    ['it is an object', 'x'],
    ['it has an instance', { ...login, instance: undefined }],
    ['its instance is whole', { ...login, instance: { ...login.instance, tokenEndpoint: 'https://x/' } }],
    ['it has a client', { ...login, clientId: 7 }],
    ['it has an app', { ...login, appKey: undefined }],
    ['it has a verifier', { ...login, codeVerifier: undefined }],
    ['it has an end', { ...login, expiresAt: undefined }],
    ['its end is a time', { ...login, expiresAt: Infinity.toString() }],
    ['it is not over', { ...login, expiresAt: Date.now() }],
    ['it was begun here', { ...login, audience: 'another site' }, /another site/],
  ])('%s', async (_what, value, why = /has expired/) => {
    expect(await refusal(value)).toMatchObject({
      ...expired,
      cause: { message: expect.stringMatching(why) as string },
    });
  });
});

describe('the record of a login', () => {
  const instance = anInstanceRecord({ scopesSupported: ['read'], promisesIssuer: true });
  const { origin, issuer, promisesIssuer, tokenEndpoint, revocationEndpoint } = instance;
  const app = { key: 'app', isScopeOfLogin: false };
  const client = { clientId: 'id', redirectURI: 'https://site.example/cb', scope: 'read' };
  const record = {
    ...{ audience: 'this site', appKey: 'app', ...client, typed: host },
    instance: { origin, host, issuer, promisesIssuer, tokenEndpoint, revocationEndpoint },
    codeVerifier: expect.stringMatching(/^[\w-]{43}$/) as string,
    expiresAt: 1000 + 10 * minute,
  };

  it.each<[string, object, object, unknown, object]>([
    ['what the callback needs', {}, {}, undefined, {}],
    ['that the scope was an option', { isScopeOfLogin: true }, {}, undefined, { hasOwnScope: true }],
    ['that the visitor typed another script', {}, { typedHost: 'x' }, undefined, { isInItsScript: true }],
    [
      'not that of another host',
      {},
      { host: 'a.example', typedHost: 'x' },
      undefined,
      { typed: 'a.example' },
    ],
    ['the state of the application', {}, {}, null, { applicationState: null }],
  ])('holds %s', (_what, ofApp, ofAddress, state, more) => {
    jest.spyOn(Date, 'now').mockReturnValue(1000);
    const registered = { instance, app: { ...app, ...ofApp }, client } as never;
    const made = newTransaction(registered, 'this site', { origin, host, ...ofAddress }, state);
    expect(made).toStrictEqual({ ...record, ...more });
  });
});

describe('a denial without a state', () => {
  const unfinished = { begunAt: [1], applicationState: async () => 'mine' };

  it.each<[string, string, string | undefined, object | undefined, object]>([
    [
      'of a login that began there',
      host,
      'access_denied',
      unfinished,
      { code: 'access_denied', instance: host, state: 'mine' },
    ],
    [
      'of one without a state',
      host,
      'access_denied',
      { begunAt: [1] },
      { code: 'access_denied', instance: host },
    ],
    [
      'of no login',
      host,
      'access_denied',
      undefined,
      { ...expired, cause: { message: 'the response has no state' } },
    ],
    ['with another error', host, 'server_error', unfinished, expired],
    ['without a host', '', 'access_denied', unfinished, expired],
    ['without an error', host, undefined, unfinished, expired],
  ])('%s', async (_what, instance, error, begun, failure) => {
    const pending = { unfinished: async () => begun } as unknown as PendingLogins;
    expect(await denialWithoutState(pending, { host: instance, error })).toMatchObject(failure);
  });
});

it('the keys with which a login began and ended begin no other one, and the other keys of the browser do', async () => {
  const backend = new JSONStore();
  const pending = transactions(backend);
  const [current, former, other, state] = [randomToken(), randomToken(), randomToken(), randomToken()];
  await pending.of([]).finished(host);
  expect(backend.records.size).toBe(0);
  await pending.of([former]).save(state, login);
  const browser = pending.of([current, other, former]);
  await browser.take(state);
  await browser.finished(host);
  const store = new Store(backend, 5000);
  const ends = [current, former, other].map((key) => hasFinished(store, key));
  expect(await Promise.all(ends)).toEqual([true, true, false]);
});

describe('MastodonLogin', () => {
  async function aStage() {
    const instance = await anInstance();
    const { clientName, callbackURL } = leastOptions;
    const options = { clientName, callbackURL, developmentInstances: [instance.origin] };
    return { instance, options, login: new MastodonLogin(options) };
  }

  it.each<[string, unknown]>([
    ['none', undefined],
    ['the empty text', ''],
    ['a short text', 'abcdefghijklmnopqrstu'],
    ['a number', 7],
    ['null', null],
    ['an object', {}],
    ['a list without a text', [undefined]],
    ['a list of the empty text', ['']],
    ['a list of a list', [[]]],
    ['one character again and again', 'k'.repeat(43)],
    ['a text with a space', `${'abcdefgh'.repeat(4)} x`],
    ['a text without end', 'abcdefgh'.repeat(17)],
  ])('takes no browser key that browsers could share: %s', async (_what, key) => {
    const { instance, login } = await aStage();
    const browser = key as string;
    const told = new TypeError(
      'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
    );
    await expect(login.begin(instance.host, browser)).rejects.toThrow(told);
    const callback = `https://site.example/callback/${instance.host}?code=x&state=${randomToken()}`;
    await expect(login.finish(callback, browser)).rejects.toThrow(TypeError);
    expect(instance.requests).toEqual([]);
  });

  it('reports in every process that a key has finished a login; the key can still finish pending logins', async () => {
    const { instance, options } = await aStage();
    const store = new JSONStore();
    const [here, there] = [
      new MastodonLogin({ ...options, store }),
      new MastodonLogin({ ...options, store }),
    ];
    const key = randomToken();
    const [first, second] = [await here.begin(instance.host, key), await here.begin(instance.host, key)];
    expect(await here.hasFinished(key)).toBe(false);
    await here.finish(await new Visitor().approve(first.redirect), key);
    expect(await there.hasFinished(key)).toBe(true);
    expect(await there.hasFinished(randomToken())).toBe(false);
    const finished = await there.finish(await new Visitor().approve(second.redirect), key);
    expect(finished.profile.username).toBe('alice');
  });

  it('does not verify the client after a login that failed later than its code exchange', async () => {
    const { instance, login } = await aStage();
    await logIn(login, instance.host);
    const begun = await begin(login, instance.host);
    instance.answerWith('/api/v1/accounts/verify_credentials', 503, {});
    const finish = await consent(login, begun);
    await expect(finish()).rejects.toMatchObject({ code: 'instance_unreachable' });
    await codesAreChecked(instance);
    instance.resetRequests();
    await login.begin(instance.host, begun.key);
    expect(instance.requests).toEqual([]);
  });

  it('exchanges no code for a program that no longer wants the login', async () => {
    const { instance, login } = await aStage();
    const key = randomToken();
    const { redirect } = await login.begin(instance.host, key, { state: 'mine' });
    const callback = await new Visitor().approve(redirect);
    await codesAreChecked(instance);
    instance.resetRequests();
    const asked: unknown[] = [];
    const isWanted = async (state: unknown) => asked.push(state) > 1;
    const finished = login.finish(callback, key, { isWanted });
    await expect(finished).rejects.toMatchObject({ code: 'login_expired', state: 'mine' });
    expect([asked, instance.requests]).toEqual([['mine'], []]);
  });

  it('reports it for as long as a session cookie may be restored: 29 days later', async () => {
    const { instance, login } = await aStage();
    const key = randomToken();
    const { redirect } = await login.begin(instance.host, key);
    await login.finish(await new Visitor().approve(redirect), key);
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 29 * 24 * 60 * minute);
    expect(await login.hasFinished(key)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a function', () => undefined],
    ['a number beyond JSON', 7n],
    ['an object that contains itself', Object.assign({}, { self: undefined as unknown })],
    ['more than 10,000 characters as JSON', 'x'.repeat(9999)],
  ])('takes no state that it cannot give back, before any request: %s', async (_what, state) => {
    if (typeof state === 'object') Object.assign(state as object, { self: state });
    const { instance, login } = await aStage();
    const begun = login.begin(instance.host, randomToken(), { state });
    await expect(begun).rejects.toThrow(/"state"/);
    const isUnreadable = typeof state === 'object' || typeof state === 'bigint';
    if (isUnreadable) await expect(begun).rejects.toMatchObject({ cause: expect.any(TypeError) as unknown });
    expect(instance.requests).toEqual([]);
  });

  it('returns the state unchanged, with the login or with its failure', async () => {
    const { instance, login } = await aStage();
    const state = { to: 'x'.repeat(10_000 - '{"to":""}'.length) };
    const key = randomToken();
    const begun = [
      await login.begin(instance.host, key, { state }),
      await login.begin(instance.host, key, { state }),
    ] as const;
    const finished = await login.finish(await new Visitor().approve(begun[0].redirect), key);
    expect(finished.state).toEqual(state);
    const stateSent = new URL(begun[1].redirect).searchParams.get('state') ?? '';
    const denial = `${login.callbackURL}/${instance.host}?error=access_denied&state=${stateSent}`;
    const denied = login.finish(denial, key);
    await expect(denied).rejects.toMatchObject({ code: 'access_denied', state });
  });
});
