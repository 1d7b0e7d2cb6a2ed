/** The visitor returned from the instance. */

import { failureRedirect } from 'passport-mastodon-oauth2/web';
import { login } from '$lib/server/login';
import { logIn } from '$lib/server/session';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ request, cookies }) => {
  try {
    const { profile, state } = await login.finish(request);
    // A site with a database finds or creates its user by `profile.id` here.
    await logIn(cookies, { id: profile.id, handle: profile.handle, picture: profile.photos[0]?.value });
    const { from } = state as { from: string };
    return new Response(null, { status: 303, headers: { Location: `/?from=${encodeURIComponent(from)}` } });
  } catch (error) {
    return failureRedirect(error, '/');
  }
};
