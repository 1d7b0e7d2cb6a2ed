/** How a request that may be an authorization response is read and checked before any request is sent. */

import {
  targetOf,
  assertSameInstance,
  codeOf,
  callbackPaths,
  isCallback,
  readResponse,
  type CallbackParams,
} from '../../lib/login/authorization.js';
import { aLogin, anInstanceRecord } from '../support/records.js';

const state = 's'.repeat(43);
const requestFor = targetOf;
/** Only the path of this callback URL matters: the requests of these tests have no host. */
const callback = 'https://site.example/:instance/done';
const params = (changes: Partial<CallbackParams>): CallbackParams => ({
  state,
  code: undefined,
  error: undefined,
  iss: undefined,
  host: '',
  ...changes,
});

/** An error with this code, a cause that says why, and these details. */
const failureWith = (code: string, why?: RegExp, details: object = {}): Error =>
  expect.objectContaining({
    ...{ code, ...details },
    ...(why && {
      cause: expect.objectContaining({ message: expect.stringMatching(why) as unknown }) as unknown,
    }),
  }) as Error;

describe('a response is read', () => {
  it.each([
    ['as a whole address', 'https://site.example/callback/a?code=x', ['/callback/a', 'code=x']],
    ['by http, in capitals', 'HTTP://site.example/callback/a', ['/callback/a', '']],
    ['as path and query', '/callback/a?code=x', ['/callback/a', 'code=x']],
    ['without what browsers keep to themselves', '/callback/a?code=x#y?z', ['/callback/a', 'code=x']],
    ['without what browsers keep, behind the path', '/callback/a#y\nz?code=x', ['/callback/a', '']],
    ['without the first slash', 'callback/a/', ['/callback/a/', '']],
    ['as a path that looks like another host', '//evil.example/a', ['//evil.example/a', '']],
    [
      'as a path with an address in it',
      '/a?to=https://evil.example/?b',
      ['/a', 'to=https%3A%2F%2Fevil.example%2F%3Fb'],
    ],
    ['as an address that is none', 'https://[', ['/https://[', '']],
    [
      'as another scheme with an address in it',
      'view-source:https://evil.example/a',
      ['/view-source:https://evil.example/a', ''],
    ],
    ['as what has no slashes', 'mailto:a@b.example', ['/mailto:a@b.example', '']],
    ['as the router of the site reads it', '/callback/a/../b', ['/callback/a/../b', '']],
  ])('%s', (_how, answer, read) => {
    const { pathname, searchParams } = targetOf(answer);
    expect([pathname, String(searchParams)]).toEqual(read);
  });

  it('from parameters that were already parsed', () => {
    const url = new URL('https://site.example/callback/a?code=x');
    expect(targetOf(url)).toBe(url);
  });
});

describe('a request is an authorization response', () => {
  const callbackURL = 'https://site.example/auth/callback';

  it.each([
    ['by its path', '/auth/callback/social.example'],
    ['by its path, with a slash', '/auth/callback/social.example/'],
    ['by its path, with a port', '/auth/callback/localhost:4000?state=x'],
    ['by its path, in capitals', '/Auth/CALLBACK/social.example'],
    ['by its path, encoded', '/auth/%63allback/social.example'],
    ['by its path, encoded in a way that is none', '/AUTH/callback/%zz'],
    ['by its path, with more slashes', '//auth///callback//social.example'],
    ['by its path, however short', '/auth/callback/a'],
    ['by its path, however deep', '/auth/callback/a/b?instance=evil.example'],
    [
      'by a state of ours and a code, wherever a proxy moved it',
      `/callback/social.example?state=${state}&code=x`,
    ],
    ['by a state of ours and an error', `/elsewhere?state=${state}&error=access_denied`],
    ['by a state of ours and an issuer', `/?state=${state}&iss=https://social.example`],
  ])('%s', (_how, url) => {
    expect(isCallback(requestFor(url), callbackPaths(callbackURL))).toBe(true);
  });

  it.each([
    '/auth?instance=social.example',
    '/auth?state=mine',
    '/auth/callback',
    '/auth/callback/',
    '/auth/callbacks/social.example',
    '/authcallback/social.example',
    '/auth?code=x',
    '/auth?error=login_failed',
    '/auth?code=INVITE',
    '/auth?instance=social.example&error=1',
    `/auth?state=${state}`,
    '/auth?state=mine&code=INVITE',
    '/',
    '*',
    '',
  ])('%j is not one', (url) => {
    expect(isCallback(requestFor(url), callbackPaths(callbackURL))).toBe(false);
  });

  it('by a segment like a host, if the callbacks are directly below the root', () => {
    expect(isCallback(requestFor('/auth/callback\\social.example#'), callbackPaths(callbackURL))).toBe(true);
    expect(isCallback(requestFor('/social.example'), callbackPaths('https://site.example'))).toBe(true);
    for (const path of ['/login', '/', '/a/social.example', '/social.example/a']) {
      expect(isCallback(requestFor(path), callbackPaths('https://site.example'))).toBe(false);
    }
    expect(isCallback(requestFor('/social.example/'), callbackPaths('https://site.example'))).toBe(true);
    // As long as a server accepts it. A quadratic comparison takes 300 ms.
    const begun = performance.now();
    expect(isCallback(requestFor(`/${'.'.repeat(15_000)}%2Fa`), callbackPaths('https://site.example'))).toBe(
      false,
    );
    expect(performance.now() - begun).toBeLessThan(50);
    expect(
      isCallback(requestFor('/auth/callback/'), callbackPaths('https://site.example/auth/callback/')),
    ).toBe(false);
    expect(
      isCallback(requestFor('/auth/callback/a'), callbackPaths('https://site.example/auth/callback/')),
    ).toBe(true);
  });
});

describe('a request is an authorization response if the host is inside the path', () => {
  const paths = callbackPaths('https://site.example/auth/:instance/Done');

  it.each([
    ['by its path', '/auth/social.example/done'],
    ['by its path, with a slash', '/auth/social.example/done/?state=x'],
    ['by its path, in capitals', '/AUTH/social.example/DONE'],
    ['by its path, encoded', '/auth/social.example/d%6Fne'],
    ['by its path, with more slashes', '//auth//social.example//done'],
    ['by its path, with backslashes', '/auth\\social.example\\done#'],
    ['by its path, however short', '/auth/a/done'],
    ['by a state of ours and a code, wherever a proxy moved it', `/x?state=${state}&code=x`],
  ])('%s', (_how, url) => {
    expect(isCallback(requestFor(url), paths)).toBe(true);
  });

  it.each([
    '/auth/social.example',
    '/auth/social.example/donee',
    '/auth/social.example/undone',
    '/auth/done',
    '/auth//done',
    '/done',
    '/auths/social.example/done',
    '/',
    '',
  ])('%j is not one', (url) => {
    expect(isCallback(requestFor(url), paths)).toBe(false);
  });

  it('by the end of its path, if the host is the first segment', () => {
    const below = callbackPaths('https://site.example/:instance/done');
    expect(isCallback(requestFor('/social.example/done'), below)).toBe(true);
    expect(isCallback(requestFor('/localhost/done'), below)).toBe(true);
    for (const path of ['/social.example', '/done', '/'])
      expect(isCallback(requestFor(path), below)).toBe(false);
  });
});

it.each([
  ['https://site.example/auth/:instance/done', '/auth/social.example/done', 'social.example'],
  ['https://site.example/auth/:instance/done', '/auth/SOCIAL.example/DONE/', 'social.example'],
  ['https://site.example/auth/:instance/done', '/social.example/done', 'social.example'],
  ['https://site.example/auth/:instance/done', '/auth/localhost%3A4000/done', 'localhost:4000'],
  ['https://site.example/auth/:instance/done', '/auth/social.example', ''],
  ['https://site.example/auth/:instance/done', '/auth/social.example/evil.example', ''],
  ['https://site.example/auth/:instance/done', '/auth/evil.example/social.example/done', 'social.example'],
  ['https://site.example/auth/:instance/done', '/done', ''],
  ['https://site.example/:instance', '/social.example', 'social.example'],
])('at %s the path %s names the instance %j', (callbackURL, path, host) => {
  expect(readResponse(requestFor(path), callbackURL).host).toBe(host);
});

it.each([
  ['/callback/social.example', 'social.example'],
  ['/callback/SOCIAL.example/?code=x', 'social.example'],
  ['/callback/localhost%3A4000', 'localhost:4000'],
  ['/callback/%zz', ''],
  ['/', ''],
  ['//evil.example/social.example', 'social.example'],
  ['/callback/social.example%0d%0aX: y', ''],
  ['/callback/%00', ''],
  ['/callback/<b>social.example', ''],
  ['/callback/%5B::1%5D:4000', '[::1]:4000'],
  ['/callback/%5B::1%5D', '[::1]'],
  ['/callback/a%5B::1%5D', ''],
  ['/callback/%5B::1%5Da', ''],
  ['/a/b/c', 'c'],
  [`/${'a'.repeat(253)}:44443`, `${'a'.repeat(253)}:44443`],
  [`/${'a'.repeat(254)}`, ''],
])('%s names the instance %j', (url, host) => {
  expect(readResponse(requestFor(url), 'https://site.example/callback').host).toBe(host);
});

describe('each parameter is one string or the request fails', () => {
  it.each([
    [`/?state=${state}&code=a%20b&iss=https%3A%2F%2Fx`, params({ code: 'a b', iss: 'https://x' })],
    ['/?error=access_denied', params({ state: undefined, error: 'access_denied' })],
    ['/', params({ state: undefined })],
    [`/?state=${state}&code=`, params({ code: '' })],
    ['/?codes=x&stated=y&x[code]=z', params({ state: undefined })],
  ])('%s', (url, read) => {
    expect(readResponse(requestFor(url), callback)).toEqual(read);
  });

  it.each([
    ...['code=a&code=b', 'code[]=a', 'code[x]=a', 'code[0]=a&code=b', 'code%5B%5D=a', 'error=a&error=a'],
    ...[
      'iss=a&iss=a',
      'iss[toString]=a',
      'state=a&state=a',
      'state[]=a',
      'state[$ne]=a',
      'error[__proto__]=x',
    ],
  ])('%s', (query) => {
    const read = () => readResponse(requestFor(`/?state=${state}&${query}`), callback);
    expect(read).toThrow(failureWith('login_mismatch', /repeated/));
  });

  it.each(['', 'short', `${state}s`, `${state.slice(1)}.`, `${state.slice(1)}%0a`, `${state.slice(1)}%00`])(
    'the state %j is none of ours',
    (text) => {
      const read = () => readResponse(requestFor(`/?state=${text}&code=x`), callback);
      expect(read).toThrow(failureWith('login_expired', /state/));
    },
  );
});

describe('the response must come from the instance at which the login began', () => {
  const assertSame = (changes: Partial<CallbackParams>, host = 'social.example', promisesIssuer = false) => {
    const login = aLogin({ instance: anInstanceRecord({ promisesIssuer }) });
    assertSameInstance(login, params({ ...changes, host }));
  };

  it.each([
    ['no issuer', {}],
    ['its issuer', { iss: 'https://social.example' }],
    ['its issuer with a slash', { iss: 'https://social.example/' }],
  ])('%s', (_what, changes) => {
    expect(() => assertSame(changes)).not.toThrow();
  });

  it.each([
    ['another path', {}, 'evil.example', false, /path/],
    ['no path', {}, '', false, /path/],
    ['another issuer', { iss: 'https://evil.example' }, 'social.example', false, /another$/],
    ['an empty issuer', { iss: '' }, 'social.example', false, /another$/],
    ['an issuer and more', { iss: 'https://social.example/x' }, 'social.example', false, /another$/],
    ['the issuer over http', { iss: 'http://social.example' }, 'social.example', false, /another$/],
    ['no issuer, though one was promised', {}, 'social.example', true, /promised issuer/],
  ])('and not with %s', (_what, changes, host, promised, why) => {
    const failure = failureWith('login_mismatch', why, { instance: 'social.example' });
    expect(() => assertSame(changes, host, promised)).toThrow(failure);
  });
});

it.each([
  ['a code', { code: 'x' }],
  ['a long code', { code: 'x'.repeat(4096) }],
])('a response with %s is accepted', (_what, changes) => {
  expect(codeOf(params(changes), 'social.example')).toBe(changes.code);
});

it.each<[string, Partial<CallbackParams>, string, RegExp | undefined]>([
  ['a denial', { error: 'access_denied' }, 'access_denied', undefined],
  ['a denial beside a code', { error: 'access_denied', code: 'x' }, 'access_denied', undefined],
  ['any other error', { error: 'server_error', code: 'x' }, 'token_refused', /authorization/],
  ['an empty error', { error: '', code: 'x' }, 'token_refused', /authorization/],
  ['nothing', {}, 'response_invalid', /no code/],
  ['an empty code', { code: '' }, 'response_invalid', /no code/],
  ['a code without end', { code: 'x'.repeat(4097) }, 'response_invalid', /no code/],
])('a response with %s is refused: %j → %s', (_what, changes, code, why) => {
  const failure = failureWith(code, why, { instance: 'social.example' });
  expect(() => codeOf(params(changes), 'social.example')).toThrow(failure);
});

it('a response with a scope that is not granted is refused for that reason', () => {
  const details = { instance: 'social.example', reason: 'scope_not_granted' };
  const read = () => codeOf(params({ error: 'invalid_scope' }), 'social.example');
  expect(read).toThrow(failureWith('token_refused', /"scope"/, details));
});
