/** The user, or the failure that failureRedirect named in the address. */

import { messageFor } from 'passport-mastodon-oauth2/button/form';
import { userOf } from '$lib/server/session';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ cookies, url }) => {
  const { error = '', instance, reason, from = '' } = Object.fromEntries(url.searchParams);
  return { user: await userOf(cookies), failure: messageFor(error, { instance, reason }), from };
};
