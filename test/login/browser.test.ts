/** Which keys of a browser count, and which requests its visitor did not make. */

import {
  browserRequest,
  crossSiteStart,
  formerAfterLogin,
  formerKey,
  isOtherBrowser,
  isSecretKey,
  isState,
  keysToBegin,
  OtherBrowserError,
  prefetchRefusal,
  randomToken,
  validFormer,
} from '../../lib/login/browser.js';
import { MastodonError } from '../../lib/errors.js';
import { allWarnings, inDevelopment, warningsOf } from '../support/warnings.js';

const now = 1_000_000_000;
const minute = 60_000;
beforeEach(() => void jest.spyOn(Date, 'now').mockReturnValue(now));
afterEach(() => void jest.restoreAllMocks());

const key = 'abcdefgh'.repeat(4);
const until = (minutes: number, of = key) => `${of}.${now + minutes * minute}`;

it.each([`${key}abcdefghijk`, `${key}-_0123456AZ`])(
  '%s is a state, and no longer or shorter text is',
  (state) => {
    expect([state, `${state}a`, state.slice(1)].map(isState)).toEqual([true, false, false]);
  },
);

it('a random token is a key and a state, and each one is another', () => {
  const token = randomToken();
  expect([isSecretKey(token), isState(token), randomToken() === token]).toEqual([true, true, false]);
});

it.each<[unknown, boolean]>([
  ['abcdefgh/+=-_0123456AZ', true],
  ['abcdefgh/+=-_0123456A', false],
  ['abcdefgh'.repeat(16), true],
  [`${'abcdefgh'.repeat(16)}a`, false],
  ['abcdefg'.repeat(4), false],
  [`${'abcdefgh'.repeat(4)} `, false],
  [` ${'abcdefgh'.repeat(4)}`, false],
  [['abcdefgh'.repeat(4)], false],
])('%j looks like a random key: %s', (value, isKey) => {
  expect(isSecretKey(value)).toBe(isKey);
});

describe('former keys', () => {
  it.each<[string, boolean]>([
    [until(10), true],
    [until(20), true],
    [`${key}.${now + 1}`, true],
    [`${key}.${now}`, false],
    [`${key}.${now + 20 * minute + 1}`, false],
    [`${key}.${now + 1}x`, false],
    [`${key}.x${now + 1}`, false],
    [`${key}.${now + 1}.5`, true],
    [`${key}.${'0'.repeat(6)}${now + 1}`, false],
    [key, false],
    [until(10, 'short'), false],
  ])('are valid until their end: %s %s', (text, isValid) => {
    expect(validFormer([text])).toEqual(isValid ? [text] : []);
  });

  it('are the first three, each with its time', () => {
    const texts = Array.from({ length: 4 }, () => until(5, randomToken()));
    expect(validFormer(texts)).toEqual(texts.slice(0, 3));
    expect(formerAfterLogin(key, texts)).toEqual([until(10), ...texts.slice(0, 2)]);
    expect(formerKey(until(10))).toBe(key);
  });
});

describe('a login begins with', () => {
  const former = [until(5, randomToken())];
  const all = [key, ...former.map(formerKey)];
  const begin = (current: string | undefined, isFinished: boolean) =>
    keysToBegin({ current, former, all }, { hasFinished: async () => isFinished });

  it('the current key, if no login was finished with it', async () => {
    expect(await begin(key, false)).toEqual({ current: key, former, all });
  });

  it.each<[string, string | undefined, boolean, string[]]>([
    ['after a finished login', key, true, [until(10), ...former]],
    ['in a browser without one', undefined, false, former],
  ])('a new key %s', async (_when, current, isFinished, ended) => {
    const keys = await begin(current, isFinished);
    expect(keys).toEqual({ current: keys.current, former: ended, all: [keys.current, ...all] });
    expect(all).not.toContain(keys.current);
    expect(isSecretKey(keys.current)).toBe(true);
  });
});

it('the failure in another browser is recognised by its cause', () => {
  const cause = new OtherBrowserError('x');
  expect(isOtherBrowser(new MastodonError('login_expired', { cause }))).toBe(true);
  expect(isOtherBrowser(new MastodonError('login_expired', { cause: 'x' }))).toBe(false);
  expect(isOtherBrowser(new Error('x', { cause }))).toBe(false);
});

const requested = (method: string, headers: Record<string, string>) => browserRequest({ method, headers });

it('the headers of a Request and of a Node.js request are read alike', () => {
  const headers = { host: 'site.example', 'x-moz': 'a' };
  for (const one of [headers, new Headers(headers)]) {
    const { method, header } = browserRequest({ method: 'GET', headers: one });
    expect([method, header('host'), header('x-moz'), header('origin')?.length]).toEqual([
      'GET',
      'site.example',
      'a',
      undefined,
    ]);
  }
  const { header } = browserRequest({ headers: { origin: ['a', 'b'] } });
  expect(header('origin')).toBe('a,b');
});

it.each<[string, Record<string, string>, RegExp | undefined]>([
  ['HEAD', {}, /HEAD request/],
  ['GET', { 'sec-purpose': 'prefetch;prerender' }, /purpose is prefetch;prerender$/],
  ['GET', { purpose: 'Prefetch' }, /purpose is Prefetch$/],
  ['GET', { 'x-purpose': 'preview' }, /purpose is preview$/],
  ['GET', { 'x-moz': 'prerender' }, /purpose is prerender$/],
  ['GET', { purpose: 'pre', 'x-purpose': 'fetch' }, undefined],
  ['GET', {}, undefined],
  ['POST', { purpose: 'other' }, undefined],
])('%s with %j is a request that no visitor made: %s', (method, headers, why) => {
  const refusal = prefetchRefusal(requested(method, headers));
  expect(refusal?.code).toBe(why && 'prefetch_refused');
  if (why) expect((refusal?.cause as Error).message).toMatch(why);
});

describe('a start', () => {
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const crossSite = { 'sec-fetch-site': 'cross-site' };
  const host = 'inner.example:3000';
  const started = (method: string, headers: Record<string, string>) =>
    crossSiteStart(requested(method, headers), 'https://site.example/callback');

  it.each<[string, Record<string, string>]>([
    ['POST', {}],
    ['POST', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    ['POST', { 'sec-fetch-site': 'none' }],
    ['POST', { origin: 'https://site.example' }],
    ['POST', { origin: `http://${host}`, host: host.toUpperCase() }],
    ['GET', { ...crossSite, ...navigation }],
    ['GET', { ...crossSite, 'sec-fetch-mode': 'navigate' }],
    ['GET', { origin: 'null', ...navigation }],
  ])('of the site’s own pages, or a navigation, is accepted: %s %j', (method, headers) => {
    expect(started(method, headers)).toBeUndefined();
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['POST', { ...crossSite, ...navigation }, /Sec-Fetch-Site is cross-site; with allowCrossSiteStart/],
    [
      'POST',
      { 'sec-fetch-site': 'same-site', origin: 'https://site.example' },
      /Sec-Fetch-Site is same-site/,
    ],
    ['POST', { 'sec-fetch-site': '' }, /Sec-Fetch-Site is ;/],
    ['GET', { ...crossSite, ...navigation, 'sec-fetch-dest': 'iframe' }, /cross-site/],
    ['GET', { ...crossSite, ...navigation, 'sec-fetch-mode': 'no-cors' }, /cross-site/],
    ['GET', crossSite, /cross-site/],
    ['POST', { origin: 'null', host }, /Origin is not the origin of callbackURL/],
    ['POST', { origin: 'https://evil.example' }, /Origin is not/],
    ['POST', { origin: 'https://evil.example', host }, /Origin is not/],
    ['POST', { origin: 'http://site.example' }, /Origin is not/],
  ])('of another site is refused: %s %j', (method, headers, why) => {
    const refusal = started(method, headers);
    expect(refusal?.code).toBe('cross_site_start');
    expect((refusal?.cause as Error).message).toMatch(why);
  });

  it('may name the host to which the request was sent', () => {
    const request = requested('POST', { origin: `https://${host}`, host: 'proxy.example' });
    expect(crossSiteStart(request, 'https://site.example/callback', host)).toBeUndefined();
    expect(crossSiteStart(request, 'https://site.example/callback')?.code).toBe('cross_site_start');
  });

  describe('by a script', () => {
    inDevelopment();

    it('causes a warning in development, and no other one does', () => {
      for (const destination of ['document', 'iframe']) started('POST', { 'sec-fetch-dest': destination });
      process.env['NODE_ENV'] = 'production';
      started('POST', { 'sec-fetch-dest': 'empty' });
      expect(allWarnings()).toEqual([]);
      process.env['NODE_ENV'] = 'development';
      started('POST', { 'sec-fetch-dest': 'empty' });
      expect(warningsOf('MASTODON_BY_SCRIPT')).toEqual([
        expect.stringMatching(/begun by a script.* Submit a form/),
      ]);
    });
  });
});
