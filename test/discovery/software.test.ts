/** The software that a server names in NodeInfo, and the special cases for it. */

import { leastScope } from '../../lib/client/client.js';
import {
  acceptsAnyCode,
  grantsTokensToAnyClient,
  isSingleUseClientId,
  needsForcedLogin,
  revokesMoreThanOneToken,
  singleUseApps,
  softwareOf,
  speaksMisskey,
} from '../../lib/discovery/software.js';

it.each([
  [{ software: { name: 'Mastodon' } }, '4.5.0', 'mastodon'],
  [{ software: { name: 'pleroma' } }, '2.7.2 (compatible; Akkoma 3.0)', 'pleroma'],
  [undefined, '2.7.2 (compatible; Pleroma 2.9.0)', 'pleroma'],
  [undefined, '4.0.0 (not true; really snac/2.75)', 'snac'],
  [{ software: { name: '<script>' } }, '3.0.0 (compatible; Sharkey 2024.11.2)', 'sharkey'],
  [undefined, 'WordPress/6.1, ActivityPub/7.6.0, EMA/1.6.0', 'wordpress'],
  [undefined, '<script>/6.1, x', undefined],
  [undefined, '4.5.0 (linux/6.1, x64)', undefined],
  [undefined, ['2.7.2 (compatible; Pleroma 2.9.0)'], undefined],
  [undefined, '2.7.2 (compatible; Pleroma 2.9.0)'.padEnd(200), 'pleroma'],
  [undefined, '2.7.2 (compatible; Pleroma 2.9.0)'.padEnd(201), undefined],
  [undefined, '4.5.0', undefined],
  [{}, undefined, undefined],
  [{ software: null }, 7, undefined],
  [{ software: 'mastodon' }, {}, undefined],
  [{ software: { name: 'x'.repeat(65) } }, `(compatible; ${'x'.repeat(300)} 1)`, undefined],
])('NodeInfo %j and version %j: %j', (nodeInfo, version, name) => {
  expect(softwareOf(nodeInfo, version)).toBe(name);
});

it.each([
  ['mastodon', ['read', 'profile'], 'profile'],
  ['hollo', ['profile'], 'profile'],
  ['mastodon', ['read', 'read:accounts'], 'read:accounts'],
  ['mastodon', undefined, 'read:accounts'],
  ['gotosocial', undefined, 'read:accounts'],
  ['pleroma', undefined, 'read:accounts'],
  ['akkoma', undefined, 'read:accounts'],
  ['pixelfed', undefined, 'read'],
  ['friendica', undefined, 'read'],
  ['takahe', undefined, 'read'],
  [undefined, undefined, 'read'],
  ['constructor', undefined, 'read'],
])('the least scope of %s with %j is %s', (software, scopesSupported, scope) => {
  expect(leastScope({ ...(software && { software }), ...(scopesSupported && { scopesSupported }) })).toBe(
    scope,
  );
});

it.each([
  ['pleroma', true, true, false],
  ['akkoma', true, true, false],
  ['mastodon', false, true, false],
  ['snac', false, false, false],
  ['friendica', false, false, false],
  ['sharkey', false, true, true],
  ['firefish', false, true, true],
  [undefined, false, true, false],
])('%s: forced login %s, revocation %s, single-use apps %s', (software, forced, revocation, singleUse) => {
  expect(needsForcedLogin.has(software)).toBe(forced);
  expect(revokesMoreThanOneToken.has(software)).toBe(!revocation);
  expect(singleUseApps.has(software)).toBe(singleUse);
});

it.each([
  ['snac', true, false],
  ['takahe', false, true],
  ['mastodon', false, false],
  [undefined, false, false],
])('%s: gives a token for any code %s, and to any client %s', (software, forAnyCode, toAnyClient) => {
  expect(acceptsAnyCode.has(software)).toBe(forAnyCode);
  expect(grantsTokensToAnyClient.has(software)).toBe(toAnyClient);
});

it.each([
  [Buffer.from('https://misskey.example/auth/session').toString('base64'), true],
  [Buffer.from('http://x/auth').toString('base64url'), true],
  [Buffer.from('see https://x/auth').toString('base64'), false],
  [Buffer.from('a plain id').toString('base64'), false],
  ['01HZ8Y3T5W9QK4RD6M2N7PXB0', false],
  ['', false],
])('the client id %s serves a single login: %s', (clientId, singleUse) => {
  expect(isSingleUseClientId(clientId)).toBe(singleUse);
});

it.each([
  ['misskey', undefined, true],
  ['cherrypick', {}, true],
  ['a-new-fork', { error: { code: 'UNKNOWN_API_ENDPOINT' } }, true],
  [undefined, { error: { code: 'UNKNOWN_API_ENDPOINT' } }, true],
  ['mastodon', { error: 'Not found' }, false],
  ['mastodon', { error: null }, false],
  [undefined, undefined, false],
])('%s with %j has only the Misskey API: %s', (software, about, misskey) => {
  expect(speaksMisskey(software, about)).toBe(misskey);
});
