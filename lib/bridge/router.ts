/** What a browser is shown and where it is sent: the page of a request, and the way back from the instance. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError } from '../errors.js';
import type { MastodonLogin } from '../login/login.js';
import { scriptURL, sendScript } from '../pages/script.js';
import { digest } from '../util/digest.js';
import type { BrowserCookies } from './cookies.js';
import { isOwnForm, proofFor } from './form.js';
import { bridgeError, fulfill, loginError } from './messages.js';
import type { BridgeHints } from './hints.js';
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
import { codeFor, refOf } from './request-secrets.js';
import { shown, type PendingRequest, type Requests } from './requests.js';
import { routeOf, type Route } from './route.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

/** More than all scopes of any server together. */
const maxScopeLength = 2000;

export class Pages {
  private readonly basePath: string;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly login: MastodonLogin,
    private readonly requests: Requests,
    private readonly cookies: BrowserCookies,
    private readonly hints: BridgeHints,
  ) {
    this.basePath = new URL(settings.publicURL).pathname.replace(/\/$/, '');
  }

  readonly router: Router = (req, res, next) => {
    this.hints.routed(req);
    const route = routeOf(req, this.basePath);
    if (!route) return next ? next() : sendPage(res, notFoundPage());
    if (route.name === 'client') return this.clientMetadata(req, res, route, next);
    if (route.name === 'button') {
      if (sendScript(res, route.segment, req.method)) return;
      return next ? next() : sendPage(res, notFoundPage());
    }
    this.hints.visited();
    const answer =
      route.name === 'auth' ? this.request(req, res, route.segment) : this.callback(req, res, route);
    answer.catch((error: unknown) => {
      this.settings.log('failed', { error });
      if (res.headersSent) res.destroy();
      else sendPage(res, this.failure(error));
    });
  };

  private clientMetadata(
    req: IncomingMessage,
    res: ServerResponse,
    { segment }: Route,
    next: Parameters<Router>[2],
  ): void {
    const { status, headers, body } = this.login.clientMetadata.answer(req.method, `/${segment}`);
    if (next && status === 404) return next();
    res.writeHead(status, headers).end(body);
  }

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
    const { clientName, publicURL } = this.settings;
    const { id, instance } = request;
    const proof = proofFor(this.cookies.give(req, res, id));
    const script = scriptURL(publicURL);
    const page = confirmationPage({
      clientName,
      host: instance.host,
      code: codeFor(id),
      proof,
      again,
      script,
    });
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
    try {
      const { redirect } = await this.login.begin(instance.host, key, { state: refOf(id) });
      sendAway(res, redirect);
    } catch (error) {
      await this.fail(res, error, id);
    }
  }

  private async callback(
    req: IncomingMessage,
    res: ServerResponse,
    { segment, search }: Route,
  ): Promise<void> {
    if (req.method !== 'GET') return wrongMethod(res, 'GET');
    const keys = this.cookies.read(req);
    const idOf = (state: unknown) => [...keys.keys()].find((id) => refOf(id) === state);
    let login;
    try {
      login = await this.login.finishWithScope(
        `${this.basePath}/callback/${segment}${search}`,
        [...keys.values()],
        {
          // A token that nobody waits for any more is not fetched.
          isWanted: async (state) => {
            const id = idOf(state);
            const request = id === undefined ? undefined : await this.requests.find(id);
            return request !== undefined && (await this.requests.isHeard(request));
          },
        },
      );
    } catch (error) {
      // An expired login can be begun again as long as its request lasts; everything else ends the request.
      const hasExpired = error instanceof MastodonError && error.code === 'login_expired';
      return this.fail(res, error, hasExpired ? undefined : idOf((error as MastodonError).state));
    }
    const { accessToken: token, params, profile, state, askedScope } = login;
    const id = idOf(state) ?? '';
    const scope = typeof params.scope === 'string' ? params.scope.slice(0, maxScopeLength) : askedScope;
    this.cookies.clear(res, id);
    if (!(await this.requests.finish(id, fulfill({ token, scope, profile })))) {
      this.log(id, 'undelivered', profile.instance.host);
      return this.show(res, unknownPage);
    }
    this.log(id, 'fulfilled', profile.instance.host);
    sendPage(res, connectedPage(this.settings.clientName, profile.handle));
  }

  /** Ends the request, if it is known which; the client is told why. */
  private async fail(res: ServerResponse, error: unknown, id: string | undefined): Promise<void> {
    if (!(error instanceof MastodonError) || error.code === 'store_failed')
      this.settings.log('failed', { error });
    if (id !== undefined) {
      const { code, text } = frameFor(error);
      this.cookies.clear(res, id);
      this.log(id, code);
      await this.requests
        .finish(id, text)
        .catch((failed: unknown) => this.settings.log('failed', { error: failed }));
    }
    sendPage(res, this.failure(error));
  }

  private failure(error: unknown): Page {
    const { status, message } =
      error instanceof MastodonError
        ? error
        : { status: 500, message: 'Something went wrong on our side. Please try again in a moment.' };
    return failedPage(this.settings.clientName, status, message);
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

function frameFor(error: unknown): { code: string; text: string } {
  if (!(error instanceof MastodonError)) return { code: 'server_failed', text: bridgeError('server_failed') };
  const { code, message } = error;
  return { code, text: loginError(code, message) };
}

function wrongMethod(res: ServerResponse, allowed: string): void {
  res.setHeader('Allow', allowed);
  sendPage(res, wrongMethodPage());
}
