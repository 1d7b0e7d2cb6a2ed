/** Nest on Express, with @nestjs/passport. */

import {
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  Post,
  Req,
  Res,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import type { Request, Response } from 'express';
import session from 'express-session';
import passport from 'passport';
import { MastodonStrategy, type MastodonProfile } from 'passport-mastodon-oauth2';
import 'reflect-metadata';

@Injectable()
class MastodonLogin extends PassportStrategy(MastodonStrategy) {
  constructor() {
    super({
      clientName: 'A site with Nest',
      callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
      clientURL: `${process.env.ORIGIN}/auth/mastodon/client`,
      developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
    });
  }

  override async validate(_accessToken: string, _refreshToken: string | undefined, profile: MastodonProfile) {
    return { id: profile.id, handle: profile.handle };
  }
}

@Injectable()
class MastodonGuard extends AuthGuard('mastodon') {
  override async canActivate(context: ExecutionContext) {
    await super.canActivate(context);
    await super.logIn(context.switchToHttp().getRequest()); // into the session
    return true;
  }

  override getAuthenticateOptions(context: ExecutionContext) {
    const { body } = context.switchToHttp().getRequest<Request>();
    return { state: { from: body?.from } };
  }

  /** Nest's own answers every failure with 401, and tells nobody why. */
  override handleRequest<User>(error: Error | null, user: User, info?: Error, _?: unknown, status?: number) {
    if (error) throw error;
    if (!user) throw new HttpException(info?.message ?? 'Who you are was not accepted.', status ?? 401);
    return user;
  }
}

@Injectable()
class Serializer extends PassportSerializer {
  serializeUser(user: Express.User, done: (error: null, user: Express.User) => void) {
    done(null, user);
  }

  deserializeUser(user: Express.User, done: (error: null, user: Express.User) => void) {
    done(null, user);
  }
}

@Controller()
class SiteController {
  constructor(private readonly login: MastodonLogin) {}

  @Post('auth/mastodon')
  @UseGuards(MastodonGuard)
  begin() {
    // The guard sends the visitor to the instance.
  }

  @Get('auth/mastodon/callback/:instance')
  @UseGuards(MastodonGuard)
  finish(@Req() req: Request, @Res() res: Response) {
    const { state } = req.authInfo as { state: { from: string } };
    res.redirect(`/me?from=${encodeURIComponent(state.from)}`);
  }

  @Get('auth/mastodon/client/:instance')
  clientDocument(@Req() req: Request, @Res() res: Response) {
    this.login.clientDocument(req, res);
  }

  @Get('me')
  me(@Req() req: Request) {
    return { user: req.user ?? null };
  }
}

@Module({ controllers: [SiteController], providers: [MastodonLogin, Serializer] })
class Site {}

const app = await NestFactory.create(Site, { logger: false });
app.use(
  session({ secret: 'change me', resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }),
);
app.use(passport.session());
await app.listen(process.env.PORT ?? 3000);
