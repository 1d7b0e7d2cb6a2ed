/** What a browser is shown and where it is sent: the page of a request, and the way back from the instance. */

import type { Request } from 'express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError } from '../errors.js';
import type { MastodonAuthenticateOptions } from '../options.js';
import type { MastodonStrategy } from '../strategy.js';
import { digest } from '../store.js';
import type { BrowserCookies } from './cookies.js';
import { isOwnForm, proofFor } from './form.js';
import { bridgeError, fulfill, loginError, type Fulfilment } from './messages.js';
import type { BridgeSettings } from './options.js';
import {
  confirmationPage,
  connectedPage,
  failedPage,
  inUsePage,
  notFoundPage,
  sendAway,
  sendPage,
  unknownPage,
  wrongMethodPage,
  type Page,
} from './page.js';
import { shown, type PendingRequest, type Requests } from './requests.js';
import { routeOf } from './route.js';
import type { CookieStateStore } from './state-store.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

/** How the strategy ended; exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string }
  | { readonly user: Omit<Fulfilment, 'scope'> & { readonly scope: string | undefined } }
  | { readonly challenge: { readonly code: string; readonly message: string }; readonly status: number }
  | { readonly error: unknown };

/** What the strategy reads of a request. */
type Visit = Pick<IncomingMessage, 'method' | 'headers'> & {
  readonly url: string;
  readonly originalUrl: string;
};

export class Pages {
  private readonly basePath: string;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly strategy: MastodonStrategy,
    private readonly requests: Requests,
    private readonly states: CookieStateStore,
    private readonly cookies: BrowserCookies,
  ) {
    this.basePath = new URL(settings.publicURL).pathname.replace(/\/$/, '');
  }

  readonly router: Router = (req, res, next) => {
    const route = routeOf(req, this.basePath);
    if (!route) return next ? next() : sendPage(res, notFoundPage());
    const answer =
      route.name === 'auth' ? this.request(req, res, route.segment) : this.callback(req, res, route);
    answer.catch((error: unknown) => {
      this.settings.log('failed', { error });
      if (res.headersSent) res.destroy();
      else sendPage(res, this.failure(error));
    });
  };

  private async request(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    const { method } = req;
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
      return wrongMethod(res, 'GET, HEAD, POST');
    const request = await this.requests.find(id);
    if (!request) return this.show(res, unknownPage);
    return method === 'POST' ? this.start(req, res, request) : this.confirm(req, res, request, false);
  }

  /** Changes nothing: links are also opened by programs that make previews of them. */
  private async confirm(
    req: IncomingMessage,
    res: ServerResponse,
    request: PendingRequest,
    again: boolean,
  ): Promise<void> {
    const bound = await this.requests.browserOf(request.id);
    const key = this.cookies.read(req).get(request.id);
    if (bound !== undefined && (key === undefined || digest(key) !== bound)) return this.show(res, inUsePage);
    const { clientName } = this.settings;
    const { code, instance } = request;
    const proof = proofFor(this.cookies.give(req, res, request.id));
    const page = confirmationPage({ clientName, host: instance.host, code, proof, again });
    sendPage(res, page, instance.origin.startsWith('https:') ? ['https:'] : ['https:', instance.origin]);
  }

  /** The button was pressed: the request belongs to this browser now, which goes on to the instance. */
  private async start(req: IncomingMessage, res: ServerResponse, request: PendingRequest): Promise<void> {
    const { id, instance } = request;
    const key = this.cookies.read(req).get(id);
    const isOwn = await isOwnForm(req, key ?? '', this.settings.publicURL);
    if (!req.complete) res.setHeader('Connection', 'close');
    if (key === undefined || !isOwn) return this.confirm(req, res, request, true);
    if (!(await this.requests.claim(request, digest(key)))) return this.show(res, inUsePage);
    if (!(await this.requests.isHeard(request))) {
      await this.requests.abandon(id);
      return this.show(res, unknownPage);
    }
    const outcome = await this.drive(this.visit(req, `auth/${id}`), { instance: instance.host, state: id });
    if ('redirect' in outcome) return sendAway(res, outcome.redirect);
    return this.fail(res, outcome, id);
  }

  private async callback(
    req: IncomingMessage,
    res: ServerResponse,
    { segment, search }: { segment: string; search: string },
  ): Promise<void> {
    if (req.method !== 'GET') return wrongMethod(res, 'GET');
    const visit = this.visit(req, `callback/${segment}${search}`);
    const outcome = await this.drive(visit, {});
    const ticket = this.states.ticketOf(visit);
    if (!('user' in outcome) || !ticket) {
      // An expired login can be begun again as long as its request lasts; everything else ends the request.
      const hasExpired = 'challenge' in outcome && outcome.challenge.code === 'login_expired';
      return this.fail(res, outcome, hasExpired ? undefined : ticket?.id);
    }
    const { token, profile } = outcome.user;
    const scope = outcome.user.scope ?? ticket.scope ?? '';
    this.cookies.clear(res, ticket.id);
    if (!(await this.requests.finish(ticket.id, fulfill({ token, scope, profile })))) {
      this.log(ticket.id, 'undelivered', profile.instance.host);
      return this.show(res, unknownPage);
    }
    this.log(ticket.id, 'fulfilled', profile.instance.host);
    sendPage(res, connectedPage(this.settings.clientName, profile.handle));
  }

  /** Ends the request, if it is known which; the client is told why. */
  private async fail(res: ServerResponse, outcome: Outcome, id: string | undefined): Promise<void> {
    if ('error' in outcome) this.settings.log('failed', { error: outcome.error });
    if (id !== undefined) {
      const { code, text } = frameFor(outcome);
      this.cookies.clear(res, id);
      this.log(id, code);
      await this.requests.finish(id, text).catch((error: unknown) => this.settings.log('failed', { error }));
    }
    if ('challenge' in outcome) {
      const { challenge, status } = outcome;
      return sendPage(res, failedPage(this.settings.clientName, status, challenge.message));
    }
    sendPage(res, this.failure('error' in outcome ? outcome.error : undefined));
  }

  private failure(error: unknown): Page {
    const { status, message } =
      error instanceof MastodonError
        ? error
        : { status: 500, message: 'Something went wrong on our side. Please try again in a moment.' };
    return failedPage(this.settings.clientName, status, message);
  }

  /** The request as the strategy would see it without proxies and mounting points in between. */
  private visit({ method, headers }: IncomingMessage, path: string): Visit {
    const url = `${this.basePath}/${path}`;
    return { ...(method !== undefined && { method }), headers, url, originalUrl: url };
  }

  /** Does for one request what Passport would do, which an application need not have. */
  private drive(visit: Visit, options: MastodonAuthenticateOptions): Promise<Outcome> {
    return new Promise((resolve) => {
      const actions = {
        success: (user: Fulfilment) => resolve({ user }),
        fail: (challenge: { code: string; message: string }, status: number) =>
          resolve({ challenge, status }),
        redirect: (url: string) => resolve({ redirect: url }),
        error: (error: unknown) => resolve({ error }),
      };
      const acting = Object.assign(Object.create(this.strategy) as MastodonStrategy, actions);
      acting.authenticate(visit as unknown as Request, options);
    });
  }

  private show(res: ServerResponse, page: (clientName: string) => Page): void {
    sendPage(res, page(this.settings.clientName));
  }

  private log(id: string, outcome: string, instance?: string): void {
    this.settings.log('request_ended', {
      id: shown(id),
      outcome,
      ...(instance !== undefined && { instance }),
    });
  }
}

function frameFor(outcome: Outcome): { code: string; text: string } {
  if ('challenge' in outcome) {
    const { code, message } = outcome.challenge;
    return { code, text: loginError(code, message) };
  }
  if ('error' in outcome && outcome.error instanceof MastodonError) {
    const { code, message } = outcome.error;
    return { code, text: loginError(code, message) };
  }
  return { code: 'server_failed', text: bridgeError('server_failed') };
}

function wrongMethod(res: ServerResponse, allowed: string): void {
  res.setHeader('Allow', allowed);
  sendPage(res, wrongMethodPage());
}
