/** `failureRedirect`: a failed login of the web API leads to the login page, which shows the failure. */

import { messageFor } from '../../lib/button/form.js';
import { createLogin, failureRedirect, MastodonError } from '../../lib/web/index.js';
import { leastOptions } from '../support/stage.js';

const login = createLogin(leastOptions);
const start = (body: object, headers: Record<string, string> = {}) =>
  new Request('https://site.example/auth/mastodon', {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });
const begin = (request: Request, page = '/login') =>
  login.begin(request).catch((error: unknown) => failureRedirect(error, page));

it('leads to the login page with the code and the reason, for messageFor', async () => {
  const response = await begin(start({ instance: 'mastodon' }));
  expect(response.status).toBe(303);
  const location = response.headers.get('location') ?? '';
  expect(location).toBe('/login?error=instance_invalid&reason=name_without_dot');
  const { error = '', reason } = Object.fromEntries(new URLSearchParams(location.split('?')[1]));
  expect(messageFor(error, { reason })).toBe(
    new MastodonError('instance_invalid', { reason: 'name_without_dot' }).message,
  );
});

it('names the instance, keeps the query and fragment of the page, and replaces an earlier failure in it', () => {
  const error = new MastodonError('timeout', { instance: 'mastodon.example' });
  const page = '/login?from=%2Fbasket&error=instance_invalid&reason=name_without_dot#form';
  expect(failureRedirect(error, page).headers.get('location')).toBe(
    '/login?from=%2Fbasket&error=timeout&instance=mastodon.example#form',
  );
});

it('answers a prefetch with 503, so that the browser requests the page again when the visitor opens it', async () => {
  const response = await begin(start({ instance: 'a.example' }, { 'Sec-Purpose': 'prefetch' }));
  expect([response.status, response.headers.get('location')]).toEqual([503, null]);
  expect(response.headers.get('cache-control')).toBe('no-store');
});

it('throws errors of the site itself, so that the site can handle them', () => {
  const bug = new TypeError('a mistake of the site');
  expect(() => failureRedirect(bug, '/login')).toThrow(bug);
});
