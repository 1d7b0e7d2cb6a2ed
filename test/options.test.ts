/** What a site may set: a wrong option is told at once, by its name. */

import { MastodonStrategy } from '../lib/index.js';
import { readOptions } from '../lib/options.js';
import { readStrategyOptions, type MastodonStrategyOptions } from '../lib/strategy-options.js';
import { leastOptions } from './support/stage.js';

const read = (options: MastodonStrategyOptions) => ({
  ...readOptions(options),
  ...readStrategyOptions(options),
});
const withOption = (changes: object) => read({ ...leastOptions, ...changes } as MastodonStrategyOptions);

it('two options are enough', () => {
  expect(read(leastOptions)).toMatchObject({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    website: undefined,
    scope: undefined,
    instanceField: 'instance',
    revokeToken: false,
    outbound: { timeoutMs: 10_000, maxResponseBytes: 262_144 },
  });
});

it('an option that is undefined has its default', () => {
  const undefinedOnes = Object.fromEntries(
    [
      'website',
      'scope',
      'userAgent',
      'instanceField',
      'allowInstance',
      'revokeToken',
      'outbound',
      'developmentInstances',
    ].map((name) => [name, undefined]),
  );
  expect({ ...withOption(undefinedOnes), allowInstance: 0 }).toEqual({
    ...read(leastOptions),
    allowInstance: 0,
  });
});

it.each([
  ['https://site.example/callback/', 'https://site.example/callback'],
  ['https://SITE.example/Callback', 'https://site.example/Callback'],
  ['https://site.example', 'https://site.example'],
  ['https://site.example:8443/x', 'https://site.example:8443/x'],
  ['http://localhost:3000/x', 'http://localhost:3000/x'],
  ['http://127.0.0.1:3000/x', 'http://127.0.0.1:3000/x'],
  ['http://[::1]:3000/x', 'http://[::1]:3000/x'],
])('callbackURL %s', (callbackURL, read) => {
  expect(withOption({ callbackURL }).callbackURL).toBe(read);
});

it.each<[string, object]>([
  ['clientName', { clientName: undefined }],
  ['clientName', { clientName: ' ' }],
  ['clientName', { clientName: 'x'.repeat(61) }],
  ['clientName', { clientName: 7 }],
  ['callbackURL', { callbackURL: undefined }],
  ['callbackURL', { callbackURL: '/callback' }],
  ['callbackURL', { callbackURL: 'ftp://site.example/callback' }],
  ['callbackURL', { callbackURL: 'http://site.example/callback' }],
  ['callbackURL', { callbackURL: 'http://localhost.site.example/callback' }],
  ['callbackURL', { callbackURL: 'https://site.example/callback?x=1' }],
  ['callbackURL', { callbackURL: 'https://site.example/callback?' }],
  ['callbackURL', { callbackURL: 'https://site.example/callback#x' }],
  ['callbackURL', { callbackURL: 'https://user@site.example/callback' }],
  ['callbackURL', { callbackURL: 'https://site.example/call back' }],
  ['callbackURL', { callbackURL: `https://site.example/${'x'.repeat(2000)}` }],
  ['website', { website: 'site.example' }],
  ['website', { website: 'javascript:alert(1)' }],
  ['scope', { scope: '' }],
  ['scope', { scope: [] }],
  ['scope', { scope: 7 }],
  ['scope', { scope: ['read', 'a"b'] }],
  ['scope', { scope: ['read\nwrite'] }],
  ['userAgent', { userAgent: '' }],
  ['userAgent', { userAgent: 'x\r\ny' }],
  ['instanceField', { instanceField: '' }],
  ['allowInstance', { allowInstance: ['mastodon.social'] }],
  ['developmentInstances', { developmentInstances: 'http://localhost' }],
  ['developmentInstances', { developmentInstances: ['localhost:4000'] }],
  ['developmentInstances', { developmentInstances: ['http://localhost:4000/path'] }],
  ['developmentInstances', { developmentInstances: ['*'] }],
  ['outbound.timeoutMs', { outbound: { timeoutMs: 0 } }],
  ['outbound.timeoutMs', { outbound: { timeoutMs: Infinity } }],
  ['outbound.timeoutMs', { outbound: { timeoutMs: '10' } }],
  ['outbound.maxResponseBytes', { outbound: { maxResponseBytes: -1 } }],
  ['outbound.maxWaiting', { outbound: { maxWaiting: 1.5 } }],
  ['outbound.lookup', { outbound: { lookup: 'dns' } }],
])('%s is named where it is wrong: %j', (name, changes) => {
  expect(() => withOption(changes)).toThrow(TypeError);
  expect(() => withOption(changes)).toThrow(name);
});

it.each([undefined, null, 'options'])('%j are no options', (options) => {
  expect(() => readOptions(options as never)).toThrow(TypeError);
});

it.each([
  ['read  profile', 'read profile'],
  [['read', 'profile'], 'read profile'],
])('scope %j', (scope, read) => {
  expect(withOption({ scope }).scope).toBe(read);
});

it('the User-Agent names the package and the site, so that an instance knows whom to ask', () => {
  expect(withOption({ website: 'https://site.example' }).userAgent).toMatch(
    /^passport-mastodon-oauth2\/\d+\.\d+\.\d+ \(\+https:\/\/site\.example\/?\)$/,
  );
});

it.each<[string, object, unknown]>([
  ['verify', {}, undefined],
  ['store', { store: {} }, () => null],
  ['store', { store: { get: () => null, set: () => null } }, () => null],
])('a strategy without a usable %s is not made', (name, changes, verify) => {
  const make = () => new MastodonStrategy({ ...leastOptions, ...changes } as never, verify as never);
  expect(make).toThrow(TypeError);
  expect(make).toThrow(name);
});

describe('outbound.proxy', () => {
  const read = (proxy: unknown) =>
    readOptions({
      clientName: 'A site',
      callbackURL: 'https://site.example/callback',
      outbound: { proxy: proxy as string },
    }).outbound.proxy;

  it.each([
    'http://proxy.example:3128',
    'http://proxy.example:3128/',
    'https://10.0.0.1',
    'http://someone:p%40ss@[fd00::1]:8080',
  ])('may be %s', (proxy) => {
    expect(read(proxy)).toBe(new URL(proxy).href);
  });

  it.each([
    '',
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://someone:secret@proxy.example/path',
    'http://someone:secret@proxy.example/?a',
    'http://someone:secret@proxy.example/#a',
    'http://some%3Aone:secret@proxy.example',
    'http://someone:secret%@proxy.example',
    3128,
    null,
  ])('cannot be %s, and what it holds is not repeated', (proxy) => {
    expect(() => read(proxy)).toThrow(/outbound\.proxy must be an http\(s\) URL/);
    expect(() => read(proxy)).not.toThrow(/someone|secret/);
  });
});
