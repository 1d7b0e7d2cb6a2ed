/**
 * How the page names the destination of a redirect URI, and which redirect URIs a client without registration may
 * have.
 */

import { redirectDestination, isSafeRedirect } from '../../lib/issuer/redirect-uris.js';

it.each([
  ['https://app.example/callback?x=1', 'app.example'],
  ['http://localhost:4000/callback', 'a program on this device (localhost:4000)'],
  ['http://127.0.0.1/callback', 'a program on this device (127.0.0.1)'],
  ['https://[::1]:8443/', 'a program on this device ([::1]:8443)'],
  ['https://localhost.app.example/', 'localhost.app.example'],
  ['https://my.localhost/', 'my.localhost'],
  ['com.example.app:/callback', 'an app on this device (com.example.app:)'],
  ['com.example.app://evil.example/callback', 'an app on this device (com.example.app:)'],
  ['localapp://localhost/', 'an app on this device (localapp:)'],
  ['web+app:callback', 'an app on this device (web+app:)'],
])('the destination of %s is %s', (redirectURI, place) => {
  expect(redirectDestination(redirectURI)).toBe(place);
});

it.each([undefined, 7, '', 'callback', '/callback', ['https://app.example/']])(
  '%j has no destination',
  (redirectURI) => {
    expect(redirectDestination(redirectURI)).toBeUndefined();
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
])('a client without registration may have the redirect URI %s: %s', (redirectURI, may) => {
  expect(isSafeRedirect(redirectURI)).toBe(may);
});
