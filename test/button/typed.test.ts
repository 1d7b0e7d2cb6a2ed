/** What the field understands before anything is sent. */

import { destinationOf, readTyped, reasonOf, suggestionsFor } from '../../lib/button/typed';
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
])('%j can be no server', (text) => {
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
  let reason: unknown;
  try {
    parseAddress(text, new Set());
  } catch (error) {
    ({ reason } = error as { reason?: unknown });
  }
  expect(reasonOf(text)).toBe(reason);
});

it('takes a development server that the site names', () => {
  expect(destinationOf('@wren@localhost:4000', servers)).toBe('localhost:4000');
  expect(destinationOf('localhost:3000', servers)).toBeUndefined();
  expect(destinationOf('localhost:4000', servers)).toBe('localhost:4000');
  expect(destinationOf('http://localhost:4000/@wren', servers)).toBe('localhost:4000');
});

it.each([
  ['mast', ['mastodon.social', 'mastodon.online']],
  ['todon', ['mastodon.social', 'mastodon.online', 'fosstodon.org']],
  ['FOSS', ['fosstodon.org']],
  ['@alice@mastodon.s', ['@alice@mastodon.social']],
  ['https://foss', ['fosstodon.org']],
  ['zzz', []],
])('%j brings up %j', (text, expected) => {
  expect(suggestionsFor(text, servers, 6)).toEqual(expected);
});

it('shows no more than fit, those that begin so first', () => {
  expect(suggestionsFor('o', ['foo.example', 'one.example', 'two.example'], 2)).toEqual([
    'one.example',
    'foo.example',
  ]);
});

it('reads ten thousand characters at once', () => {
  const begun = performance.now();
  for (const text of ['@'.repeat(10_000), 'a@'.repeat(5_000), 'a.'.repeat(5_000), ' '.repeat(10_000) + 'x'])
    readTyped(text);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
