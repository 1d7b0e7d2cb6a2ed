/** The visitor returned from the instance. */

import { failureRedirect } from 'passport-mastodon-oauth2/web';
import { login } from '@/lib/login';
import { currentSession } from '@/lib/session';

export async function GET(request: Request): Promise<Response> {
  try {
    const { profile, accessToken, state } = await login.finish(request);
    // A site with a database finds or creates its user by `profile.id` here.
    const { id, handle, photos, instance } = profile;
    const session = await currentSession();
    session.user = { id, handle, picture: photos[0]?.value };
    session.account = { origin: instance.origin, localId: id.slice(instance.origin.length + 1), accessToken };
    await session.save();
    const { from } = state as { from: string };
    return new Response(null, { status: 303, headers: { Location: `/?from=${encodeURIComponent(from)}` } });
  } catch (error) {
    return failureRedirect(error, '/');
  }
}
