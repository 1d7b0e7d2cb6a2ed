/** Who is logged in, in a sealed cookie. */

import { cookies } from 'next/headers';
import { getIronSession } from 'iron-session';
import { origin } from './login.js';

/** At least 32 characters; whoever has it can be anybody here. */
const password = process.env.SESSION_PASSWORD ?? 'change me: this is no secret, as anybody can read it';

export async function currentSession() {
  return getIronSession(await cookies(), {
    cookieName: 'session',
    password,
    cookieOptions: { secure: origin.startsWith('https:'), sameSite: 'lax' },
  });
}
