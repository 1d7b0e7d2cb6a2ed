/** The module: the controller, the strategy and the serializer. */

import { Module } from '@nestjs/common';
import { MastodonLogin } from './mastodon.strategy.js';
import { UserSerializer } from './session.js';
import { SiteController } from './site.controller.js';

@Module({ controllers: [SiteController], providers: [MastodonLogin, UserSerializer] })
export class SiteModule {}
