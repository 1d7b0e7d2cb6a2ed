/** The user as JSON. */

import { currentSession } from '@/lib/session';

export async function GET(): Promise<Response> {
  const { user } = await currentSession();
  return Response.json({ user: user ? { id: user.id, handle: user.handle } : null });
}
