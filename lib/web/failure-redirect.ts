/** Redirects a failed login to the login page, with the error code in the query. */

import { MastodonError } from '../errors.js';

/**
 * A redirect (303) to the login page after a failure of `begin` or `finish`:
 * `/login?error=instance_unreachable&instance=mastodon.example`, with `reason` if the error has one. The button shows the
 * message. Without the button, `messageFor(error, { instance, reason })` of `…/button/form` returns it. The URL contains only
 * codes, so a link from another site cannot show other text on the page.
 *
 * A prefetch (`prefetch_refused`) is answered with 503 instead. The browser discards that response, and sends the request
 * again when the visitor opens the page.
 * @param error what `begin` or `finish` rejected with
 * @param loginPage path of the page with the form; its query and fragment are kept
 * @throws the error itself if it is not a `MastodonError`
 * @example
 * export const POST = (request: Request) =>
 *   login.begin(request).catch((error) => failureRedirect(error, '/login'));
 */
export function failureRedirect(error: unknown, loginPage: string): Response {
  if (!(error instanceof MastodonError)) throw error;
  const { code, instance, reason, status, message } = error;
  if (code === 'prefetch_refused') return new Response(message, { status, headers: error.headers ?? {} });
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)\??([^#]*)(.*)$/.exec(loginPage) ?? [];
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries({ error: code, instance, reason })) {
    if (value === undefined) parameters.delete(name);
    else parameters.set(name, value);
  }
  const headers = { Location: `${path}?${parameters}${fragment}`, 'Cache-Control': 'no-store' };
  return new Response(null, { status: 303, headers });
}
