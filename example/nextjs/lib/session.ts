/** The user's session, encrypted in a cookie by iron-session. */

import { getIronSession } from 'iron-session';
import { cookies } from 'next/headers';
import { connection } from 'next/server';
import { origin } from './login';

export interface User {
  id: string; // profile.id, the only key to find a user by
  handle: string;
  picture: string | undefined;
}

export interface Account {
  origin: string; // profile.instance.origin
  localId: string;
  accessToken: string;
}

/** At least 32 characters. Programs that know it can log in as any user. */
const password = process.env.SESSION_PASSWORD ?? 'change me: this is not a secret, it is public';

export async function currentSession() {
  await connection(); // iron-session reads the clock, which Next.js does not allow while it prerenders
  return getIronSession<{ user?: User; account?: Account }>(await cookies(), {
    cookieName: 'session',
    password,
    cookieOptions: { secure: origin.startsWith('https:'), sameSite: 'lax' },
  });
}
