/** The position of an instance's host in a URL of the site, and URLs that are parsed without an exception. */

import { Checks } from '../../lib/util/checks.js';
import { isOn, splitAtHost, hostSegmentOf, parsedURL, withHost } from '../../lib/util/url.js';

const site = 'https://site.example';

it.each([
  [`${site}/callback`, `${site}/callback/social.example`],
  [`${site}`, `${site}/social.example`],
  [`${site}/callback/:instance/done`, `${site}/callback/social.example/done`],
  [`${site}/:instance/callback`, `${site}/social.example/callback`],
])('at %s the URL of one instance is %s', (template, url) => {
  expect(withHost(template, 'social.example')).toBe(url);
});

it('a host is never read as a replacement pattern', () => {
  expect(withHost(`${site}/:instance/x`, '$&$1$$')).toBe(`${site}/$&$1$$/x`);
});

it.each([
  [`${site}/callback`, '/callback', ''],
  [`${site}`, '', ''],
  [`${site}/auth/callback/:instance/done`, '/auth/callback', 'done'],
  [`${site}/:instance/a/b`, '', 'a/b'],
])('%s has %j before the host and %j behind it', (template, before, behind) => {
  expect(splitAtHost(template)).toEqual({ before, behind });
});

it.each([
  [`${site}/callback`, '/callback/social.example', 'social.example'],
  [`${site}/callback`, '/callback/social.example/', 'social.example'],
  [`${site}/callback`, '//callback//social.example', 'social.example'],
  [`${site}/callback`, '/', undefined],
  [`${site}/callback`, '', undefined],
  [`${site}/callback/:instance/done`, '/callback/social.example/done', 'social.example'],
  [`${site}/callback/:instance/done`, '/callback/social.example/DONE/', 'social.example'],
  [`${site}/app/callback/:instance/done`, '/callback/social.example/done', 'social.example'],
  [`${site}/callback/:instance/done`, '/callback/social.example', undefined],
  [`${site}/callback/:instance/done`, '/callback/social.example/other', undefined],
  [`${site}/callback/:instance/done`, '/done', undefined],
  [`${site}/callback/:instance/a/b`, '/callback/social.example/a/b', 'social.example'],
  [`${site}/callback/:instance/a/b`, '/callback/social.example/b', undefined],
])('at %s the path %j has the host %j', (template, path, host) => {
  expect(hostSegmentOf(template, path)).toBe(host);
});

describe('an option with the position of a host in it', () => {
  const read = (value: unknown) => new Checks('MastodonLogin').instanceURL('callbackURL', value);

  it.each([
    [`${site}/callback/:instance`, `${site}/callback`],
    [`${site}/callback/:instance/`, `${site}/callback`],
    [`${site}/:instance`, site],
    [`${site}/callback/:instance/done`, `${site}/callback/:instance/done`],
    [`${site}/callback/:instance/done/`, `${site}/callback/:instance/done`],
    ['https://SITE.example/:instance/Done', `${site}/:instance/Done`],
    ['http://localhost:3000/:instance/done', 'http://localhost:3000/:instance/done'],
    [`${site}/callback`, `${site}/callback`],
    [`${site}/a:instance/x`, `${site}/a:instance/x`],
  ])('%s is read as %s', (value, url) => {
    expect(read(value)).toBe(url);
  });

  it.each([
    [`${site}/:instance/:instance`, 'one segment ":instance"'],
    [`${site}/:instance/a/:instance`, 'one segment ":instance"'],
    [`${site}/:host/callback`, '":instance"'],
    [`${site}/:instances/callback`, '":instance"'],
    [`${site}/callback/*`, '":instance"'],
    [`${site}/:instance/:tenant`, 'pattern of a route'],
    [`${site}/:instance/*`, 'pattern of a route'],
    [`${site}/:instance?x=1`, 'query'],
    [`${site}/:instance#x`, 'fragment'],
    ['http://site.example/:instance/done', 'https'],
    ['/callback/:instance/done', 'absolute URL'],
    [`${site}//:instance/done`, 'empty segments'],
    [`${site}/:instance//done`, 'empty segments'],
    ['https://:instance/callback', 'absolute URL'],
    [undefined, 'requires a callbackURL'],
    [7, 'text'],
  ])('%s is refused with what it must be', (value, must) => {
    expect(() => read(value)).toThrow(TypeError);
    expect(() => read(value)).toThrow(must);
    expect(() => read(value)).toThrow('callbackURL');
  });
});

it.each(['', 'https://', 'https://[', 'http://\ud800.example:x', '\u0000'])(
  '%j is no URL, and no failure',
  (text) => expect(parsedURL(text)).toBeUndefined(),
);

it.each(['/token\r\nSet-Cookie: a=b', '/token\0', '/a token', '\t/token', '/token#x', '@evil.example/'])(
  'an endpoint that ends in %j is not on the origin before it',
  (rest) => {
    expect(isOn('https://social.example', `https://social.example${rest}`)).toBe(false);
    expect(isOn('https://social.example', 'https://social.example/token?a=b')).toBe(true);
  },
);
