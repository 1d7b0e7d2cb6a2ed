/** The user as JSON. */

import type { APIRoute } from 'astro';

export const GET: APIRoute = async ({ session }) => {
  const user = await session?.get('user');
  return Response.json({ user: user ? { id: user.id, handle: user.handle } : null });
};
