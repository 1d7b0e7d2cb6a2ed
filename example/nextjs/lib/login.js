/** The login, one for the whole site: `begin` and `finish` have to find the same store. */

import { createLogin } from 'passport-mastodon-oauth2/web';

/** Where browsers reach the site. */
const origin = process.env.ORIGIN ?? 'http://localhost:3000';

const options = {
  clientName: 'An example with Next.js',
  callbackURL: `${origin}/auth/mastodon/callback`,
  website: origin,
  // Here belongs a `store` that all processes share, as soon as there is more than one: serverless, or a cluster.
  // For a try without the network: instances on this machine.
  developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
};

// Next.js may load a module once for each route, and again after each change of it in development.
export const login = (globalThis.mastodonLogin ??= createLogin(options));
