/** How a request that may be an answer from an instance is read. */

import {
  answerURL,
  assertSameInstance,
  codeOf,
  instanceInPath,
  isCallback,
  readCallback,
  type CallbackParams,
} from '../../lib/login/callback.js';
import { aLogin, anInstanceRecord, codeThrownBy } from '../support/stage.js';

const state = 's'.repeat(43);
const requestFor = (url: string) => answerURL(url);
const params = (changes: Partial<CallbackParams>): CallbackParams => ({
  state,
  code: undefined,
  error: undefined,
  iss: undefined,
  ...changes,
});

describe('a request is an answer from an instance', () => {
  const callbackURL = 'https://site.example/auth/callback';

  it.each([
    ['by its path', '/auth/callback/social.example'],
    ['by its path, with a slash', '/auth/callback/social.example/'],
    ['by its path, with a port', '/auth/callback/localhost:4000?state=x'],
    ['by its path, however deep', '/auth/callback/a/b?instance=evil.example'],
    [
      'by a state of ours and a code, wherever a proxy moved it',
      `/callback/social.example?state=${state}&code=x`,
    ],
    ['by a state of ours and an error', `/elsewhere?state=${state}&error=access_denied`],
    ['by a state of ours and an issuer', `/?state=${state}&iss=https://social.example`],
  ])('%s', (_how, url) => {
    expect(isCallback(requestFor(url), callbackURL)).toBe(true);
  });

  it.each([
    '/auth?instance=social.example',
    '/auth?state=mine',
    '/auth/callback',
    '/auth?error=login_failed',
    '/auth?code=INVITE',
    '/auth?instance=social.example&error=1',
    `/auth?state=${state}`,
    '/auth?state=mine&code=INVITE',
    '/',
    '*',
    '',
  ])('and %j is none', (url) => {
    expect(isCallback(requestFor(url), callbackURL)).toBe(false);
  });

  it('by something like a host, where the callbacks lie directly below the root', () => {
    expect(isCallback(requestFor('/social.example'), 'https://site.example')).toBe(true);
    expect(isCallback(requestFor('/login'), 'https://site.example')).toBe(false);
  });
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
  [`/callback/${'a'.repeat(9000)}`, ''],
  ['/callback/%5B::1%5D:4000', '[::1]:4000'],
])('%s names the instance %j', (url, host) => {
  expect(instanceInPath(requestFor(url))).toBe(host);
});

describe('each parameter is one text or the request fails', () => {
  it.each([
    [`/?state=${state}&code=a%20b&iss=https%3A%2F%2Fx`, params({ code: 'a b', iss: 'https://x' })],
    ['/?error=access_denied', params({ state: undefined, error: 'access_denied' })],
    ['/', params({ state: undefined })],
    [`/?state=${state}&code=`, params({ code: '' })],
    ['/?codes=x&stated=y&x[code]=z', params({ state: undefined })],
  ])('%s', (url, read) => {
    expect(readCallback(requestFor(url))).toEqual(read);
  });

  it.each([
    ...['code=a&code=b', 'code[]=a', 'code[x]=a', 'code[0]=a&code=b', 'code%5B%5D=a', 'error=a&error=a'],
    ...[
      'iss=a&iss=a',
      'state=a&state=a',
      'state[]=a',
      'state[$ne]=a',
      'iss[toString]=a',
      'error[__proto__]=x',
    ],
  ])('%s', (query) => {
    expect(codeThrownBy(() => readCallback(requestFor(`/?state=${state}&${query}`)))).toBe('login_mismatch');
  });

  it.each(['', 'short', `${state}s`, `${state.slice(1)}.`, `${state.slice(1)}%0a`, `${state.slice(1)}%00`])(
    'the state %j is none of ours',
    (text) => {
      expect(codeThrownBy(() => readCallback(requestFor(`/?state=${text}&code=x`)))).toBe('login_expired');
    },
  );
});

describe('the answer must come from the instance that the login was begun at', () => {
  const same = (changes: Partial<CallbackParams>, host = 'social.example', promisesIssuer = false) =>
    codeThrownBy(() =>
      assertSameInstance(aLogin({ instance: anInstanceRecord({ promisesIssuer }) }), params(changes), host),
    );

  it.each([
    ['no issuer', {}],
    ['its issuer', { iss: 'https://social.example' }],
    ['its issuer with a slash', { iss: 'https://social.example/' }],
  ])('%s', (_what, changes) => {
    expect(same(changes)).toBeUndefined();
  });

  it.each([
    ['another path', {}, 'evil.example', false],
    ['no path', {}, '', false],
    ['another issuer', { iss: 'https://evil.example' }, 'social.example', false],
    ['an empty issuer', { iss: '' }, 'social.example', false],
    ['an issuer with something behind it', { iss: 'https://social.example/x' }, 'social.example', false],
    ['the issuer over http', { iss: 'http://social.example' }, 'social.example', false],
    ['no issuer, though one was promised', {}, 'social.example', true],
  ])('and not with %s', (_what, changes, host, promised) => {
    expect(same(changes, host, promised)).toBe('login_mismatch');
  });
});

it.each([
  ['a code', { code: 'x' }, undefined],
  ['a denial', { error: 'access_denied' }, 'access_denied'],
  ['a denial beside a code', { error: 'access_denied', code: 'x' }, 'access_denied'],
  ['any other error', { error: 'server_error', code: 'x' }, 'token_refused'],
  ['an empty error', { error: '', code: 'x' }, 'token_refused'],
  ['nothing', {}, 'response_invalid'],
  ['an empty code', { code: '' }, 'response_invalid'],
  ['a code without end', { code: 'x'.repeat(4097) }, 'response_invalid'],
])('an answer with %s: %j → %s', (_what, changes, code) => {
  expect(codeThrownBy(() => codeOf(params(changes), 'social.example'))).toBe(code);
});
