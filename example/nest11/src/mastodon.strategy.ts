/** The strategy: its options and the site's user. */

import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { MastodonStrategy, type MastodonProfile } from 'passport-mastodon-oauth2';
import './session.js';

@Injectable()
export class MastodonLogin extends PassportStrategy(MastodonStrategy) {
  constructor() {
    const { PORT = '3000', DEVELOPMENT_INSTANCES } = process.env;
    /** The address of the site, as visitors see it. */
    const origin = process.env['ORIGIN'] ?? `http://localhost:${PORT}`;
    super({
      clientName: 'An example with Nest',
      callbackURL: `${origin}/auth/mastodon/callback`,
      // Servers without registration (Misskey) fetch this address, over https only.
      clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
      website: origin,
      // In production add a `store`, such as redisStore(client), which all processes share.
      developmentInstances: DEVELOPMENT_INSTANCES?.split(' ') ?? [],
    });
  }

  /** The verify function. A site with a database finds or creates its user by `profile.id` here. */
  override async validate(
    _accessToken: string,
    _refreshToken: string | undefined,
    profile: MastodonProfile,
  ): Promise<Express.User> {
    return { id: profile.id, handle: profile.handle, picture: profile.photos[0]?.value };
  }
}
