/** The filter of both routes: after a failure, redirects to the form, which shows the message. */

import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { LoginFailed } from './mastodon.guard.js';
import './session.js';

@Catch(LoginFailed)
export class LoginFailedFilter implements ExceptionFilter<LoginFailed> {
  catch({ message }: LoginFailed, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    http.getRequest<Request>().session.message = message;
    http.getResponse<Response>().redirect('/');
  }
}
