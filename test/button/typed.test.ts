/** How the text in the field is normalised before it is sent. */

import { completionOf, destinationOf, readTyped, typedRefusal, suggestionsFor } from '../../lib/button/typed';
import { parseAddress } from '../../lib/discovery/address';

const servers = ['mastodon.social', 'mastodon.online', 'fosstodon.org', 'localhost:4000'];

it.each([
  ['mastodon.social', 'mastodon.social'],
  [' Mastodon.Social. ', 'mastodon.social'],
  ['@alice@example.com', 'example.com'],
  ['alice@example.com', 'example.com'],
  ['acct:alice@example.com', 'example.com'],
  ['\uff20alice\uff20example.com', 'example.com'],
  ['https://example.com/@bob@other.example', 'example.com'],
  ['HTTPS://example.com?x#y', 'example.com'],
  ['\u200bmünchen.social\u2069', 'münchen.social'],
  ['mas\u00adto\u200bdon.social', 'mastodon.social'],
  ['https://@alice@example.com', 'example.com'],
  ['https://alice@example.com/', 'example.com'],
])('%j leads to %s, where the server would go, too', (text, host) => {
  expect(destinationOf(text, servers)).toBe(host);
  expect(parseAddress(text, new Set()).host).toBe(new URL(`https://${host}`).host);
});

it.each([
  ['Mastodon. social', 'mastodon.social'],
  ['Mastodon .social', 'mastodon.social'],
  ['mastodon.social. ', 'mastodon.social'],
  ['@Ada@Mastodon. Social', 'mastodon.social'],
  ['https://Example. com/@ada', 'example.com'],
  ['mstdn\u3002jp', 'mstdn.jp'],
  ['mstdn\uff0ejp', 'mstdn.jp'],
])('%j, as the keyboard of a phone writes it, leads to %s', (text, host) => {
  expect(destinationOf(text, servers)).toBe(host);
});

it.each([
  '',
  'alice',
  '@alice',
  '@alice@',
  'a b.example',
  '1.2.3.4',
  '[::1]',
  'example.com:8080',
  'https://user:pass@example.com',
  'a..example',
  '-.',
  '<img>.example',
  'x'.repeat(300) + '.example',
  '%00.example',
  'localhost',
  'localhost:3000',
  'ada@gmail.com',
])('%j is not a server', (text) => {
  expect(destinationOf(text, servers)).toBeUndefined();
});

it.each([
  '',
  'alice',
  '@alice',
  'acct:alice',
  'alice@mastodon',
  '1.2.3.4',
  'a b.example',
  'https://mastodon',
  'mastodon/about',
])('%j is refused with the sentence that the server would give', (text) => {
  let refusal: unknown;
  try {
    parseAddress(text, new Set());
  } catch (error) {
    const { code, reason } = error as { code: string; reason?: string };
    refusal = { code, reason };
  }
  expect(refusal).toMatchObject(typedRefusal(text));
});

it.each([
  'ada@gmail.com',
  '@ada@GMX.de',
  'gmail.com',
  'ada@hotmail.co.uk',
  'ada@yahoo.com.br',
  'ada@web.de',
  'ada@proton.me',
  'ada@icloud. com',
])('%j is refused as an e-mail address', (text) => {
  expect(destinationOf(text, servers)).toBeUndefined();
  expect(completionOf(text, servers)).toBeUndefined();
  expect(typedRefusal(text)).toEqual({ code: 'instance_invalid', reason: 'email_address' });
});

it.each(['mail.example', 'gmail.social', 'outlook.example', 'yahoo.masto.host'])(
  '%s is not taken for a provider of e-mail',
  (host) => expect(destinationOf(`ada@${host}`, servers)).toBe(host),
);

it('accepts every server of the site’s own list, whatever its name', () => {
  expect(destinationOf('ada@gmail.com', ['gmail.com'])).toBe('gmail.com');
});

it('accepts a development server that the site names', () => {
  expect(destinationOf('@wren@localhost:4000', servers)).toBe('localhost:4000');
  expect(destinationOf('localhost:4000', servers)).toBe('localhost:4000');
  expect(destinationOf('http://localhost:4000/@wren', servers)).toBe('localhost:4000');
});

it.each([
  ['localhost:3000', 'localhost:3000'],
  ['@wren@localhost:3000', 'localhost:3000'],
  ['http://social.localhost:3000/', 'social.localhost:3000'],
  ['127.0.0.1:3000', '127.0.0.1:3000'],
  ['[::1]:3000', '[::1]:3000'],
  ['localhost', 'localhost'],
])('%s is a server for a page that is on loopback, too', (text, host) => {
  expect(destinationOf(text, servers)).toBeUndefined();
  expect(destinationOf(text, servers, true)).toBe(host);
});

it.each(['192.168.0.1:3000', '10.0.0.1', 'localhost.example.com:3000', 'notlocalhost:1'])(
  '%s is no server for a page on loopback either',
  (text) => expect(destinationOf(text, servers, true)).toBeUndefined(),
);

it.each([
  ['mast', ['mastodon.social', 'mastodon.online']],
  ['todon', ['mastodon.social', 'mastodon.online', 'fosstodon.org']],
  ['FOSS', ['fosstodon.org']],
  ['@alice@mastodon.s', ['@alice@mastodon.social']],
  ['https://foss', ['fosstodon.org']],
  ['zzz', []],
  ['mastodn', ['mastodon.social']],
  ['mastodon.socal', ['mastodon.social']],
  ['@alice@fostodon', ['@alice@fosstodon.org']],
  ['alice', []],
])('%j brings up %j', (text, expected) => {
  expect(suggestionsFor(text, servers, 6)).toEqual(expected);
});

it('shows a limited number, first those that begin with the text', () => {
  expect(suggestionsFor('o', ['foo.example', 'one.example', 'two.example'], 2)).toEqual([
    'one.example',
    'foo.example',
  ]);
});

it.each([
  ['mast', 'mastodon.social'],
  ['fosst', 'fosstodon.org'],
  ['@alice@foss', '@alice@fosstodon.org'],
  ['Mastodn', 'mastodon.social'],
  ['ma', undefined],
  ['', undefined],
  ['alice', undefined],
  ['not a server', undefined],
])('%j stands for %j', (text, server) => {
  expect(completionOf(text, servers)).toBe(server);
});

it('reads ten thousand characters at once', () => {
  const begun = performance.now();
  for (const text of ['@'.repeat(10_000), 'a@'.repeat(5_000), 'a.'.repeat(5_000), ' '.repeat(10_000) + 'x'])
    readTyped(text);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
