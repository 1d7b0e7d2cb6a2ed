/** Logs out: deletes the session's cookie. */

import { currentSession } from '@/lib/session';

export async function POST(): Promise<Response> {
  (await currentSession()).destroy();
  return new Response(null, { status: 303, headers: { Location: '/' } });
}
