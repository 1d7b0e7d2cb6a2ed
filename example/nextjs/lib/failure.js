/** A login that failed: back to the form, which says why. */

import { cookies } from 'next/headers';
import { MastodonError } from 'passport-mastodon-oauth2/web';

export const failureCookie = 'login-failure';

/** Shown once or twice; then the form is as before. Seconds. */
const maxAge = 10;

export async function backToForm(error) {
  if (!(error instanceof MastodonError)) throw error;
  // The message is made for the person who logs in; the cause is for whoever runs the site.
  if (error.code === 'store_failed') console.error(error);
  // In a cookie and not in the address, where anybody could put words into the site's mouth.
  (await cookies()).set(failureCookie, error.message, { maxAge, httpOnly: true, sameSite: 'lax' });
  return new Response(null, { status: 303, headers: { Location: '/' } });
}
