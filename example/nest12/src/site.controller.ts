/** The routes: the page with the form or the user, the login, log-out. */

import { Controller, Get, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { loginForm } from 'passport-mastodon-oauth2/button/form';
import { LoginFailedFilter } from './login-failed.filter.js';
import { MastodonGuard } from './mastodon.guard.js';
import { MastodonLogin } from './mastodon.strategy.js';

@Controller()
export class SiteController {
  constructor(private readonly login: MastodonLogin) {}

  @Post('auth/mastodon')
  @UseGuards(MastodonGuard)
  @UseFilters(LoginFailedFilter)
  begin(): void {
    // Not reached: the guard redirects to the instance.
  }

  @Get('auth/mastodon/callback/:instance')
  @UseGuards(MastodonGuard)
  @UseFilters(LoginFailedFilter)
  finish(@Req() req: Request, @Res() res: Response): void {
    const { state: from } = req.authInfo as { state: string };
    res.redirect(`/?from=${encodeURIComponent(from)}`);
  }

  @Get('auth/mastodon/client/:instance')
  clientMetadata(@Req() req: Request, @Res() res: Response): void {
    this.login.clientMetadata(req, res);
  }

  @Get()
  home(@Req() req: Request, @Query('from') from: unknown): string {
    const { user, session } = req;
    const { message } = session;
    delete session.message; // shown once
    return page(user ? welcome(user, message) : form(message, from));
  }

  @Get('me')
  me(@Req() { user }: Request): { user: { id: string; handle: string } | null } {
    return { user: user ? { id: user.id, handle: user.handle } : null };
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
  return loginForm({ action: '/auth/mastodon', failure: { message }, hidden: { from: String(from) } });
}

/** Handles, messages and addresses of pictures contain no markup. A display name may contain markup: escape it. */
function welcome({ handle, picture }: Express.User, message = ''): string {
  const image = picture
    ? `<img src="${picture}" alt="" width="48" height="48" referrerpolicy="no-referrer">`
    : '';
  return `<p role="alert">${message}</p>
   ${image} <p>You are logged in as @${handle}.</p>
   <form method="post" action="/logout"><button>Log out</button></form>`;
}
