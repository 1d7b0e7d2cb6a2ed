/** What the page may say, and let a browser do, about where a client's redirect URI leads. */

import { formTarget, leadsTo, mayBeStrangers } from '../../lib/issuer/redirects.js';

it.each([
  ['https://app.example/callback?x=1', 'app.example', ['https://app.example']],
  ['http://localhost:4000/callback', 'a program on this device (localhost:4000)', ['http://localhost:4000']],
  ['http://127.0.0.1/callback', 'a program on this device (127.0.0.1)', ['http://127.0.0.1']],
  ['https://[::1]:8443/', 'a program on this device ([::1]:8443)', ['https://[::1]:8443']],
  ['https://localhost.app.example/', 'localhost.app.example', ['https://localhost.app.example']],
  ['https://my.localhost/', 'my.localhost', ['https://my.localhost']],
  ['com.example.app:/callback', 'an app on this device (com.example.app:)', ['com.example.app:']],
  [
    'com.example.app://evil.example/callback',
    'an app on this device (com.example.app:)',
    ['com.example.app:'],
  ],
  ['localapp://localhost/', 'an app on this device (localapp:)', ['localapp:']],
  ['web+app:callback', 'an app on this device (web+app:)', ['web+app:']],
])('%s leads to %s', (redirectURI, place, target) => {
  expect(leadsTo(redirectURI)).toBe(place);
  expect(formTarget(redirectURI)).toEqual(target);
});

it.each([undefined, 7, '', 'callback', '/callback', ['https://app.example/']])(
  '%j leads nowhere that can be told',
  (redirectURI) => {
    expect(leadsTo(redirectURI)).toBeUndefined();
    expect(formTarget(redirectURI)).toEqual([]);
  },
);

it.each(["https://a;script-src'/", 'https://a,b.example/', 'https://a!b.example/'])(
  'no policy has %s in it, whose host has what ends a source there',
  (redirectURI) => {
    expect(formTarget(redirectURI)).toEqual([]);
  },
);

it.each([
  ['https://app.example/callback', true],
  ['http://localhost:4000/callback', true],
  ['http://127.0.0.1:4000/', true],
  ['http://[::1]/', true],
  ['com.example.app:/callback', true],
  ['com.ex-ample.app-2:/callback', true],
  ['http://app.example/callback', false],
  ['https://user@app.example/', false],
  ['https://:pass@app.example/', false],
  ['javascript:alert(1)', false],
  ['data:text/html,x', false],
  ['web+app:callback', false],
  ['com.example+x.app:/callback', false],
  ['com.:/callback', false],
  ['callback', false],
])('may people be sent to %s by a stranger’s document? %s', (redirectURI, may) => {
  expect(mayBeStrangers(redirectURI)).toBe(may);
});
