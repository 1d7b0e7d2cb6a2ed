/** The guard of both routes: begins a login, or finishes it and logs the user in to the session. */

import { HttpException, Injectable, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { Request } from 'express';

/** A failure that the visitor can put right. */
export class LoginFailed extends HttpException {}

@Injectable()
export class MastodonGuard extends AuthGuard('mastodon') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await super.canActivate(context);
    await super.logIn(context.switchToHttp().getRequest());
    return true;
  }

  /** The field `from` is the page to return to. It comes back as `req.authInfo.state`. */
  override getAuthenticateOptions(context: ExecutionContext) {
    const { body } = context.switchToHttp().getRequest<Request>();
    return { state: String(body?.from ?? '') };
  }

  /** Without this method, Nest responds to every failure with 401 and no reason. */
  override handleRequest<TUser>(
    error: Error | null,
    user: TUser,
    info?: Error,
    _context?: ExecutionContext,
    status?: number,
  ): TUser {
    if (error) throw error; // a mistake of the site: 500
    if (!user) throw new LoginFailed(info?.message ?? 'This account cannot log in here.', status ?? 401);
    return user;
  }
}
