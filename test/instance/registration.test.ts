/** What an answer to a registration, or to a forged code, says. */

import type { RefusedError } from '../../lib/instance/registration.js';
import { acceptedForgedCode, readRegistration, throttledFor } from '../../lib/instance/registration.js';
import { answerOf, codeThrownBy } from '../support/records.js';

const client = { client_id: 'id', client_secret: 'secret' };

it('the credentials, whatever else is in the answer', () => {
  const answer = answerOf(201, { ...client, id: 7, vapid_key: 'x', client_secret_expires_at: 0 });
  expect(readRegistration(answer, 'social.example')).toEqual({ clientId: 'id', clientSecret: 'secret' });
});

it.each([
  ['an HTML page', answerOf(200, '<title>Hello</title>', 'text/html'), 'response_invalid'],
  [
    'a form',
    answerOf(200, 'client_id=x&client_secret=y', 'application/x-www-form-urlencoded'),
    'response_invalid',
  ],
  ['a list', answerOf(200, [client]), 'response_invalid'],
  ['no secret', answerOf(200, { client_id: 'id' }), 'response_invalid'],
  ['an empty secret', answerOf(200, { ...client, client_secret: '' }), 'response_invalid'],
  ['an id that is a number', answerOf(200, { ...client, client_id: 7 }), 'response_invalid'],
  ['an id with a line break', answerOf(200, { ...client, client_id: 'a\r\nb' }), 'response_invalid'],
  ['a secret without end', answerOf(200, { ...client, client_secret: 'x'.repeat(2049) }), 'response_invalid'],
  ['a redirect', answerOf(302, ''), 'registration_refused'],
  ['400', answerOf(400, client), 'registration_refused'],
  ['401', answerOf(401, ''), 'registration_refused'],
  ['403', answerOf(403, '<title>Forbidden</title>', 'text/html'), 'registration_refused'],
  ['404', answerOf(404, ''), 'instance_unsupported'],
  ['405', answerOf(405, ''), 'instance_unsupported'],
  ['422', answerOf(422, { error: 'Validation failed' }), 'registration_refused'],
  ['429', answerOf(429, ''), 'registration_throttled'],
  ['500', answerOf(500, ''), 'instance_unreachable'],
  ['503', answerOf(503, ''), 'instance_unreachable'],
  [
    'an app for one login',
    answerOf(200, { ...client, client_id: Buffer.from('https://x.example/auth/y').toString('base64') }),
    'instance_unsupported',
  ],
  ['a challenge', answerOf(403, '<p>', 'text/html', { 'cf-mitigated': 'challenge' }), 'instance_blocked'],
  [
    "Mastodon's word for a scope it does not know",
    answerOf(422, { error: "Validation failed: Scopes doesn't match configured on the server." }),
    'scope_refused',
  ],
  ['the name of that error', answerOf(400, { error: 'invalid_scope' }), 'scope_refused'],
  [
    'a list of errors that names the field',
    answerOf(422, { error: { issues: [{ path: ['scopes'] }] } }),
    'scope_refused',
  ],
  ['a page that names a scope', answerOf(400, '<p>invalid scope', 'text/html'), 'registration_refused'],
  ['a scope in another status', answerOf(403, { error: 'invalid_scope' }), 'registration_refused'],
])('%s is a failure with its own code', (_what, answer, code) => {
  expect(codeThrownBy(() => readRegistration(answer, 'social.example'))).toBe(code);
});

describe('a server that asks to be left alone is left alone', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');

  it.each([
    [{ 'retry-after': '30' }, 30_000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT' }, 60_000],
    [{ 'x-ratelimit-reset': '2026-11-20T12:05:00.000000Z' }, 300_000],
    [{ 'x-ratelimit-reset': String(now / 1000 + 20) }, 20_000],
    [{ 'retry-after': '5', 'x-ratelimit-reset': '2026-11-20T12:05:00Z' }, 5_000],
  ])('for as long as it says: %j', (headers, milliseconds) => {
    expect(throttledFor(headers, now)).toBe(milliseconds);
  });

  it.each([
    [{ 'retry-after': '9999999' }],
    [{ 'x-ratelimit-reset': '9999-01-01T00:00:00Z' }],
    [{ 'x-ratelimit-reset': '99999999999' }],
  ])('but never longer than ten minutes: %j', (headers) => {
    expect(throttledFor(headers, now)).toBe(600_000);
  });

  it.each([
    [{}],
    [{ 'retry-after': '' }],
    [{ 'retry-after': '0' }],
    [{ 'retry-after': '-5' }],
    [{ 'retry-after': 'soon' }],
    [{ 'retry-after': 'x'.repeat(1000) }],
    [{ 'x-ratelimit-reset': ['1', '2'] }],
    [{ 'x-ratelimit-reset': '2020-01-01T00:00:00Z' }],
  ])('not at all where it says nothing of use: %j', (headers) => {
    expect(throttledFor(headers, now)).toBeUndefined();
  });

  it.each([
    {},
    { 'retry-after': 'soon' },
    { 'retry-after': '0' },
    { 'x-ratelimit-reset': '2020-01-01T00:00:00Z' },
  ])('for a moment, where it has had enough and says nothing of use: %j', (headers) => {
    try {
      readRegistration(answerOf(429, '', 'text/html', headers), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toMatchObject({ status: 429, retryAfterMs: 10_000 });
    }
  });

  it('a refused scope tells the developer which option is at fault', () => {
    try {
      readRegistration(answerOf(422, { error: 'invalid_scope' }), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toMatchObject({
        status: 422,
        message: expect.stringContaining('"scope"') as string,
      });
    }
  });

  it('and the failure carries the time', () => {
    try {
      readRegistration(answerOf(429, '', 'text/html', { 'retry-after': '30' }), 'social.example');
      throw new Error('accepted');
    } catch (error) {
      expect((error as Error).cause).toEqual(
        expect.objectContaining<Partial<RefusedError>>({ status: 429, retryAfterMs: 30_000 }),
      );
    }
  });
});

it.each([
  ['a token', answerOf(200, { access_token: 'x' }), true],
  ['a token with another success', answerOf(201, { access_token: 'x' }), true],
  ['a token beside an error', answerOf(200, { access_token: 'x', error: 'no' }), true],
  ['an empty success', answerOf(200, '', 'text/html'), true],
  ['a token as a form', answerOf(200, 'access_token=x', 'application/x-www-form-urlencoded'), true],
  ['a success that says nothing', answerOf(200, {}), true],
  ['an error that is an object', answerOf(200, { error: {} }), true],
  ['an error in a success', answerOf(200, { error: 'invalid_grant' }), false],
  ['400', answerOf(400, { error: 'invalid_grant' }), false],
  ['401', answerOf(401, ''), false],
  ['a redirect', answerOf(302, ''), false],
  ['500', answerOf(500, { access_token: 'x' }), false],
])('%s means that a forged code was accepted: %s / %s', (_what, answer, accepted) => {
  expect(acceptedForgedCode(answer)).toBe(accepted);
});
