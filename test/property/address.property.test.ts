/** Any input gives a public host in one spelling, or an error. */

import fc from 'fast-check';
import { parseAddress } from '../../lib/discovery/address.js';
import { isPublicAddress, isPublicHostname, isReachableURL } from '../../lib/http/addresses.js';
import { anyText, holds, orRefusal } from './runs.js';

const none = new Set<string>();
const listed = new Set(['http://localhost:4000']);

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const host = fc
  .tuple(label, fc.constantFrom('example', 'social', 'co.uk', 'xn--p1ai'))
  .map((parts) => parts.join('.'));
/** Input with a host in it, from visitors and from attackers. */
const typed = fc.oneof(
  anyText,
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.emailAddress(),
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.domain(),
  fc.tuple(anyText, host, anyText).map((parts) => parts.join('')),
  fc
    .tuple(
      fc.constantFrom('', '@', 'acct:', 'https://', 'HTTP://'),
      anyText,
      fc.constantFrom('@', '', ':'),
      host,
    )
    .map((parts) => parts.join('')),
);

it('an accepted host is public, canonical, and the only one in the origin', () =>
  holds(
    fc.property(typed, (text) => {
      const address = orRefusal(() => parseAddress(text, none));
      if (!address) return;
      const url = new URL(address.origin);
      expect([url.protocol, url.port, url.host, url.origin]).toEqual([
        'https:',
        '',
        address.host,
        address.origin,
      ]);
      expect(isPublicHostname(address.host)).toBe(true);
      expect(isReachableURL(url, none)).toBe(true);
      expect(isPublicAddress(address.host)).toBe(false);
      expect(address.host).toMatch(/^[a-z0-9.-]+$/);
    }),
  ));

it('a name in plain letters is read as URLs read it', () =>
  holds(
    fc.property(fc.stringMatching(/^[a-z0-9.xn-]{1,12}(\.|\.xn--)[a-z0-9-]{1,8}$/), (text) => {
      const address = orRefusal(() => parseAddress(text, none));
      if (address) expect(address.origin).toBe(new URL(`https://${text.replace(/\.$/, '')}`).origin);
    }),
  ));

it.each(['xn--a.social', 'xn--zzzzzz.social', 'a.xn--.social'])(
  'no name at all is %s, which no browser would open',
  (text) => {
    expect(orRefusal(() => parseAddress(text, none))).toBeUndefined();
  },
);

it('an accepted host is accepted again unchanged, with capitals, dots, spaces, schemes and users around it', () =>
  holds(
    fc.property(typed, fc.stringMatching(/^[a-z0-9_]{1,10}$/), (text, user) => {
      const address = orRefusal(() => parseAddress(text, none));
      if (!address) return;
      const { origin, host } = address;
      for (const again of [host, ` ${host.toUpperCase()}. `, `https://${host}/@${user}?x#y`, `${host}/`]) {
        expect(parseAddress(again, none)).toEqual({ origin, host });
      }
      for (const again of [`@${user}@${host}`, `acct:${user}@${host}`]) {
        expect(parseAddress(again, none)).toEqual({ origin, host, username: user });
      }
    }),
  ));

it('a port, a password or an IP address is never accepted', () =>
  holds(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV4Extended(),
        fc.ipV6().map((ip) => `[${ip}]`),
        fc.tuple(host, fc.nat(65535)).map(([name, port]) => `${name}:${port}`),
        fc.tuple(label, host).map(([user, name]) => `https://${user}:x@${name}`),
      ),
      (text) => {
        for (const variant of [text, `https://${text}`, `alice@${text}`, `${text}/`]) {
          expect(orRefusal(() => parseAddress(variant, none))).toBeUndefined();
        }
      },
    ),
  ));

it('a list for development allows exactly the origins on it', () =>
  holds(
    fc.property(typed, (text) => {
      const address = orRefusal(() => parseAddress(text, listed));
      if (address?.origin === 'http://localhost:4000') return;
      expect(address).toEqual(orRefusal(() => parseAddress(text, none)));
    }),
  ));

it('a value other than a text is refused', () =>
  holds(
    fc.property(
      fc.anything().filter((value) => typeof value !== 'string'),
      (value) => {
        expect(orRefusal(() => parseAddress(value, none))).toBeUndefined();
      },
    ),
  ));
