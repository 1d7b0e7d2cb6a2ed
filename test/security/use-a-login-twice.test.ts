/** The attacker tries to use a login, or a code, more than once. */

import type { SiteOptions } from '../support/site.js';
import {
  aReturn,
  aSite,
  aStage,
  anInstance,
  atProcess,
  changed,
  codesAreChecked,
  comeBack,
  comeBackQuietly,
  JSONStore,
  leave,
  open,
  twoProcesses,
  whoIsLoggedIn,
} from '../support/stage.js';
import { until } from '../support/hostile.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const minutes = 60_000;

it('a used callback has expired, and sends no request', async () => {
  const { instance, site, visitor } = await aStage();
  const callback = await comeBack(visitor, site, instance.host);
  await open(visitor, callback);
  await codesAreChecked(instance);
  instance.resetRequests();
  const page = await open(visitor, callback);
  expect([page.status, page.json().code]).toEqual([403, 'login_expired']);
  expect(instance.requests).toEqual([]);
  expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
});

it('of three at the same instance, by one browser, one logs in', async () => {
  const { instance, site, visitor, callback } = await aReturn();
  const pages = await Promise.all([1, 2, 3].map(() => visitor.get(callback.href)));
  expect(pages.map(({ status }) => status).sort()).toEqual([302, 403, 403]);
  const code = callback.searchParams.get('code');
  expect(instance.requestsTo(({ body }) => body['code'] === code)).toHaveLength(1);
  expect(site.verified).toHaveLength(1);
  expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
});

describe('a browser that repeats its callback with the cookies from before the login', () => {
  const sessions: [string, SiteOptions][] = [
    ['a session cookie without an end', {}],
    ['one that every answer renews', { session: { rolling: true, cookie: { maxAge: 60_000 } } }],
    ['failures that are written into the session', { failureRedirect: true }],
  ];
  /** The same browser, with the cookies that it has now. */
  const copyOf = (visitor: Visitor) => {
    const copy = new Visitor();
    for (const [host, jar] of visitor.jars) copy.jars.set(host, new Map(jar));
    return copy;
  };

  it.each(sessions)('stays logged in, with %s', async (_what, options) => {
    const { instance, site, visitor } = await aStage('mastodon45', options);
    const callback = await comeBack(visitor, site, instance.host);
    const again = copyOf(visitor);
    await visitor.get(callback.href);
    await codesAreChecked(instance);
    instance.resetRequests();
    // The same browser: cookies of the second response replace those of the first.
    const page = await open(again, callback);
    expect([page.status, page.url]).toEqual([200, `${site.origin}/me`]);
    expect(page.json().user.username).toBe('alice');
    expect(instance.requests).toEqual([]);
    expect(site.verified).toHaveLength(1);
  });

  it('is no longer recognised after some seconds', async () => {
    const { instance, site, visitor } = await aStage();
    const callback = await comeBack(visitor, site, instance.host);
    const again = copyOf(visitor);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date', 'performance'] });
    try {
      await visitor.get(callback.href);
      jest.advanceTimersByTime(5000);
      expect((await again.get(callback.href)).json().code).toBe('login_expired');
    } finally {
      jest.useRealTimers();
    }
  });

  it('is recognised by its own cookies: another browser is refused', async () => {
    const { instance, site, visitor } = await aStage();
    const callback = await comeBack(visitor, site, instance.host);
    const thief = new Visitor();
    await comeBack(thief, site, instance.host, 'bob');
    const pages = [visitor, thief, new Visitor()].map((browser) => browser.get(callback.href));
    expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([302, 403, 403]);
    expect((await thief.get(callback.href)).json().code).toBe('login_expired');
    expect(await whoIsLoggedIn(thief, site)).toBeUndefined();
  });

  it('is refused if the login failed: the code is sent once', async () => {
    const { instance, visitor, callback } = await aReturn();
    instance.answerWith('POST /oauth/token', 500, '');
    const pages = await Promise.all([1, 2].map(() => visitor.get(callback.href)));
    expect(pages.map((page) => page.json().code).sort()).toEqual(['login_expired', 'token_refused']);
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(1);
  });
});

describe('ten minutes after its start, a login expires', () => {
  it.each<[string, SiteOptions]>([
    ['a store that lets it go', {}],
    ['a store that keeps everything', { options: { store: new JSONStore() } }],
  ])('with %s', async (_what, options) => {
    const { instance, site, visitor } = await aStage('mastodon45', options);
    const begun = Date.now();
    const [late, inTime] = [
      await comeBack(visitor, site, instance.host),
      await comeBack(visitor, site, instance.host),
    ];
    const clock = jest.spyOn(Date, 'now').mockReturnValue(begun + 9.9 * minutes);
    await open(visitor, inTime);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
    clock.mockReturnValue(begun + 10.1 * minutes);
    await codesAreChecked(instance);
    instance.resetRequests();
    expect((await open(visitor, late)).json().code).toBe('login_expired');
    expect(instance.requests).toEqual([]);
  });
});

/** Lets two requests run in step: each reads the record before the other deletes it. */
class RacingStore extends JSONStore {
  /** How many more pairs of reads wait for each other. */
  pairs = 0;
  private waiting: (() => void) | undefined;
  override async get(key: string): Promise<unknown> {
    const value = await super.get(key);
    if (this.pairs === 0 || !key.includes(':login:')) return value;
    const { waiting } = this;
    if (!waiting) await new Promise<void>((resolve) => (this.waiting = resolve));
    else {
      this.pairs--;
      this.waiting = undefined;
      waiting();
    }
    return value;
  }
}

it('of two processes with one store and one session, one logs in', async () => {
  const store = new RacingStore();
  const { instance, site, other, visitor } = await twoProcesses(store);
  const { href, searchParams } = await comeBack(visitor, site, instance.host);
  const urls = [href, atProcess(other, visitor, href)];
  store.pairs = 2;
  const pages = await Promise.all(urls.map((url) => visitor.get(url)));
  expect(pages.map(({ status }) => status).sort()).toEqual([302, 403]);
  expect(instance.requestsTo(({ body }) => body['code'] === searchParams.get('code'))).toHaveLength(1);
});

it('of two in one process, one logs in also with a store that does not say what it deleted', async () => {
  const instance = await anInstance();
  const store = new RacingStore();
  const silent = {
    get: (key: string) => store.get(key),
    set: (key: string, value: unknown) => store.set(key, value),
    delete: async (key: string) => void (await store.delete(key)),
  };
  const site = await aSite({ instances: [instance], options: { store: silent } });
  const visitor = new Visitor();
  const { href } = await comeBack(visitor, site, instance.host);
  // Another cookie beside the session's, so the second request does not count as a repeated one.
  const { host } = new URL(site.origin);
  const other = new Visitor();
  other.jars.set(host, new Map([...(visitor.jars.get(host) ?? []), ['theme', 'dark']]));
  const pages = await Promise.all([visitor.get(href), other.get(href)]);
  expect(pages.map(({ status }) => status).sort()).toEqual([302, 403]);
});

describe('a code is sent once, whatever the answer is', () => {
  it.each([
    ['a refusal', 400, { error: 'invalid_grant' }],
    ['a refusal that may mean the client', 400, { error: 'Invalid credentials' }],
    ['an unknown client', 401, { error: 'invalid_client' }],
    ['a limit', 429, ''],
    ['a crash', 500, ''],
    ['a server under repair', 503, ''],
    ['a page', 200, '<title>Hello</title>'],
    ['a redirect', 307, ''],
  ])('%s (%s)', async (_what, status, body) => {
    const { instance, visitor, callback } = await aReturn();
    const code = callback.searchParams.get('code');
    instance.answerWith('/oauth/token', status, body, { Location: '/oauth/token' });
    expect((await open(visitor, callback)).status).not.toBe(200);
    expect((await open(visitor, callback)).json().code).toBe('login_expired');
    expect(instance.requestsTo((seen) => seen.body['code'] === code)).toHaveLength(1);
  });

  it('a connection that breaks before, or in the middle of, the answer', async () => {
    for (const head of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{']) {
      const { instance, visitor, callback } = await aReturn();
      instance.answer('/oauth/token', (req) => void req.socket.end(head));
      expect((await open(visitor, callback)).json().code).toBe('instance_unreachable');
      expect(instance.requestsTo('/oauth/token')).toHaveLength(1);
    }
  });

  it('an account that cannot be read', async () => {
    const stage = await aStage();
    const { instance, site, visitor } = stage;
    // After the first login, the invalid-code check runs once more.
    await new Visitor().login(site, instance.host);
    const callback = await comeBackQuietly(stage);
    instance.answerWith('/api/v1/accounts/verify_credentials', 500, '');
    expect((await open(visitor, callback)).json().code).toBe('instance_unreachable');
    expect((await open(visitor, callback)).json().code).toBe('login_expired');
    // The token reaches no caller, so it is revoked.
    await until(() => instance.requests.length >= 3);
    const asked = instance.requests.map(({ path }) => path);
    expect(asked).toEqual(['/oauth/token', '/api/v1/accounts/verify_credentials', '/oauth/revoke']);
  });
});

it('a response that does not match its login ends that login', async () => {
  const { instance, site, visitor } = await aStage();
  const callback = await comeBack(visitor, site, instance.host);
  expect((await open(visitor, changed(callback, { iss: 'https://evil.example' }))).json().code).toBe(
    'login_mismatch',
  );
  expect((await open(visitor, callback)).json().code).toBe('login_expired');
});

it('the state of one login does not finish another one, of the same browser and instance', async () => {
  const { instance, site, visitor } = await aStage();
  const first = await comeBack(visitor, site, instance.host);
  const second = new URL(await leave(visitor, site, instance.host));
  const crossed = changed(first, { state: second.searchParams.get('state') ?? '' });
  expect((await open(visitor, crossed)).json().code).toBe('token_refused');
});
