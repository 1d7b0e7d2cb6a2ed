/** The position of an instance's host in a URL of the site, and URLs that are parsed without an exception. */

import { Checks } from '../../lib/util/checks.js';
import {
  addressesBelow,
  hostOf,
  hostSegmentOf,
  isHost,
  isOn,
  parsedURL,
  splitAtHost,
  withHost,
} from '../../lib/util/url.js';

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

describe('an endpoint', () => {
  const origin = 'https://social.example';

  it.each(['/', '/token?a=b', '/token'.padEnd(512 - origin.length, 'x')])('%j is on its origin', (rest) => {
    expect(isOn(origin, origin + rest)).toBe(true);
  });

  it.each([
    ...[
      '/token\r\nSet-Cookie: a=b',
      '/token\0',
      '/a token',
      '\t/token',
      '/token#x',
      '@evil.example/',
      ':8443/',
    ],
    '/token'.padEnd(513 - origin.length, 'x'),
  ])('that ends in %j is not on the origin before it', (rest) => {
    expect(isOn(origin, origin + rest)).toBe(false);
  });

  it.each([
    ...['https://user@social.example/', 'https://:word@social.example/', 'http://social.example/'],
    ...['/token', '', undefined, null, 7, {}, [`${origin}/token`]],
  ])('%j is not on the origin', (value) => {
    expect(isOn(origin, value)).toBe(false);
  });
});

it.each([
  ...['social.example', 'social.example:8443', 'a_b-c.example', '10.0.0.1', '[::1]', '[::1]:80'],
  ...['a'.repeat(253), `[${':'.repeat(45)}]`, 'social.example:65535'],
])('%j is a host', (text) => expect(isHost(text)).toBe(true));

it.each([
  ...['', 'a b', 'Social.example', 'b\u00fccher.example', 'a/b', 'a@b', 'a:', 'a:port', 'a:123456', ':80'],
  ...['[::1', '::1]', '[::1]x', '[:]', 'x[::1]', '[::g]', 'a'.repeat(254), `[${':'.repeat(46)}]`],
])('%j is no host', (text) => expect(isHost(text)).toBe(false));

it('a connection needs the address of a host without brackets', () => {
  expect(hostOf(new URL('https://[2001:db8::1]:8443/'))).toBe('2001:db8::1');
  expect(hostOf(new URL('https://social.example:8443/'))).toBe('social.example');
});

it('an adapter with its own pages has its addresses below them, and a document on https only', () => {
  expect(addressesBelow(site)).toEqual({
    callbackURL: `${site}/callback/:instance/done`,
    clientMetadataURL: `${site}/client/:instance/metadata`,
  });
  expect(addressesBelow('http://localhost:3000').clientMetadataURL).toBeUndefined();
});
