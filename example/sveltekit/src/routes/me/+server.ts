/** The user as JSON. */

import { json } from '@sveltejs/kit';
import { userOf } from '$lib/server/session';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ cookies }) => {
  const user = await userOf(cookies);
  return json({ user: user ? { id: user.id, handle: user.handle } : null });
};
