/** Who is logged in, for programs. */

import { currentSession } from '@/lib/session.js';

export async function GET() {
  const { user = null } = await currentSession();
  return Response.json({ user });
}
