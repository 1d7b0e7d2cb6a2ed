/** The login, made once: `begin` and `finish` need the same store. */

import { createLogin, type WebLogin } from 'passport-mastodon-oauth2/web';

/** The address of the site, as visitors see it. */
export const origin = process.env.ORIGIN ?? `http://localhost:${process.env.PORT ?? 3000}`;

const options = {
  clientName: 'An example with Next.js',
  callbackURL: `${origin}/auth/mastodon/callback`,
  scope: 'read:accounts read:statuses', // to show the user's posts; without it, only the profile is read
  // Servers without registration (Misskey) fetch this address, over https only.
  clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
  website: origin,
  // In production add a `store`, such as redisStore(client). Serverless functions do not share memory.
  developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
};

declare global {
  var mastodonLogin: WebLogin | undefined;
}

// Next.js may load a module once for each route, and again after each change in development.
export const login = (globalThis.mastodonLogin ??= createLogin(options));
