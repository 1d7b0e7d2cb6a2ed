/** What a response shows before its body is parsed: success, or a bot check in front of the server. */

import {
  assertFromServer,
  isChallenge,
  isFromProxy,
  isUnavailable,
  redirectTarget,
} from '../../lib/http/answer.js';
import { answerOf, codeThrownBy } from '../support/records.js';

it.each([
  [
    'Cloudflare, by its header',
    answerOf(403, '<title>Just a moment...</title>', 'text/html', { 'cf-mitigated': 'challenge' }),
  ],
  ['AWS, by its header', answerOf(202, '', 'text/html', { 'x-amzn-waf-action': 'challenge' })],
  ['AWS, with a puzzle', answerOf(405, '', 'text/html', { 'x-amzn-waf-action': 'captcha' })],
  [
    'a script of Cloudflare',
    answerOf(503, '<script src="/cdn-cgi/challenge-platform/x.js">', 'text/html; charset=UTF-8'),
  ],
  ['a puzzle', answerOf(403, '<div class="g-recaptcha"></div>', 'text/html')],
  ['a question', answerOf(403, '<title>Are you human?</title>', 'text/html')],
  ['a question with an article', answerOf(429, '<title>Are you a human?</title>', 'TEXT/HTML')],
  ['Anubis', answerOf(200, '<script id="anubis_challenge" type="application/json">{}</script>', 'text/html')],
  ['DDoS-Guard', answerOf(403, '<title>DDoS-Guard</title>', 'text/html')],
])('%s', (_what, answer) => {
  expect(isChallenge(answer)).toBe(true);
});

it.each([
  ['a refusal in JSON', answerOf(403, { error: 'Your login is currently disabled' })],
  ['a refusal in JSON that talks of puzzles', answerOf(403, { error: 'captcha' })],
  ['a plain page', answerOf(403, '<title>403 Forbidden</title>', 'text/html')],
  ['a page that was found, about puzzles', answerOf(200, '<p>captcha', 'text/html')],
  ['a page that was not found', answerOf(404, '<p>captcha', 'text/html')],
  ['an instance', answerOf(200, { uri: 'social.example' })],
])('not %s', (_what, answer) => {
  expect(isChallenge(answer)).toBe(false);
});

describe('in place of an API, a server in front of it answers with', () => {
  it.each([
    ['a page that refuses', answerOf(403, '<title>403 Forbidden</title>', 'text/html'), true],
    ['one in capitals', answerOf(403, '', 'TEXT/HTML; charset=utf-8'), true],
    ['a challenge', answerOf(202, '', '', { 'x-amzn-waf-action': 'challenge' }), true],
    ['no refusal in JSON', answerOf(403, { error: 'This action is not allowed' }), false],
    ['no page of another error', answerOf(500, '<title>Error</title>', 'text/html'), false],
    ['no page that was found', answerOf(200, '<title>Welcome</title>', 'text/html'), false],
  ])('%s', (_what, answer, isInFront) => {
    expect(isFromProxy(answer)).toBe(isInFront);
    expect(codeThrownBy(() => assertFromServer(answer))).toBe(isInFront ? 'instance_blocked' : undefined);
  });
});

it.each([
  [200, false],
  [400, false],
  [429, true],
  [500, false],
  [501, false],
  [502, true],
  [503, true],
])('the status %s is that of an unavailable server: %s', (status, away) => {
  expect(isUnavailable(status)).toBe(away);
});

it('the error about a bot check names the instance, and quotes no page', () => {
  const page = answerOf(403, '<title>SECRET</title>', 'text/html');
  try {
    assertFromServer(page);
  } catch (error) {
    expect(error).toMatchObject({ code: 'instance_blocked', instance: 'social.example' });
    expect(String((error as Error).cause)).not.toContain('SECRET');
  }
  expect.assertions(2);
});

describe('a redirect', () => {
  const to = (location: string | undefined, status = 302) =>
    redirectTarget(answerOf(status, '', '', location === undefined ? {} : { location }));

  it.each([301, 302, 303, 307, 308])('of the status %s leads to its URL', (status) => {
    expect(to('https://other.example/x?y=1', status)?.href).toBe('https://other.example/x?y=1');
  });

  it('may be relative, and lead to a port or to http, which other rules refuse', () => {
    expect(to('/login')?.href).toBe('https://social.example/login');
    expect(to('http://other.example:8080/')?.href).toBe('http://other.example:8080/');
  });

  it.each([200, 201, 300, 304, 305, 401])('is not followed with the status %s', (status) => {
    expect(to('https://other.example/', status)).toBeUndefined();
  });

  it('is not followed without a URL', () => {
    expect(to(undefined)).toBeUndefined();
  });

  it('to an invalid URL is an invalid answer of the instance', () => {
    expect(() => to('https://')).toThrow(
      expect.objectContaining({ code: 'response_invalid', instance: 'social.example' }),
    );
  });

  it.each([
    'foo://"x"/',
    'xhttps://other.example/',
    'https+x://other.example/',
    'javascript:alert(1)',
    'https://a"b/',
  ])('to %s, which is not a web URL, fails as an unreachable instance', (location) => {
    expect(() => to(location)).toThrow(
      expect.objectContaining({ code: 'instance_unreachable', instance: 'social.example' }),
    );
  });
});
