/** `parseAddress`: accepted input and its result. */

import { addressIn, parseAddress } from '../../lib/discovery/address.js';
import { codeThrownBy } from '../support/records.js';

const none = new Set<string>();

describe('an account is found by every text that names its server', () => {
  it.each([
    ['a domain', 'mastodon.social'],
    ['capitals', 'Mastodon.SOCIAL'],
    ['spaces around it', ' \t mastodon.social\n'],
    ['a space between marks that cannot be seen', '\u200b mastodon.social \u200b'],
    ['a space that cannot be seen', '\u200bmastodon.social\u200b'],
    ['marks of writing direction, as copied from a profile', '\u2068mastodon.social\u2069'],
    ['a trailing dot', 'mastodon.social.'],
    ['a space behind the dot, as keyboards of phones put it', 'Mastodon. social'],
    ['spaces around the dot', 'mastodon . social'],
    ['a trailing slash', 'mastodon.social/'],
    ['a home URL', 'https://mastodon.social/'],
    ['a home URL over http', 'HTTP://mastodon.social'],
    ['a profile URL', 'https://mastodon.social/@alice'],
    [
      'the profile of a remote account, as its own instance shows it',
      'https://mastodon.social/@bob@example.com?x=1#y',
    ],
    ['a profile without a scheme', 'mastodon.social/@alice'],
  ])('%s', (_what, typed) => {
    const found = { origin: 'https://mastodon.social', host: 'mastodon.social' };
    expect(parseAddress(typed, none)).toStrictEqual(found);
  });

  it.each([
    ['a handle', '@alice@mastodon.social'],
    ['a handle without its first @', 'alice@mastodon.social'],
    ['an acct: URI', 'acct:alice@mastodon.social'],
    ['an acct: URI in capitals, with @', 'ACCT:@alice@mastodon.social'],
    ['a handle in wide characters', '＠alice＠mastodon.social'],
    ['a handle in marks of direction', '\u2068@alice@mastodon.social\u2069'],
    ['a handle with a slash', '@alice@mastodon.social/'],
    ['a handle with a space behind its dot', '@alice@mastodon. social'],
    ['a handle behind a scheme', 'https://@alice@mastodon.social'],
    ['a handle behind a scheme, without its first @', 'https://alice@mastodon.social/'],
    ['a handle behind http', 'HTTP://@alice@mastodon.social/'],
    ['a handle with marks inside', '@al\u00adice\u200b@masto\u200d\u2060don.\u200esocial'],
    ['a handle with a mark between its parts', '@\u2068alice\u2069@\u2068mastodon.social\u2069'],
    ['a handle with a byte order mark and a joiner', '\ufeff@alice\u200c@mastodon\ufe0f.social'],
  ])('%s, with the user name', (_what, typed) => {
    expect(parseAddress(typed, none)).toEqual({
      origin: 'https://mastodon.social',
      host: 'mastodon.social',
      username: 'alice',
    });
  });

  it('a profile URL up to the limit of pasted texts, and none beyond it', () => {
    const longest = 'https://mastodon.social/@alice?'.padEnd(2048, 'x');
    expect(parseAddress(longest, none).host).toBe('mastodon.social');
    expect(codeThrownBy(() => parseAddress(`${longest}x`, none))).toBe('instance_invalid');
  });

  it('a name at Bluesky, which is a host, so that the message can name Bluesky', () => {
    const host = 'ada.bsky.social';
    expect(parseAddress(`@${host}`, none)).toEqual({ origin: `https://${host}`, host });
  });

  it.each([
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    ['mastodon。social', 'mastodon.social'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['bü\u00adcher\u200b.example', 'xn--bcher-kva.example'],
    ['نامه\u200cای.example', 'xn--mgba3gch31f060k.example'],
  ])('an international name: %s', (typed, host) => {
    expect(parseAddress(typed, none).host).toBe(host);
  });
});

describe('only the name of a public server is accepted', () => {
  it.each([undefined, null, '', '   ', '\u200b\u2068'])('%j is incomplete', (typed) => {
    expect(codeThrownBy(() => parseAddress(typed, none))).toBe('instance_missing');
  });

  it.each([
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '１２７.0.0.1',
      '127。0。0。1',
      '8.8.8.8',
    ],
    ...['[::1]', 'https://[::ffff:7f00:1]/', '::1', '0', '0x0'],
    ...['localhost', 'LOCALHOST.', 'box.local', 'db.internal', 'x.onion', 'router.home.arpa', 'a.localhost'],
    ...[
      'mastodon',
      'com',
      '.',
      '..',
      'a..b',
      '.example.com',
      'example.com..',
      '-a.example',
      'a-.example',
      'a_b.example',
    ],
    ...[
      'example.com:443',
      'example.com:80',
      'https://example.com:8443/',
      'example.com:',
      '@a@example.com:22',
    ],
    ...[
      'https://user.name@example.com/',
      'https://user:pass@example.com/',
      'a@b@example.com',
      'https://example.com@evil.example',
    ],
    ...[
      'ftp://example.com',
      'javascript:alert(1)',
      'file:///etc/passwd',
      '//example.com',
      '/example.com',
      '\\\\example.com',
    ],
    ...['x-https://example.com', 'see @ada.bsky.social', '@ada.bsky.social.example.com'],
    ...['https:///example.com', 'https:example.com', 'https://', '@', '@alice', '@@', 'acct:', 'acct:alice'],
    ...[
      'exa mple.com',
      'exam\tple.com',
      'example.com\r\nHost: evil.example',
      'exam\0ple.com',
      'example%2ecom',
      'ex<a>.com',
    ],
    ...['example.com／evil', 'example.com：80', 'example.com＃x', 'a＠b＠example.com'],
    ...[`${'a'.repeat(64)}.example`, `${'a.'.repeat(130)}example`, `${'a'.repeat(3000)}.example`],
    ...[7, true, {}, [], ['mastodon.social'], { toString: () => 'mastodon.social' }],
  ])('%j is refused', (typed) => {
    expect(codeThrownBy(() => parseAddress(typed, none))).toBe('instance_invalid');
  });
});

it.each([
  ['mastodon', 'name_without_dot'],
  ['Mastodon', 'name_without_dot'],
  ['https://mastodon/', 'name_without_dot'],
  ['@ada@mastodon', 'name_without_dot'],
  ['мастодон', 'name_without_dot'],
  ['@ada', 'user_without_server'],
  ['@ada.lovelace', 'user_without_server'],
  ['acct:ada', 'user_without_server'],
  [' @\u2068ada\u2069 ', 'user_without_server'],
  ['ada@gmail.com', 'email_address'],
  ['127.0.0.1', undefined],
  ['2130706433', undefined],
  ['exa mple.com', undefined],
  ['@ada of mastodon', undefined],
  ['mastodon social', undefined],
])('%j is refused with what is missing: %s', (typed, reason) => {
  try {
    parseAddress(typed, none);
    throw new Error('taken');
  } catch (error) {
    expect(error).toMatchObject({ code: 'instance_invalid' });
    expect((error as { reason?: string }).reason).toBe(reason);
  }
});

it.each([
  ['bücher.example', 'bücher.example'],
  ['@ada@BÜCHER.example', 'bücher.example'],
  ['https://例え.テスト/@ada', '例え.テスト'],
  ['xn--bcher-kva.example', undefined],
  ['XN--bcher-kva.example', undefined],
  ['mastodon.social', undefined],
  ['ｍastodon.social', undefined],
])('a visitor who typed %s sees %s', (typed, shown) => {
  expect(parseAddress(typed, none).typedHost).toBe(shown);
});

describe('an origin listed for development', () => {
  const listed = new Set(['http://localhost:4000', 'https://127.0.0.1:8443']);

  it.each([
    ['localhost:4000', 'http://localhost:4000'],
    ['@alice@LOCALHOST:4000', 'http://localhost:4000'],
    ['http://localhost:4000/@alice', 'http://localhost:4000'],
    ['https://127.0.0.1:8443', 'https://127.0.0.1:8443'],
  ])('is meant by %s', (typed, origin) => {
    expect(parseAddress(typed, listed).origin).toBe(origin);
  });

  it.each([
    'localhost',
    'localhost:4001',
    '127.0.0.1',
    '127.0.0.1:4000',
    'localhost.example:4000',
    'x@y@localhost:4000',
  ])('is not meant by %s', (typed) => {
    expect(codeThrownBy(() => parseAddress(typed, listed))).toBe('instance_invalid');
  });
});

describe('a server of the developer that is not listed is named as in the option', () => {
  const told = (typed: string): unknown => {
    try {
      parseAddress(typed, new Set(['http://localhost:4000']));
      return 'taken';
    } catch (error) {
      const { cause } = error as { cause?: Error };
      return cause && { ...cause, message: cause.message };
    }
  };

  it.each([
    ['localhost:3000', 'http://localhost:3000'],
    ['localhost', 'http://localhost'],
    ['@ada@LOCALHOST:3000', 'http://localhost:3000'],
    ['http://localhost:3000/@ada', 'http://localhost:3000'],
    ['127.0.0.1', 'http://127.0.0.1'],
    ['10.20.30.40', 'http://10.20.30.40'],
    ['192.168.178.20:8080', 'http://192.168.178.20:8080'],
    ['[::1]:3000', 'http://[::1]:3000'],
    ['[::1]', 'http://[::1]'],
    ['mastodon.local', 'http://mastodon.local'],
    ['mastodon.internal', 'http://mastodon.internal'],
    ['mastodon.home.arpa', 'http://mastodon.home.arpa'],
    ['mastodon:3000', 'http://mastodon:3000'],
  ])('%s', (typed, origin) => {
    const message = expect.stringMatching(/developmentInstances; .* outbound\.privateInstances$/) as unknown;
    expect(told(typed)).toEqual({ origin, listed: ['http://localhost:4000'], message });
  });

  it.each([
    ['a public name with a port', 'mastodon.social:8443'],
    ['a public address', '8.8.8.8'],
    ['a public address of IPv6', '[2606:4700::1111]'],
    ['a number', '2130706433'],
    ['four numbers and more', '10.20.30.40.50'],
    ['a word', 'mastodon'],
    ['words', 'mastodon social'],
  ])('and %s is refused as a mistake', (_what, typed) => {
    expect(told(typed)).toBeUndefined();
  });
});

it('a text that may be no address is one or undefined', () => {
  const found = { origin: 'https://mastodon.social', host: 'mastodon.social', username: 'alice' };
  expect(addressIn('@alice@mastodon.social', none)).toEqual(found);
  expect(addressIn('alice', none)).toBeUndefined();
});
