/** Makes the application, for `main.ts` and for tests. */

import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import passport from 'passport';
import { buttonFolder } from 'passport-mastodon-oauth2/button/form';
import { sessions } from './session.js';
import { SiteModule } from './site.module.js';

export async function createSite(): Promise<NestExpressApplication> {
  const site = await NestFactory.create<NestExpressApplication>(SiteModule, { logger: ['warn', 'error'] });
  // Behind a TLS proxy, also: site.set('trust proxy', 1);
  site.useStaticAssets(buttonFolder, { prefix: '/button/' });
  site.use(sessions());
  site.use(passport.session());
  return site;
}
