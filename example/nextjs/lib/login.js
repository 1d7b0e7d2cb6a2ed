/** The login, one for the whole site: `begin` and `finish` have to find the same store. */

import { createLogin } from 'passport-mastodon-oauth2/web';

/** Where browsers reach the site. */
export const origin = process.env.ORIGIN ?? `http://localhost:${process.env.PORT ?? 3000}`;

const options = {
  clientName: 'An example with Next.js',
  callbackURL: `${origin}/auth/mastodon/callback`,
  // Misskey and its relatives register no site: they ask here what it is, and only over https.
  clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
  website: origin,
  // Here belongs a `store` that outlives the process and is shared by all of them: redisStore(client). Without
  // one, a login has to come back to the process that began it; serverless, it does not.
  // For a try without the network: instances on this machine.
  developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
};

// Next.js may load a module once for each route, and again after each change of it in development.
export const login = (globalThis.mastodonLogin ??= createLogin(options));
