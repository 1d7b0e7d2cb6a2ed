/** Answers browsers: the page of a request, its button, and the way back from the instance. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import type { FinishedWithScope, MastodonLogin } from '../login/login.js';
import { proofFor, readOwnForm } from '../pages/form.js';
import { notFoundPage, sendAway, sendPage, wrongMethodPage, type Page } from '../pages/page.js';
import { isPreload, preloadPage } from '../pages/preload.js';
import { isDeliberate } from '../pages/press.js';
import { scriptURL, sendScript } from '../pages/script.js';
import { digest } from '../util/digest.js';
import type { BridgeCookies } from './cookies.js';
import type { BridgeSettings } from './options.js';
import {
  confirmationPage,
  connectedPage,
  failedPage,
  inUsePage,
  noCookiePage,
  unknownPage,
  type Confirmation,
} from './page.js';
import { bridgeError, fulfill, loginError } from './protocol.js';
import type { PendingRequest, Requests } from './requests.js';
import { codeFor, refOf, shown } from './secrets.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

type MountedRequest = IncomingMessage & { readonly originalUrl?: string };

interface Route {
  readonly name: (typeof names)[number];
  /** A request's ID, a file's name, or an instance's host. */
  readonly segment: string;
  /** The query with its question mark, or nothing. */
  readonly search: string;
}

const names = ['auth', 'button', 'callback', 'client'] as const;

/** More than all scopes of any server together. */
const maxScopeLength = 2000;

/** Failures before a login was taken out of the store: the visitor can open the same address again. */
const repeatable: ReadonlySet<MastodonErrorCode> = new Set(['login_busy', 'store_failed']);

export class Pages {
  private readonly basePath: string;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly login: MastodonLogin,
    private readonly requests: Requests,
    private readonly cookies: BridgeCookies,
  ) {
    this.basePath = new URL(settings.publicURL).pathname.replace(/\/$/, '');
  }

  readonly router: Router = (req, res, next) => {
    const pass = () => (next ? next() : sendPage(res, notFoundPage()));
    const route = routeOf(req, this.basePath, next === undefined);
    if (!route) return pass();
    const { name, segment } = route;
    if (name === 'button') return sendScript(res, segment, req.method) ? undefined : pass();
    const answered =
      name === 'auth'
        ? this.request(req, res, segment)
        : name === 'callback'
          ? this.callback(req, res, route)
          : this.clientMetadata(req, res, segment, pass);
    answered.catch((error: unknown) => {
      this.settings.log('failed', { error });
      if (res.headersSent) res.destroy();
      else sendPage(res, this.failure(error));
    });
  };

  private async clientMetadata(
    req: IncomingMessage,
    res: ServerResponse,
    segment: string,
    pass: () => void,
  ): Promise<void> {
    const { status, headers, body } = await this.login.clientMetadata.answer(req.method, `/${segment}`);
    if (status === 404) return pass();
    res.writeHead(status, headers).end(body);
  }

  private async request(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    const { method } = req;
    if (isPreload(req)) return sendPage(res, preloadPage());
    if (method !== 'GET' && method !== 'POST') return wrongMethod(res, 'GET, HEAD, POST');
    const request = await this.requests.find(id);
    if (!request) return this.show(res, unknownPage);
    if (method === 'POST') return this.press(req, res, request);
    return this.confirm(res, request, this.cookies.giveKeyFor(req, res, id));
  }

  /** Changes nothing: programs that show previews open links, too. */
  private async confirm(
    res: ServerResponse,
    { id, instance }: PendingRequest,
    key: string,
    problem?: Confirmation['problem'],
  ): Promise<void> {
    const browser = await this.requests.browserOf(id);
    if (browser !== undefined && browser !== digest(key)) return this.show(res, inUsePage);
    const { clientName, publicURL } = this.settings;
    const page = confirmationPage({
      ...{ clientName, problem },
      host: instance.host,
      code: codeFor(id),
      proof: proofFor(key),
      script: scriptURL(publicURL),
    });
    sendPage(res, page);
  }

  /** The button was pressed: the request belongs to this browser now, which goes on to the instance. */
  private async press(req: IncomingMessage, res: ServerResponse, request: PendingRequest): Promise<void> {
    const { id, instance } = request;
    const key = this.cookies.keyFor(req, id);
    const fields = await readOwnForm(req, key ?? '', this.settings.publicURL);
    if (!req.complete) res.setHeader('Connection', 'close');
    if (key === undefined) return sendPage(res, noCookiePage());
    if (!fields) return this.confirm(res, request, key, 'not from this page');
    if (!isDeliberate(fields)) return this.confirm(res, request, key, 'no second step');
    if (!(await this.requests.claim(request, digest(key)))) return this.show(res, inUsePage);
    if (!(await this.requests.isAwaited(request))) {
      await this.requests.abandon(id);
      return this.show(res, unknownPage);
    }
    try {
      // The instance asks even a visitor who has agreed before: any program can send a visitor there.
      const { redirect } = await this.login.begin(instance.host, key, { forceLogin: true, state: refOf(id) });
      this.cookies.begin(req, res, new URL(redirect).searchParams.get('state') ?? '', id);
      sendAway(res, redirect);
    } catch (error) {
      await this.fail(req, res, error, id);
    }
  }

  private async callback(
    req: IncomingMessage,
    res: ServerResponse,
    { segment, search }: Route,
  ): Promise<void> {
    if (isPreload(req)) return sendPage(res, preloadPage());
    if (req.method !== 'GET') return wrongMethod(res, 'GET');
    const state = new URLSearchParams(search).get('state');
    const asked = state === null ? undefined : this.cookies.requestOf(req, state);
    // Hollo reports a denial without `state`.
    const ids = state === null ? this.cookies.requests(req) : asked === undefined ? [] : [asked];
    const idOf = (ref: unknown) => ids.find((id) => refOf(id) === ref);
    let login: FinishedWithScope;
    try {
      login = await this.login.finishWithScope(
        `/callback/${segment}${search}`,
        ids.flatMap((id) => this.cookies.keyFor(req, id) ?? []),
        {
          // Fetches no token for a program that is gone.
          isWanted: async (ref) => {
            const id = idOf(ref);
            const request = id === undefined ? undefined : await this.requests.find(id);
            return request !== undefined && (await this.requests.isAwaited(request));
          },
        },
      );
    } catch (error) {
      return this.fail(req, res, error, this.endedBy(error, idOf, asked));
    }
    await this.finish(req, res, login, idOf(login.state) ?? '');
  }

  /**
   * The request that a failed callback ends. An expired login can begin again while its request lasts. An error without
   * state came before the login was taken out of the store, or from the application.
   * @param asked the request of the callback's `state`
   */
  private endedBy(
    error: unknown,
    idOf: (ref: unknown) => string | undefined,
    asked: string | undefined,
  ): string | undefined {
    if (!(error instanceof MastodonError)) return asked;
    if (error.code === 'login_expired') return undefined;
    return idOf(error.state) ?? (repeatable.has(error.code) ? undefined : asked);
  }

  private async finish(
    req: IncomingMessage,
    res: ServerResponse,
    login: FinishedWithScope,
    id: string,
  ): Promise<void> {
    const { accessToken: token, params, profile, askedScope } = login;
    const scope = typeof params.scope === 'string' ? params.scope.slice(0, maxScopeLength) : askedScope;
    this.cookies.end(req, res, id);
    let isDelivered = false;
    try {
      isDelivered = await this.requests.finish(id, fulfill({ token, scope, profile }));
    } finally {
      if (!isDelivered && this.settings.revokeUndelivered) login.revoke();
      this.log(id, isDelivered ? 'fulfilled' : 'undelivered', profile.instance.host);
    }
    if (!isDelivered) return this.show(res, unknownPage);
    sendPage(res, connectedPage(this.settings.clientName, profile.handle));
  }

  /** Ends the request, if it is known, and tells the program why. */
  private async fail(
    req: IncomingMessage,
    res: ServerResponse,
    error: unknown,
    id: string | undefined,
  ): Promise<void> {
    const known = error instanceof MastodonError ? error : undefined;
    if (!known || known.code === 'store_failed') this.settings.log('failed', { error });
    if (id !== undefined) {
      this.cookies.end(req, res, id);
      this.log(id, known?.code ?? 'server_failed');
      const text = known ? loginError(known.code, known.message) : bridgeError('server_failed');
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
    const fields = { id: shown(id), outcome, ...(instance !== undefined && { instance }) };
    this.settings.log('request_ended', fields);
  }
}

/**
 * The part of the URL below the public URL's path; all else is the application's. A proxy may replace that path by another:
 * then the router has to be mounted there, or to get every request.
 */
function routeOf(req: MountedRequest, basePath: string, isAlone: boolean): Route | undefined {
  const { url = '/', originalUrl = url } = req;
  if (originalUrl.startsWith(`${basePath}/`)) {
    const below = split(originalUrl.slice(basePath.length));
    if (below) return below;
  }
  const mount = originalUrl.endsWith(url) ? originalUrl.slice(0, -url.length) : '';
  return isAlone || !`${basePath}/`.startsWith(`${mount}/`) ? split(url) : undefined;
}

function split(url: string): Route | undefined {
  const [, first, segment, search = ''] = /^\/(\w+)\/([^/?#]+)\/?(\?[^#]*)?(?:#.*)?$/.exec(url) ?? [];
  const name = names.find((one) => one === first);
  return name === undefined || segment === undefined ? undefined : { name, segment, search };
}

function wrongMethod(res: ServerResponse, allowed: string): void {
  res.setHeader('Allow', allowed);
  sendPage(res, wrongMethodPage());
}
