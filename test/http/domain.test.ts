/** Which hosts count as one owner's, where what strangers may use up is shared out. */

import { domainOf } from '../../lib/http/domain.js';

it.each([
  ['mastodon.social', 'mastodon.social'],
  ['a.b.evil.example', 'evil.example'],
  ['h1.evil.example:8443', 'evil.example'],
  ['a.b.example.co.uk', 'example.co.uk'],
  ['example.co.uk', 'example.co.uk'],
  ['mstdn.jp', 'mstdn.jp'],
  ['a.mstdn.jp', 'mstdn.jp'],
  // A number is a label as any other, unless it is the last one.
  ['a.1.example', '1.example'],
  // Whoever has "co.example" owns all below it, as "example" has seven letters and is no country.
  ['a.co.example', 'co.example'],
  // A label that only begins or ends like one that countries share.
  ['a.b.company.de', 'company.de'],
  ['a.b.inco.de', 'inco.de'],
])('%s is of %s', (host, domain) => {
  expect(domainOf(host)).toBe(domain);
});

it.each(['localhost', 'localhost:3000', '127.0.0.1', '127.0.0.1:8080', '10.0.0.254:8080', '[::1]:3000'])(
  '%s is nobody’s, so its port tells it apart',
  (host) => {
    expect(domainOf(host)).toBe(host);
  },
);
