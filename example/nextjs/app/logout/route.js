/** The visitor is forgotten: in this browser, as the session is a cookie. */

import { currentSession } from '@/lib/session.js';

export async function POST() {
  (await currentSession()).destroy();
  return new Response(null, { status: 303, headers: { Location: '/' } });
}
