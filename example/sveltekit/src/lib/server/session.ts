/** The user's session, encrypted in a cookie. */

import { env } from '$env/dynamic/private';
import type { Cookies } from '@sveltejs/kit';
import { sealData, unsealData } from 'iron-session';
import { origin } from './login';

export interface User {
  id: string; // profile.id, the only key to find a user by
  handle: string;
  picture: string | undefined;
}

/** At least 32 characters. Programs that know it can log in as any user. */
const password = env.SESSION_PASSWORD ?? 'change me: this is not a secret, it is public';
const ttl = 14 * 24 * 60 * 60;

const attributes = {
  path: '/',
  httpOnly: true,
  sameSite: 'lax',
  secure: origin.startsWith('https:'),
} as const;

export async function logIn(cookies: Cookies, user: User): Promise<void> {
  cookies.set('session', await sealData(user, { password, ttl }), { ...attributes, maxAge: ttl });
}

export async function userOf(cookies: Cookies): Promise<User | undefined> {
  const encrypted = cookies.get('session');
  if (encrypted === undefined) return undefined;
  const user = await unsealData<Partial<User>>(encrypted, { password, ttl });
  return user.id && user.handle ? { id: user.id, handle: user.handle, picture: user.picture } : undefined;
}

export function logOut(cookies: Cookies): void {
  cookies.delete('session', attributes);
}
