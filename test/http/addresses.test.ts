/** Which hosts and addresses count as public. */

import { isIP } from 'node:net';
import fc from 'fast-check';
import { domainOf, isPublicAddress, isPublicHostname, isReachableURL } from '../../lib/http/addresses.js';

describe('an address', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '169.253.255.255',
    '2a00:1450:4001::1',
    '2606:4700:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '64:ff9b::808:808',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254'],
    ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1'],
    ...['192.168.0.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::127.0.0.1',
      '::8',
      '::7f00:1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:10.0.0.1',
    ],
    ...['::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1'],
    ...['100::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%lo', 'fec0::1', 'ff02::1'],
    ...['2001::1', '2001:db8::1', '2001:10::1', '2001:20::1', '2002:7f00:1::', '2002:808:808::', '3fff::1'],
    ...['4000::1', '5f00::1', 'e000::1'],
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  // With this prefix (RFC 8215) the inner address is in the middle, and the last bits are arbitrary.
  it('behind a local NAT64 is not public, whatever its last bits are', () => {
    expect(isPublicAddress('64:ff9b:1:7f00:0:100:808:808')).toBe(false);
    expect(isPublicAddress('64:ff9b:1::8.8.8.8')).toBe(false);
  });

  it.each([
    '',
    ' ',
    'localhost',
    '8.8.8',
    '8',
    '010.8.8.8',
    '0x08080808',
    '134744072',
    '8.8.8.8.',
    ' 8.8.8.8',
    '[::1]',
  ])('must be written as connections read it: %j is not public', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });

  it('of any other spelling is never accepted as public by mistake', () => {
    fc.assert(
      // The generator produces "2003::" now and then.
      fc.property(fc.string(), (text) => isIP(text) !== 0 || !isPublicAddress(text)),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = [a * 256 + b, c * 256 + d].map((group) => group.toString(16)).join(':');
        const embedded = [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${hex}`];
        const isPublic = isPublicAddress(address);
        return (
          embedded.every((text) => isPublicAddress(text) === isPublic) && !isPublicAddress(`2002:${hex}::`)
        );
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a name', () => {
  it.each([
    'mastodon.social',
    'a.b',
    'xn--80ak6aa92e.example',
    'a-b.example.co.uk',
    '1.example',
    'a.1.example',
    `${'a'.repeat(63)}.example`,
    `${'a.'.repeat(126)}a`,
  ])('%s is public', (name) => {
    expect(isPublicHostname(name)).toBe(true);
  });

  it.each([
    ...['', 'localhost', 'intranet', 'a.localhost', 'printer.local', 'local', 'db.internal', 'x.home.arpa'],
    ...[
      'x.onion',
      'x.alt',
      'home.arpa',
      '127.0.0.1',
      '10.0.0.254',
      '1.2',
      'example.1',
      '[::1]',
      'a..b',
      '.a.b',
      'a.b.',
      '-a.b',
      'a-.b',
    ],
    ...['a_b.example', 'a b.example', 'A.example', 'ä.example', 'a.example:443', 'a@b.example', '*.example'],
    ...[`${'a'.repeat(64)}.example`, `${'a.'.repeat(126)}ab`],
  ])('%j is not', (name) => {
    expect(isPublicHostname(name)).toBe(false);
  });
});

describe('a URL', () => {
  const listed = new Set(['http://localhost:4000', 'https://dev.example:8443']);
  const reachable = (url: string) => isReachableURL(new URL(url), listed);

  it.each([
    'https://a.example/',
    'https://a.example:443/x?y#z',
    'http://localhost:4000/x',
    'https://dev.example:8443/',
  ])('%s may be requested', (url) => {
    expect(reachable(url)).toBe(true);
  });

  it.each([
    ...['http://a.example/', 'https://a.example:8443/', 'https://a.example:80/', 'https://me@a.example/'],
    ...[
      'https://:secret@a.example/',
      'http://me@localhost:4000/',
      'https://localhost:4000/',
      'http://localhost:4001/',
    ],
    ...['http://localhost/', 'http://127.0.0.1:4000/', 'http://dev.example:8443/'],
    ...[
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://[::1]/',
      'https://0x7f.1/',
      'https://localhost/',
    ],
    ...[
      'ftp://a.example/',
      'file:///etc/passwd',
      'data:text/plain,x',
      'ws://a.example/',
      'blob:https://a.example/1',
    ],
  ])('%s may not', (url) => {
    expect(reachable(url)).toBe(false);
  });
});

describe('the registrable domain', () => {
  it.each([
    ['mastodon.social', 'mastodon.social'],
    ['a.b.evil.example', 'evil.example'],
    ['h1.evil.example:8443', 'evil.example'],
    ['a.b.example.co.uk', 'example.co.uk'],
    ['example.co.uk', 'example.co.uk'],
    ['a.b.c.evil.com.au', 'evil.com.au'],
    ['a.evil.me', 'evil.me'],
    ['com.evil.com', 'evil.com'],
    ['name.duckdns.org', 'duckdns.org'],
    ['mstdn.jp', 'mstdn.jp'],
    // In these countries such a name has one owner.
    ['a.ltd.ai', 'ltd.ai'],
    ['a.b.co.de', 'co.de'],
    ['a.web.io', 'web.io'],
    ['a.plc.me', 'plc.me'],
    ['a.mstdn.jp', 'mstdn.jp'],
    // A number is a label like any other, unless it is the last one.
    ['a.1.example', '1.example'],
    // One owner has "co.example" and all names below it: "example" has seven letters, so it is not a country's
    // domain.
    ['a.co.example', 'co.example'],
    // A label that only begins or ends like one that is shared in these countries.
    ['a.b.company.de', 'company.de'],
    ['a.b.inco.de', 'inco.de'],
  ])('%s belongs to the owner of %s', (host, domain) => {
    expect(domainOf(host)).toBe(domain);
  });

  it.each(['localhost', 'localhost:3000', '127.0.0.1', '127.0.0.1:8080', '10.0.0.254:8080', '[::1]:3000'])(
    '%s has no domain, so its port tells it apart',
    (host) => {
      expect(domainOf(host)).toBe(host);
    },
  );
});
