/** Which records of the store count as an instance: one of another program, or half a record, must not. */

import { isInstance } from '../../lib/discovery/discovery.js';

const origin = 'https://a.example';
const whole = {
  ...{ origin, host: 'a.example', issuer: origin, promisesIssuer: false },
  authorizationEndpoint: `${origin}/oauth/authorize`,
  tokenEndpoint: `${origin}/oauth/token`,
  registrationEndpoint: `${origin}/api/v1/apps`,
  revocationEndpoint: `${origin}/oauth/revoke`,
};
const byURL = { ...whole, registrationEndpoint: undefined, promisesIssuer: true, clientMetadata: 'json' };
const misskey = { ...byURL, clientMetadata: 'html', api: 'misskey', revocationEndpoint: undefined };
const elsewhere = 'https://b.example/oauth';

it.each<[string, object]>([
  ['of the least members', whole],
  [
    'with all of them',
    { ...whole, scopesSupported: ['read'], software: 'mastodon', accountDomain: 'b.example' },
  ],
  ['that identifies clients by URL', byURL],
  ['that does so, and can also register them', { ...whole, promisesIssuer: true, clientMetadata: 'html' }],
  ['of Misskey', misskey],
])('a record %s', (_what, record) => {
  expect(isInstance(record)).toBe(true);
  expect(isInstance(record, true)).toBe(true);
});

it('a login under way needs no members that only a start needs', () => {
  const { host, issuer, promisesIssuer, tokenEndpoint, revocationEndpoint } = whole;
  const pinned = { origin, host, issuer, promisesIssuer, tokenEndpoint, revocationEndpoint };
  expect(isInstance(pinned, true)).toBe(true);
  expect(isInstance(pinned)).toBe(false);
});

it.each<[string, unknown]>([
  ...[undefined, null, 'https://a.example', 7, [], {}].map(
    (value) => [JSON.stringify(value), value] as [string, unknown],
  ),
  ['an origin of another type', { ...whole, origin: [origin] }],
  ['an origin with a path', { ...whole, origin: `${origin}/`, issuer: `${origin}/` }],
  ['an origin that is none', { ...whole, origin: 'a.example' }],
  ['another host', { ...whole, host: 'b.example' }],
  ['another issuer', { ...whole, issuer: 'https://b.example' }],
  ['no promise about the issuer', { ...whole, promisesIssuer: undefined }],
  ['tokens from elsewhere', { ...whole, tokenEndpoint: elsewhere }],
  ['revocation elsewhere', { ...whole, revocationEndpoint: elsewhere }],
  ['no revocation', { ...whole, revocationEndpoint: undefined }],
  ['an unknown form of client metadata', { ...byURL, clientMetadata: 'xml' }],
  ['clients by URL without a promise about the issuer', { ...byURL, promisesIssuer: false }],
  ['another API', { ...misskey, api: 'mastodon' }],
  ['Misskey’s API with clients as JSON', { ...misskey, clientMetadata: 'json' }],
  ['a software of another type', { ...whole, software: {} }],
  ['an account domain of another type', { ...whole, accountDomain: ['b.example'] }],
])('a record with %s is none, also for a login under way', (_what, record) => {
  expect(isInstance(record)).toBe(false);
  expect(isInstance(record, true)).toBe(false);
});

it.each<[string, object]>([
  ['authorization elsewhere', { ...whole, authorizationEndpoint: elsewhere }],
  ['registration elsewhere', { ...whole, registrationEndpoint: elsewhere }],
  ['no registration', { ...whole, registrationEndpoint: undefined }],
  ['scopes that are no list', { ...whole, scopesSupported: 'read' }],
])('a record with %s is none for a start', (_what, record) => {
  expect(isInstance(record)).toBe(false);
  expect(isInstance(record, true)).toBe(true);
});
