/** "Log in with Mastodon" in Nest: one page, which has the form, or says who is logged in. */

import {
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  Post,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import session from 'express-session';
import passport from 'passport';
import { MastodonStrategy, type MastodonProfile } from 'passport-mastodon-oauth2';
import { buttonFolder, loginForm } from 'passport-mastodon-oauth2/button/form';
import 'reflect-metadata';

const { PORT = '3000', SESSION_SECRET = 'change me', DEVELOPMENT_INSTANCES } = process.env;
/** Where browsers reach the site. */
const origin = process.env['ORIGIN'] ?? `http://localhost:${PORT}`;

interface User {
  id: string;
  handle: string;
}

/** A request with what Passport and express-session add to it. */
type SiteRequest = Request & { user?: User; session: { message?: string | undefined } };

@Injectable()
class MastodonLogin extends PassportStrategy(MastodonStrategy) {
  constructor() {
    super({
      clientName: 'An example with Nest',
      callbackURL: `${origin}/auth/mastodon/callback`,
      // Misskey and its relatives register no site: they ask here what it is, and only over https.
      clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
      website: origin,
      // Here belongs a `store` that outlives the process and is shared by all of them: redisStore(client).
      // For a try without the network: instances on this machine.
      developmentInstances: DEVELOPMENT_INSTANCES?.split(' ') ?? [],
    });
  }

  /** A site with a database finds its user by `profile.id` here, or creates one. Handles can change hands. */
  override async validate(_accessToken: string, _refreshToken: string | undefined, profile: MastodonProfile) {
    return { id: profile.id, handle: profile.handle };
  }
}

/** What the person who logs in can put right. */
class LoginFailed extends HttpException {}

@Injectable()
class MastodonGuard extends AuthGuard('mastodon') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await super.canActivate(context);
    await super.logIn(context.switchToHttp().getRequest()); // into the session
    return true;
  }

  /** `from` is where the visitor was before: it goes along, and comes back. */
  override getAuthenticateOptions(context: ExecutionContext) {
    const { body } = context.switchToHttp().getRequest<Request>();
    return { state: String(body?.from ?? '') };
  }

  /** Nest's own makes a 401 of every failure, and tells nobody why. Nest knows nothing of `failureRedirect`. */
  override handleRequest<TUser>(
    error: Error | null,
    user: TUser,
    info?: Error,
    _context?: ExecutionContext,
    status?: number,
  ): TUser {
    if (error) throw error; // the site's own fault: 500, and a line in the log
    if (!user) throw new LoginFailed(info?.message ?? 'This account cannot log in here.', status ?? 401);
    return user;
  }
}

/** Back to the form, which says why. */
@Catch(LoginFailed)
class BackToForm implements ExceptionFilter<LoginFailed> {
  catch({ message }: LoginFailed, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    http.getRequest<SiteRequest>().session.message = message;
    http.getResponse<Response>().redirect('/');
  }
}

/** Where the session is to hold a key only: `done(null, user.id)`, and back from the database. */
@Injectable()
class Serializer extends PassportSerializer {
  serializeUser(user: User, done: (error: null, user: User) => void): void {
    done(null, user);
  }

  deserializeUser(user: User, done: (error: null, user: User) => void): void {
    done(null, user);
  }
}

@Controller()
class SiteController {
  constructor(private readonly login: MastodonLogin) {}

  @Post('auth/mastodon')
  @UseGuards(MastodonGuard)
  @UseFilters(BackToForm)
  begin(): void {
    // The guard has sent the visitor to the instance.
  }

  @Get('auth/mastodon/callback/:instance')
  @UseGuards(MastodonGuard)
  @UseFilters(BackToForm)
  finish(@Req() req: Request, @Res() res: Response): void {
    const { state: from } = req.authInfo as { state: string };
    res.redirect(`/?from=${encodeURIComponent(from)}`);
  }

  @Get('auth/mastodon/client/:instance')
  clientMetadata(@Req() req: Request, @Res() res: Response): void {
    this.login.clientMetadata(req, res);
  }

  @Get()
  home(@Req() req: SiteRequest, @Query('from') from: unknown): string {
    const { user, session } = req;
    const { message } = session;
    delete session.message; // shown once
    return page(user ? welcome(user, message) : form(message, from));
  }

  @Get('me')
  me(@Req() { user = null }: SiteRequest | { user: null }): { user: User | null } {
    return { user };
  }

  @Post('logout')
  logout(@Req() req: Request, @Res() res: Response): void {
    req.logout((error) => {
      if (error) throw error;
      res.redirect(303, '/');
    });
  }
}

function page(content: string): string {
  return `<!doctype html>
  <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="color-scheme" content="light dark">
    <title>An example with Nest</title>
    <link rel="stylesheet" href="/button/mastodon-login.css">
    <script type="module" src="/button/mastodon-login.js"></script>
    ${content}
  </html>`;
}

function form(message: string | undefined, from: unknown = ''): string {
  return loginForm({
    action: '/auth/mastodon',
    failure: message === undefined ? undefined : { message },
    hidden: { from: String(from) },
  });
}

// Handles and messages have no markup in them. A display name may: escape it.
function welcome(user: User, message = ''): string {
  return `<p role="alert">${message}</p>
   <p>You are logged in as @${user.handle}.</p>
   <form method="post" action="/logout"><button>Log out</button></form>`;
}

@Module({ controllers: [SiteController], providers: [MastodonLogin, Serializer] })
class Site {}

async function start(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(Site, { logger: ['warn', 'error'] });
  // Behind a proxy that speaks https, also: app.set('trust proxy', 1);
  app.useStaticAssets(buttonFolder, { prefix: '/button/' });
  app.use(
    session({
      secret: SESSION_SECRET, // a real site gives it a `store`, too
      resave: false,
      saveUninitialized: false,
      // Lax, not strict: the way back from the instance is a link of another site.
      cookie: { sameSite: 'lax', secure: 'auto' },
    }),
  );
  app.use(passport.session());
  await app.listen(PORT);
}

void start();
