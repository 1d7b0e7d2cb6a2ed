/** The login, made once. */

import { env } from '$env/dynamic/private';
import { createLogin } from 'passport-mastodon-oauth2/web';

/** The address of the site, as visitors see it. */
export const origin = env.ORIGIN ?? `http://localhost:${env.PORT ?? 3000}`;

export const login = createLogin({
  clientName: 'An example with SvelteKit',
  callbackURL: `${origin}/auth/mastodon/callback`,
  // Servers without registration (Misskey) fetch this address, over https only.
  clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
  website: origin,
  // In production add a `store`, such as redisStore(client), which all processes share.
  developmentInstances: env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
});
