/** Who is logged in, in a sealed cookie. */

import { cookies } from 'next/headers';
import { getIronSession } from 'iron-session';

const origin = process.env.ORIGIN ?? 'http://localhost:3000';

export async function currentSession() {
  return getIronSession(await cookies(), {
    cookieName: 'session',
    // At least 32 characters; whoever has it can be anybody here.
    password: process.env.SESSION_PASSWORD,
    cookieOptions: { secure: origin.startsWith('https:'), sameSite: 'lax' },
  });
}
