/** The issuer's own cookies: the session of a visitor before the login, and the cookies that a response may not set. */

import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { IssuerCookies } from '../../lib/issuer/cookies';
import type { AdapterPayload } from '../../lib/issuer/oidc-provider';

const issuerURL = 'https://login.example';
const keys = ['the first key', 'the key before it'];
const session = { jti: 'one', uid: 'u', state: { secret: 'of a form' } };

const withCookies = (cookies: Record<string, string>) =>
  ({
    headers: {
      cookie: Object.entries(cookies)
        .map((pair) => pair.join('='))
        .join('; '),
    },
  }) as IncomingMessage;

/** A response that has set these cookies. */
function aResponse(...set: string[]): ServerResponse {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  if (set.length > 0) res.setHeader('Set-Cookie', set.length === 1 ? String(set) : set);
  return res;
}

const setBy = (res: ServerResponse) => [res.getHeader('set-cookie') ?? []].flat();

/** The session of a visitor, as the browser has it after a response. */
function kept(cookies: IssuerCookies, payload: AdapterPayload, before: Record<string, string> = {}) {
  const res = aResponse();
  const isKept = cookies.keepVisitorSession(withCookies(before), res, payload);
  const [, value = ''] = /^[^=]*=([^;]*)/.exec(String(setBy(res))) ?? [];
  return { isKept, value, set: setBy(res) };
}

describe('the session of a visitor', () => {
  const cookies = new IssuerCookies(issuerURL, () => keys);
  const name = cookies.nameOf('visitor');

  it('is in a cookie that no reader can read, for its ID, as long as its key is known', () => {
    const { isKept, value, set } = kept(cookies, session);
    expect(isKept).toBe(true);
    expect(set).toEqual([`${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Secure`]);
    expect(Buffer.from(value, 'base64url').toString()).not.toContain('of a form');
    const req = withCookies({ [name]: value });
    expect(cookies.visitorSession(req, 'one')).toEqual(session);
    expect(cookies.visitorSession(req, 'two')).toBeUndefined();
    for (const other of [{}, { [name]: '' }, { [name]: 'A'.repeat(99) }, { session: value }])
      expect(cookies.visitorSession(withCookies(other), 'one')).toBeUndefined();
    const later = (...known: string[]) => new IssuerCookies(issuerURL, () => known);
    expect(later('a new key', 'the first key').visitorSession(req, 'one')).toEqual(session);
    expect(later('a new key', 'the key before it').visitorSession(req, 'one')).toBeUndefined();
  });

  it.each([{}, { state: {} }, { state: { secret: 7 } }])('%j, without a form, is deleted', (payload) => {
    expect(kept(cookies, payload)).toMatchObject({ isKept: false, set: [] });
    const { isKept, set } = kept(cookies, payload, { [name]: 'x' });
    expect(isKept).toBe(false);
    expect(set).toEqual([`${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure`]);
  });
});

describe('the cookies of a session', () => {
  const cookies = new IssuerCookies(issuerURL, () => keys);
  const [session, signature] = [cookies.nameOf('session'), cookies.nameOf('session.sig')];
  const [first, second] = [`${session}=one; path=/; httponly`, `${signature}=abc; path=/; httponly`];
  const gone = `${session}=; expires=Thu, 01 Jan 1970 00:00:00 GMT`;
  const other = `${cookies.nameOf('resume')}=one; path=/authorize/one`;
  const known = { [session]: 'one', [signature]: 'abc' };

  it.each<[string, Record<string, string>, boolean, string[], string[]]>([
    [
      'are set in a browser that does not have them',
      {},
      false,
      [first, other, second],
      [first, other, second],
    ],
    ['are not set in one that has them', known, false, [first, other, second], [other]],
    ['are set in one that has others', { ...known, [session]: 'two' }, false, [first, other], [first, other]],
    ['are set anew with another signature', { ...known, [signature]: 'x' }, false, [first, second], [second]],
    ['are not set if the session was not stored', {}, true, [first, other, second], [other]],
    ['are not set if it was not stored, as the only ones', {}, true, [first], []],
    ['are deleted if the session has ended', known, true, [gone, other], [gone, other]],
    ['are not there', known, true, [], []],
  ])('%s', (_what, had, isUnsaved, set, left) => {
    const res = aResponse(...set);
    cookies.dropSessionCookie(withCookies(had), res, isUnsaved);
    expect(setBy(res)).toEqual(left);
  });
});

it('the cookies of a login have a path for each, so that several can be pending', () => {
  const { names } = new IssuerCookies(issuerURL, () => keys);
  expect(Object.values(names).map((name) => name.replace(/issuer-.{8}/, 'x'))).toEqual([
    '__Host-mastodon-x-session',
    '__Secure-mastodon-x-login',
    '__Secure-mastodon-x-resume',
  ]);
});
