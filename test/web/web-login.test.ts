/** The web adapter alone: what it reads from a request, what it writes into its cookie, and what it refuses. */

import { createLogin, type WebLogin, type WebLoginOptions } from '../../lib/web/index.js';
import type { StandIn } from '../support/instance.js';
import { anInstance, failureOf, JSONStore, leastOptions } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';
import { randomToken } from '../../lib/login/browser.js';

afterEach(() => void jest.restoreAllMocks());

const minutes = 60_000;
const start = 'https://site.example/auth/mastodon';

async function aStage(options: Partial<WebLoginOptions> = {}) {
  const instance = await anInstance();
  const login = createLogin({ ...leastOptions, developmentInstances: [instance.origin], ...options });
  return { instance, login };
}

/** The cookie of a response as a browser sends it: `name=value`. */
const cookieIn = ({ headers }: { headers: Headers }) => headers.get('set-cookie')?.split(';', 1)[0] ?? '';

const withCookie = (url: string, cookie: string) => new Request(url, { headers: { Cookie: cookie } });

const post = (body: string | URLSearchParams | FormData, contentType?: string) =>
  new Request(start, {
    method: 'POST',
    body,
    ...(contentType && { headers: { 'Content-Type': contentType } }),
  });

/** Begins a login with the browser's cookie, and returns the authorization response. */
async function comeBack(login: WebLogin, instance: StandIn, cookie = '') {
  const begun = await login.begin(withCookie(start, cookie), { instance: instance.host });
  const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
  return { callback, cookie: cookieIn(begun) };
}

it('a body that never ends does not block a start', async () => {
  const login = createLogin({ ...leastOptions, outbound: { loginTimeoutMs: 200 } });
  const body = new ReadableStream({
    start: (stream) => stream.enqueue(new TextEncoder().encode('instance=')),
  });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const request = new Request(start, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
  expect(await failureOf(login.begin(request))).toMatchObject({ code: 'instance_missing', status: 408 });
});

describe('begin finds the typed text', () => {
  const form = (fields: [string, string | Blob][]) => {
    const data = new FormData();
    for (const [name, value] of fields) data.append(name, value);
    return data;
  };

  it.each<[string, (host: string) => Request]>([
    ['a form', (host) => post(new URLSearchParams({ instance: host, other: 'x' }))],
    ['a form with room for files', (host) => post(form([['instance', host]]))],
    ['JSON', (host) => post(JSON.stringify({ instance: host }), 'application/json; charset=utf-8')],
    ['the query', (host) => new Request(`${start}?instance=${host}`)],
    ['the query beside a form', (host) => new Request(`${start}?instance=${host}`, post('a=1'))],
    [
      'the query, where the body is of another kind',
      (host) => new Request(`${start}?instance=${host}`, post('{', 'text/plain')),
    ],
  ])('in %s', async (_where, request) => {
    const { instance, login } = await aStage();
    const { status, headers } = await login.begin(request(instance.host));
    expect(status).toBe(302);
    expect(headers.get('location')).toContain(`${instance.origin}/oauth/authorize?`);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('in its own options first, and does not read the body then', async () => {
    const { instance, login } = await aStage();
    const request = post(new URLSearchParams({ instance: 'other.example', from: 'here' }));
    const { headers } = await login.begin(request, { instance: instance.host, lang: 'de', forceLogin: true });
    const { origin, searchParams } = new URL(headers.get('location') ?? '');
    expect([origin, searchParams.get('lang'), searchParams.get('force_login')]).toEqual([
      instance.origin,
      'de',
      'true',
    ]);
    expect((await request.formData()).get('from')).toBe('here');
  });

  it('with a path, if a server gives no absolute URL', async () => {
    const { instance, login } = await aStage();
    const request = {
      url: `/auth/mastodon?instance=${instance.host}`,
      headers: new Headers(),
      bodyUsed: false,
      body: null,
    };
    expect((await login.begin(request as Request)).status).toBe(302);
  });

  it.each<[string, () => Request, string, number]>([
    ['nothing', () => new Request(start), 'instance_missing', 400],
    ['an empty field', () => post(new URLSearchParams({ instance: ' ' })), 'instance_missing', 400],
    [
      'two fields',
      () => post('instance=a.example&instance=b.example', 'application/x-www-form-urlencoded'),
      'instance_invalid',
      400,
    ],
    [
      'two in the query',
      () => new Request(`${start}?instance=a.example&instance=b.example`),
      'instance_invalid',
      400,
    ],
    ['a file', () => post(form([['instance', new Blob(['a.example'])]])), 'instance_invalid', 400],
    ['a list', () => post('{"instance":["a.example"]}', 'application/json'), 'instance_invalid', 400],
    [
      'an inherited field',
      () => post('{"__proto__":{"instance":"a.example"}}', 'application/json'),
      'instance_missing',
      400,
    ],
    ['JSON that is no object', () => post('null', 'application/json'), 'instance_missing', 400],
    ['JSON that is none', () => post('{"instance"', 'application/json'), 'instance_missing', 400],
    ['a form without its boundary', () => post('instance', 'multipart/form-data'), 'instance_missing', 400],
    [
      'a huge form',
      () => post(new URLSearchParams({ instance: 'a'.repeat(20_000) })),
      'instance_invalid',
      413,
    ],
  ])('and refuses %s', async (_what, request, code, status) => {
    const { login } = await aStage();
    expect(await failureOf(login.begin(request()))).toMatchObject({ code, status });
  });

  it('and stops reading a body that is too large', async () => {
    const { login } = await aStage();
    let pulled = 0;
    let wasCancelled = false;
    const body = new ReadableStream({
      pull: (controller) => {
        if (++pulled > 20) controller.close();
        else controller.enqueue(new Uint8Array(8192));
      },
      cancel: () => void (wasCancelled = true),
    });
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const request = new Request(start, { method: 'POST', body, headers, duplex: 'half' });
    expect((await failureOf(login.begin(request))).status).toBe(413);
    expect([wasCancelled, pulled < 5]).toEqual([true, true]);
  });

  it('and tells the operator that the body was already read', async () => {
    const { login } = await aStage();
    const request = post(new URLSearchParams({ instance: 'a.example' }));
    await request.text();
    const { code, cause } = await failureOf(login.begin(request));
    expect([code, String(cause)]).toEqual(['instance_missing', expect.stringContaining('read before')]);
  });
});

describe('the cookie', () => {
  it('follows the callback’s scheme, and has the configured name', async () => {
    const instance = await anInstance();
    const options = { ...leastOptions, developmentInstances: [instance.origin] };
    for (const [more, name, isSecure] of [
      [{}, '__Host-mastodon-login', true],
      [{ cookieName: 'fedi' }, '__Host-fedi', true],
      [{ callbackURL: 'http://localhost:3000/callback' }, 'mastodon-login', false],
    ] as const) {
      // Whatever the request's own scheme is.
      const request = new Request(`${isSecure ? 'http' : 'https'}://inner/?instance=${instance.host}`);
      const { headers } = await createLogin({ ...options, ...more }).begin(request);
      const line = headers.get('set-cookie') ?? '';
      expect(line).toMatch(new RegExp(`^${name}=[\\w-]{43}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax`));
      expect(line.includes('; Secure')).toBe(isSecure);
    }
  });

  it('stays the same until a login finishes', async () => {
    const { instance, login } = await aStage();
    const first = await comeBack(login, instance);
    const second = await comeBack(login, instance, `a=b; ${first.cookie}; c=d`);
    expect(second.cookie).toBe(first.cookie);
  });

  it.each(['', 'x', `${'a'.repeat(44)}`, `~${'a'.repeat(43)}.9999999999999`, '"', '%00'])(
    'is replaced where it is none of ours: %j',
    async (value) => {
      const { instance, login } = await aStage();
      const { cookie } = await comeBack(login, instance, `__Host-mastodon-login=${value}`);
      expect(cookie).toMatch(/^__Host-mastodon-login=[\w-]{43}$/);
    },
  );

  it('needs no header of the callback’s response: the next start gives the browser another key', async () => {
    const { instance, login } = await aStage({ store: new JSONStore() });
    const first = await comeBack(login, instance);
    await login.finish(withCookie(first.callback, first.cookie));
    const key = first.cookie.split('=')[1] ?? '';
    const second = await comeBack(login, instance, first.cookie);
    expect(second.cookie).toMatch(new RegExp(`^__Host-mastodon-login=(?!${key})[\\w-]{43}~${key}\\.\\d+$`));
    expect((await login.finish(withCookie(second.callback, second.cookie))).profile.username).toBe('alice');
  });

  it('finishes a login of another tab with its former key, for ten minutes', async () => {
    const { instance, login } = await aStage({ store: new JSONStore() });
    const first = await comeBack(login, instance);
    const [second, third] = [
      await comeBack(login, instance, first.cookie),
      await comeBack(login, instance, first.cookie),
    ];
    await login.finish(withCookie(first.callback, first.cookie));
    const { cookie } = await comeBack(login, instance, first.cookie);
    expect((await login.finish(withCookie(second.callback, cookie))).profile.username).toBe('alice');
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 10.1 * minutes);
    expect((await failureOf(login.finish(withCookie(third.callback, cookie)))).code).toBe('login_expired');
    const muchLater = await comeBack(login, instance, cookie);
    expect(muchLater.cookie).not.toContain(first.cookie.split('=')[1]);
  });

  it('is deleted by the headers of finish', async () => {
    const { instance, login } = await aStage();
    const { callback, cookie } = await comeBack(login, instance);
    const { headers } = await login.finish(withCookie(callback, cookie));
    expect(headers.get('set-cookie')).toMatch(
      /^__Host-mastodon-login=; Max-Age=0; Expires=.* 1970 .*; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  it('has a bounded length, and accepts no former key that would outlive a login', async () => {
    const { instance, login } = await aStage();
    const key = randomToken();
    let { cookie } = await comeBack(
      login,
      instance,
      `__Host-mastodon-login=${key}~${randomToken()}.9999999999999`,
    );
    expect(cookie).toBe(`__Host-mastodon-login=${key}`);
    for (let i = 0; i < 6; i++) {
      const begun = await comeBack(login, instance, cookie);
      ({ cookie } = begun);
      await login.finish(withCookie(begun.callback, cookie));
    }
    expect(cookie.split('~')).toHaveLength(4);
  });

  it('with a name that begins with a Unicode space, which a sibling host can set, is ignored', async () => {
    const { instance, login } = await aStage();
    const attacker = await comeBack(login, instance);
    for (const space of ['\u00a0', '\v', '\f']) {
      // As fetch passes a header on: each byte of it is one character.
      const headers = { get: (name: string) => (name === 'cookie' ? space + attacker.cookie : null) };
      const request = { url: attacker.callback, method: 'GET', headers } as unknown as Request;
      expect((await failureOf(login.finish(request))).code).toBe('login_expired');
    }
  });

  it('does not change when a login fails', async () => {
    const { instance, login } = await aStage();
    const { callback, cookie } = await comeBack(login, instance);
    const wrong = callback.replace(/code=[^&]*/, 'error=access_denied');
    expect((await failureOf(login.finish(withCookie(wrong, cookie)))).code).toBe('access_denied');
    const next = await comeBack(login, instance, cookie);
    expect((await login.finish(withCookie(next.callback, next.cookie))).profile.username).toBe('alice');
  });
});

describe('finish', () => {
  it('returns the profile, the tokens and the application’s state', async () => {
    const { instance, login } = await aStage();
    const state = { from: '/pricing', n: [1, null] };
    const begun = await login.begin(new Request(`${start}?instance=${instance.host}`), { state });
    const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
    const {
      profile,
      accessToken,
      refreshToken,
      params,
      state: back,
      headers,
    } = await login.finish(withCookie(callback, cookieIn(begun)));
    expect(profile.id).toBe(`${instance.origin}#${instance.account('alice').id}`);
    expect(instance.tokens.has(accessToken)).toBe(true);
    expect([refreshToken, params['access_token'], back]).toEqual([undefined, accessToken, state]);
    expect([...headers.keys()]).toEqual(['set-cookie']);
  });

  it('returns the state as at the start, as an object that the application may change', async () => {
    const { instance, login } = await aStage();
    const given = { cart: [7] };
    const begun = await login.begin(new Request(`${start}?instance=${instance.host}`), { state: given });
    given.cart.push(1);
    const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
    const { state } = await login.finish(withCookie(callback, cookieIn(begun)));
    (state as { cart: number[] }).cart.push(8);
    expect(state).toEqual({ cart: [7, 8] });
  });

  it("reads only path and query of the request's URL", async () => {
    const { instance, login } = await aStage();
    const { callback, cookie } = await comeBack(login, instance);
    const { pathname, search } = new URL(callback);
    const inner = withCookie(`http://10.0.0.7:8080${pathname}${search}`, cookie);
    expect((await login.finish(inner)).profile.username).toBe('alice');
  });

  it('gives the state of a failed login to the application, and in no serialised form', async () => {
    const { instance, login } = await aStage();
    const begun = await login.begin(new Request(`${start}?instance=${instance.host}`), {
      state: { cart: 7 },
    });
    const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
    const denied = callback.replace(/code=[^&]*/, 'error=access_denied');
    const error = await failureOf(login.finish(withCookie(denied, cookieIn(begun))));
    expect([error.code, error.state]).toEqual(['access_denied', { cart: 7 }]);
    expect(JSON.stringify(error)).not.toContain('cart');
  });

  it('works without its object', async () => {
    const { instance, login } = await aStage();
    const { begin, finish } = login;
    const begun = await begin(new Request(`${start}?instance=${instance.host}`));
    const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
    expect((await finish(withCookie(callback, cookieIn(begun)))).profile.username).toBe('alice');
  });
});

describe('a start by a page of another site', () => {
  const crossSite = (host: string, headers: Record<string, string> = { 'Sec-Fetch-Site': 'cross-site' }) =>
    new Request(`${start}?instance=${host}`, { method: 'POST', headers });

  it.each<[string, Record<string, string>]>([
    ['cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['same-site', { 'Sec-Fetch-Site': 'same-site' }],
    ['a foreign origin', { Origin: 'https://evil.example' }],
    ['no origin to show', { Origin: 'null' }],
  ])('is refused, by %s', async (_what, headers) => {
    const { instance, login } = await aStage();
    const request = crossSite(instance.host, headers);
    expect((await failureOf(login.begin(request, { instance: instance.host }))).code).toBe(
      'cross_site_start',
    );
    expect(instance.requests).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    [
      'same-origin, whatever the page says of its referrer',
      { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' },
    ],
    ['the origin of callbackURL', { Origin: 'https://site.example' }],
    ['the host of the request', { Origin: 'https://www.site.example', Host: 'www.site.example' }],
  ])('is not a request with %s', async (_what, headers) => {
    const { instance, login } = await aStage();
    expect((await login.begin(crossSite(instance.host, headers))).status).toBe(302);
  });

  it('is accepted if the site allows it', async () => {
    const { instance, login } = await aStage({ allowCrossSiteStart: true });
    expect((await login.begin(crossSite(instance.host))).status).toBe(302);
  });
});

describe('a request that the visitor did not intend', () => {
  const prefetches: [string, RequestInit][] = [
    ['a prefetch of Chromium', { headers: { 'Sec-Purpose': 'prefetch' } }],
    ['a prerender of Chromium', { headers: { 'Sec-Purpose': 'prefetch;prerender' } }],
    ['a prefetch of Safari', { headers: { Purpose: 'prefetch' } }],
    ['a prefetch of an old Firefox', { headers: { 'X-Moz': 'prefetch' } }],
    ['a HEAD request', { method: 'HEAD' }],
  ];

  it.each(prefetches)('begins no login: %s', async (_what, init) => {
    const { instance, login } = await aStage();
    const error = await failureOf(login.begin(new Request(`${start}?instance=${instance.host}`, init)));
    expect([error.code, error.status, error.headers]).toEqual([
      'prefetch_refused',
      503,
      { 'Cache-Control': 'no-store' },
    ]);
    expect(instance.requests).toEqual([]);
  });

  it.each(prefetches)('uses up no login: %s', async (_what, { method = 'GET', headers }) => {
    const { instance, login } = await aStage();
    const { callback, cookie } = await comeBack(login, instance);
    const request = new Request(callback, { method, headers: { ...headers, Cookie: cookie } });
    expect((await failureOf(login.finish(request))).code).toBe('prefetch_refused');
    expect((await login.finish(withCookie(callback, cookie))).profile.username).toBe('alice');
  });
});

describe('a mistake of the developer', () => {
  it.each([
    [{ cookieName: '__Host-login' }, /^createLogin: cookieName must have no prefix/],
    [{ cookieName: 'a b' }, /^createLogin: cookieName must be 1 to 64/],
    [{ cookieName: '' }, /^createLogin: cookieName/],
    [{ cookieName: 7 }, /^createLogin: cookieName/],
    [{ allowCrossSiteStart: 'yes' }, /^createLogin: allowCrossSiteStart must be true or false/],
    [{ cookiename: 'x' }, /^createLogin: there is no option cookiename; did you mean cookieName\?/],
    [{ stateStore: {} }, /^createLogin: there is no option stateStore/],
    [{ clientName: '' }, /^createLogin: clientName/],
  ])('%j is reported at once', (wrong, message) => {
    expect(() => createLogin({ ...leastOptions, ...(wrong as object) })).toThrow(message);
  });

  it('a request of another type is reported as such', async () => {
    const { login } = await aStage();
    const request = { url: '/', headers: { cookie: '' } } as unknown as Request;
    await expect(login.begin(request)).rejects.toThrow(/begin takes a Request/);
    await expect(login.finish(request)).rejects.toThrow(/finish takes a Request/);
  });
});
