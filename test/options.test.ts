/** The options: a wrong one is refused at once, by its name. */

import { MastodonLogin } from '../lib/core/index.js';
import { createClient } from '@redis/client';
import { MastodonStrategy } from '../lib/index.js';
import { createBridge, type BridgeOptions } from '../lib/bridge/index.js';
import { readOptions } from '../lib/options.js';
import { redisBus, redisStore } from '../lib/stores/index.js';
import { readStrategyOptions, type MastodonStrategyOptions } from '../lib/passport/options.js';
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
    log: expect.any(Function),
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
  ['https://site.example/callback/:instance', 'https://site.example/callback'],
  ['https://site.example/callback/:instance/done', 'https://site.example/callback/:instance/done'],
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
  ['clientMetadataURL', { clientMetadataURL: '/client' }],
  ['clientMetadataURL', { clientMetadataURL: 'http://localhost:4000/client' }],
  ['clientMetadataURL', { clientMetadataURL: 'https://site.example/client?x=1' }],
  ['clientMetadataURL', { clientMetadataURL: 'https://user@site.example/client' }],
  ['clientMetadataURL', { clientMetadataURL: 'https://site.example/:instance/:instance' }],
  ['website', { website: 'site.example' }],
  ['website', { website: 'javascript:alert(1)' }],
  ['scope', { scope: '' }],
  ['scope', { scope: [] }],
  ['scope', { scope: 7 }],
  ['scope', { scope: ['write', 'read:statuses'] }],
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
  ['outbound.ca', { outbound: { ca: './ca.pem' } }],
  ['outbound.ca', { outbound: { ca: 7 } }],
  ['outbound', { outbound: 5000 }],
  ['clientName', { clientName: 'A\0site' }],
  ['clientName', { clientName: 'A site\n' }],
  ['clientName', { clientName: 'A \ud800 site' }],
  ['callbackURL', { callbackURL: 'https://site.example/:site/callback' }],
  ['callbackURL', { callbackURL: 'https://site.example/callback/*' }],
  ['callbackURL', { callbackURL: `https://site.example${'/'.repeat(1641)}` }],
  ['callbackURL', { callbackURL: 'https://site.example/auth//callback' }],
  ['website', { website: 'https://user:word@site.example' }],
  ['website', { website: 'https://site.example/\0' }],
  ['website', { website: `https://site.example/${'ü'.repeat(400)}` }],
  ['scope', { scope: 'read,write' }],
  ['scope', { scope: ['read,write'] }],
  ['store', { store: 'redis://localhost' }],
  ['log', { log: console }],
  ['passReqToCallback', { passReqToCallback: 'true' }],
  ['revokeToken', { revokeToken: 1 }],
  ['allowCrossSiteStart', { allowCrossSiteStart: 'no' }],
])('%s is named where it is wrong: %j', (name, changes) => {
  expect(() => withOption(changes)).toThrow(TypeError);
  expect(() => withOption(changes)).toThrow(name);
});

it.each([undefined, null, 'options'])('%j are not options', (options) => {
  expect(() => new MastodonLogin(options as never)).toThrow(
    new TypeError(`MastodonLogin: options must be an object, and is ${JSON.stringify(options)}`),
  );
});

it.each([
  ['read  profile', 'read profile'],
  [['read', 'profile'], 'read profile'],
])('scope %j', (scope, read) => {
  expect(withOption({ scope }).scope).toBe(read);
});

it('the User-Agent names the package and the site, so that an instance can contact its operator', () => {
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
    }).outbound.proxy?.();

  it.each([
    'http://proxy.example:3128',
    'http://proxy.example:3128/',
    'https://10.0.0.1',
    'http://proxyuser:p%40ss@[fd00::1]:8080',
  ])('may be %s', (proxy) => {
    expect(read(proxy)).toBe(new URL(proxy).href);
  });

  it.each([
    '',
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://proxyuser:secret@proxy.example/path',
    'http://proxyuser:secret@proxy.example/?a',
    'http://proxyuser:secret@proxy.example/#a',
    'http://some%3Aone:secret@proxy.example',
    'http://proxyuser:secret%@proxy.example',
    3128,
    null,
  ])('cannot be %s, and what it holds is not repeated', (proxy) => {
    expect(() => read(proxy)).toThrow(/outbound\.proxy must be an http\(s\) URL/);
    expect(() => read(proxy)).not.toThrow(/proxyuser|secret/);
  });
});

describe('an option that does not exist', () => {
  it.each<[string, object, string]>([
    ['clientname', { clientname: 'A site' }, 'did you mean clientName?'],
    ['callbackUrl', { callbackUrl: 'https://site.example' }, 'did you mean callbackURL?'],
    ['client_name', { client_name: 'A site' }, 'did you mean clientName?'],
    ['scopes', { scopes: 'read' }, 'did you mean scope?'],
    ['clientID', { clientID: 'abc' }, 'clientName'],
    ['revokeTokens', { revokeTokens: true }, 'did you mean revokeToken?'],
    ['outbound.timeout', { outbound: { timeout: 5 } }, 'did you mean timeoutMs?'],
    ['outbound.maxResponseByte', { outbound: { maxResponseByte: 5 } }, 'did you mean maxResponseBytes?'],
  ])('%s is refused, with the name that is meant', (name, changes, told) => {
    expect(() => withOption(changes)).toThrow(TypeError);
    expect(() => withOption(changes)).toThrow(name);
    expect(() => withOption(changes)).toThrow(told);
  });

  it('is absent when it is undefined', () => {
    expect(() => withOption({ clientID: undefined })).not.toThrow();
  });
});

describe('a message about an option', () => {
  const messageOf = (changes: object): string => {
    try {
      withOption(changes);
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  };

  it.each<[string, object]>([
    ['"site.example"', { website: 'site.example' }],
    ['"read,write"', { scope: 'read,write' }],
    ['"http://site.example/callback"', { callbackURL: 'http://site.example/callback' }],
    ['"localhost:4000"', { developmentInstances: ['localhost:4000'] }],
    ['1.5', { outbound: { maxWaiting: 1.5 } }],
    ['an object', { allowInstance: {} }],
  ])('shows what was given: %s', (shown, changes) => {
    expect(messageOf(changes)).toContain(shown);
  });

  it('names the missing methods of a store that is still being opened', () => {
    expect(messageOf({ store: Promise.resolve(new Map()) })).toContain('store is a promise: await it first');
  });

  it.each<[string, unknown, string]>([
    ['an address', 'redis://localhost', 'redisStore: client must have the methods get, set, del'],
    ['a Keyv', new Map(), 'redisStore: client must have the methods get, set, del'],
    ['a promise', Promise.resolve(createClient()), 'redisStore: client is a promise: await it first'],
  ])('redisStore refuses %s', (_what, client, message) => {
    expect(() => redisStore(client as never)).toThrow(message);
    expect(() => redisBus(client as never)).toThrow(TypeError);
  });

  it('names the accepted kinds of store', () => {
    expect(messageOf({ store: 'redis://localhost' })).toContain('pass a Keyv');
    expect(messageOf({ store: new URL('redis://localhost') })).toContain('pass a Keyv');
    expect(messageOf({ store: createClient() })).toContain('pass redisStore(client)');
    // Like the client of Upstash, which sends commands over HTTP.
    const upstash = { get: () => 1, set: () => 1, del: () => 1 };
    expect(messageOf({ store: upstash })).toContain('pass an object with get, set and delete');
    expect(messageOf({ store: { get: () => 1, set: () => 1 } })).toContain('get, set, delete');
  });

  it.each<[object]>([
    [{ store: 'redis://:hunter2@localhost' }],
    [{ website: 'https://user:hunter2@site.example' }],
    [{ callbackURL: 'https://user:hunter2@site.example/callback' }],
    [{ developmentInstances: ['http://user:hunter2@localhost:4000'] }],
    [{ outbound: { proxy: 'socks://user:hunter2@localhost' } }],
  ])('shows no password: %j', (changes) => {
    expect(messageOf(changes)).not.toBe('none');
    expect(messageOf(changes)).not.toContain('hunter2');
  });

  it('is short for every value', () => {
    expect(messageOf({ callbackURL: `https://site.example/${'x'.repeat(9999)}` }).length).toBeLessThan(250);
  });
});

describe("another entry point's options", () => {
  const bridge = (changes: object) => () =>
    createBridge({ clientName: 'A bot', publicURL: 'https://bot.example', ...changes } as BridgeOptions);

  it.each<[string, object]>([
    ['clientName', { clientName: '' }],
    ['publicURL', { publicURL: 'bot.example' }],
    ['publicURL', { publicURL: 'https://bot.example/auth/:id' }],
    ['callbackURL', { callbackURL: 'https://bot.example/callback' }],
    ['did you mean publicURL?', { publicUrl: 'https://bot.example' }],
    ['did you mean heartbeatMs?', { limits: { heartbeat: 7 } }],
    ['limits', { limits: 7 }],
    ['website', { website: 'bot.example' }],
    ['outbound.timeoutMs', { outbound: { timeoutMs: 0 } }],
    ['log', { log: 'stdout' }],
    ['store', { store: 'redis://localhost' }],
  ])('of createBridge are named as its own: %s', (told, changes) => {
    expect(bridge(changes)).toThrow(/^createBridge/);
    expect(bridge(changes)).toThrow(told);
    expect(bridge(changes)).not.toThrow('MastodonStrategy');
  });
});

it.each([
  ['HTTPS://EXAMPLE.COM', 'https://example.com/'],
  ['https://site.example', 'https://site.example'],
  ['https://site.example/Home?x=1', 'https://site.example/Home?x=1'],
  ['https://münchen.example', 'https://xn--mnchen-3ya.example/'],
])('website %s is sent as %s', (website, sent) => {
  expect(withOption({ website }).website).toBe(sent);
});

describe('without a store', () => {
  const { NODE_ENV } = process.env;
  afterEach(() => {
    process.env.NODE_ENV = NODE_ENV;
    jest.restoreAllMocks();
  });

  it.each<[string, object, number]>([
    ['production', {}, 1],
    ['production', { store: new Map() }, 0],
    ['development', {}, 0],
  ])(
    'in %s, given %j, the operator is warned %d times that a restart loses all records',
    (env, changes, times) => {
      process.env.NODE_ENV = env;
      const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
      new MastodonStrategy({ ...leastOptions, ...changes } as never, async () => false);
      expect(warn).toHaveBeenCalledTimes(times);
      for (const [text, options] of warn.mock.calls) {
        expect(text).toMatch(/^MastodonStrategy: .*five in ten minutes/);
        expect(options).toEqual({ code: 'MASTODON_STORE_IN_MEMORY' });
      }
    },
  );
});

it.each([
  [{ passReqToCallback: true }, 'MastodonLogin: there is no option passReqToCallback'],
  [{ clientURL: 'https://site.example/client' }, 'option clientURL is called clientMetadataURL now'],
  [{ outbound: { maxExchanges: 1 } }, 'option outbound.maxExchanges is called maxConcurrentCallbacks now'],
  [{ outbound: { timeoutMS: 1 } }, 'there is no option outbound.timeoutMS; did you mean timeoutMs?'],
])(
  'an option that the login does not know is refused, with the new or the nearest name: %j',
  (changes, message) => {
    const options = { clientName: 'A site', callbackURL: 'https://site.example/callback', ...changes };
    expect(() => new MastodonLogin(options as never)).toThrow(message);
  },
);
