/** Somebody came back from an instance. */

import { backToForm } from '@/lib/failure.js';
import { login } from '@/lib/login.js';
import { currentSession } from '@/lib/session.js';

export async function GET(request) {
  try {
    const { profile, state } = await login.finish(request);
    // A site with a database finds its user by `profile.id` here, or creates one. Handles can change hands.
    const session = await currentSession();
    session.user = { id: profile.id, handle: profile.handle };
    await session.save();
    const Location = `/?from=${encodeURIComponent(state.from)}`;
    return new Response(null, { status: 303, headers: { Location } });
  } catch (error) {
    return backToForm(error);
  }
}
