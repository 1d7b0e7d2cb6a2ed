/** The login, made once. */

import { getSecret } from 'astro:env/server';
import { createLogin } from 'passport-mastodon-oauth2/web';

/** The address of the site, as visitors see it. */
const origin = getSecret('ORIGIN') ?? `http://localhost:${getSecret('PORT') ?? 3000}`;

export const login = createLogin({
  clientName: 'An example with Astro',
  callbackURL: `${origin}/auth/mastodon/callback`,
  // Servers without registration (Misskey) fetch this address, over https only.
  clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
  website: origin,
  // In production add a `store`, such as redisStore(client), which all processes share.
  developmentInstances: getSecret('DEVELOPMENT_INSTANCES')?.split(' ') ?? [],
});
