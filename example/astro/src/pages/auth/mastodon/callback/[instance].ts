/** The visitor returned from the instance. */

import type { APIRoute } from 'astro';
import { failureRedirect } from 'passport-mastodon-oauth2/web';
import { login } from '../../../../login';

export const GET: APIRoute = async ({ request, session }) => {
  try {
    const { profile, state } = await login.finish(request);
    // A site with a database finds or creates its user by `profile.id` here.
    await session?.regenerate();
    session?.set('user', { id: profile.id, handle: profile.handle, picture: profile.photos[0]?.value });
    const { from } = state as { from: string };
    return new Response(null, { status: 303, headers: { Location: `/?from=${encodeURIComponent(from)}` } });
  } catch (error) {
    return failureRedirect(error, '/');
  }
};
