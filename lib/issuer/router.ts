/** The router: checks a request, and passes it to oidc-provider or to the pages of a login. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MastodonLogin } from '../login/login.js';
import { isFromOwnPage } from '../pages/form.js';
import { notFoundPage, sendPage } from '../pages/page.js';
import { isPreload, preloadPage } from '../pages/preload.js';
import { sendScript } from '../pages/script.js';
import type { IssuerCookies } from './cookies.js';
import type { Interactions } from './interactions.js';
import { limits } from './limits.js';
import type { Logins } from './logins.js';
import type { OIDC, Provider } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';
import {
  clientErrorPage,
  expiredPage,
  failedPage,
  foreignFormPage,
  goneRequestPage,
  internalError,
} from './pages.js';
import type { PostedRequests } from './posted.js';
import { routeOf, routes, type Route } from './route.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

/** The provider with the current keys. */
export interface Running {
  readonly provider: Provider;
  readonly answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

export interface RouterParts {
  readonly oidc: OIDC;
  readonly settings: IssuerSettings;
  readonly login: MastodonLogin;
  readonly logins: Logins;
  readonly interactions: Interactions;
  readonly cookies: IssuerCookies;
  readonly posted: PostedRequests;
  running(): Running;
  /** Reads the keys that another process may have added. */
  refreshKeys(): Promise<void>;
  isClosed(): boolean;
}

/** Forms of ours that oidc-provider handles. The login page checks its own. */
const ownForms: ReadonlySet<string> = new Set([routes.code_verification, `${routes.end_session}/confirm`]);

export function routerOf(parts: RouterParts): Router {
  const { oidc, settings, login, logins, interactions, cookies, posted, running } = parts;
  const { issuerURL, log } = settings;
  const basePath = new URL(issuerURL).pathname.replace(/\/$/, '');

  const serve = async (
    route: Exclude<Route, { name: 'button' }>,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> => {
    if (isPreload(req) && isForVisitors(route)) return sendPage(res, preloadPage());
    if (route.name === 'login') return logins.page(req, res, route.uid);
    if (route.name === 'callback') return logins.callback(req, res, route.response);
    if (route.name === 'client') {
      const { status, headers, body } = await login.clientMetadata.answer(req.method, route.path);
      return void res.writeHead(status, headers).end(body);
    }
    const { uid } = route;
    if (uid !== undefined && !(await interactions.bindingOf(uid, cookies.browserKey(req)))) {
      return sendPage(res, expiredPage());
    }
    const requested = await posted.read(req, route.url);
    if (requested === 'gone') return sendPage(res, goneRequestPage());
    if (requested === 'too long') {
      const page = clientErrorPage(414, 'invalid_request', `longer than ${limits.request} characters`);
      return sendPage(res, page);
    }
    if (requested === 'no form') {
      return sendPage(res, clientErrorPage(415, 'invalid_request', 'what is posted has to be a form'));
    }
    if ('redirect' in requested) {
      return void res.writeHead(303, { location: issuerURL + requested.redirect }).end();
    }
    const [path = '', query = ''] = requested.url.split('?', 2);
    if (req.method === 'POST' && ownForms.has(path) && !isFromOwnPage(req, issuerURL)) {
      return sendPage(res, foreignFormPage());
    }
    if (path === routes.jwks) await parts.refreshKeys();
    await fetchClient(new URLSearchParams(query).get('client_id'), uid);
    await running().answer(published(req, requested.url, basePath, issuerURL), res);
  };

  /** Fetches a metadata document now, so that oidc-provider sends no request between reading and writing a session. */
  async function fetchClient(clientId: string | null, uid: string | undefined): Promise<void> {
    if (!settings.allowDocument) return;
    const interaction = uid === undefined ? undefined : await interactions.find(uid);
    const id = interaction ? String(interaction.params.client_id) : clientId;
    // oidc-provider reports a failure when it uses the client.
    if (id?.startsWith('https:') === true)
      await running()
        .provider.Client.find(id)
        .catch(() => undefined);
  }

  return (req, res, next) => {
    const route = routeOf(req, basePath, next === undefined);
    if (route?.name === 'button' && sendScript(res, route.file, req.method)) return;
    // Other files in this folder belong to the application.
    if (!route || route.name === 'button') return next ? next() : sendPage(res, notFoundPage());
    if (parts.isClosed()) {
      return sendPage(res, failedPage(503, 'This service is being stopped. Please try again in a moment.'));
    }
    serve(route, req, res).catch((error: unknown) => {
      const isClients = error instanceof oidc.errors.OIDCProviderError && error.status < 500;
      if (!isClients) log('failed', { error });
      if (res.headersSent) res.destroy();
      else if (isClients) sendPage(res, clientErrorPage(400, error.error, error.error_description));
      else sendPage(res, failedPage(500, internalError));
    });
  };
}

/** Whether visitors open the route. Programs send HEAD to the others. */
function isForVisitors(route: Exclude<Route, { name: 'button' }>): boolean {
  if (route.name !== 'openid') return route.name !== 'client';
  return /^\/(?:authorize|device|logout)(?:[/?]|$)/.test(route.url) && !route.url.startsWith('/device/code');
}

/**
 * The request as it would be without proxies and mounting points. oidc-provider takes the URLs of its documents from the request,
 * and a client must not choose them by its `Host` header. The application's own request is not changed.
 */
function published(req: IncomingMessage, url: string, basePath: string, issuerURL: string): IncomingMessage {
  const { host, protocol } = new URL(issuerURL);
  const forwarded = { 'x-forwarded-host': host, 'x-forwarded-proto': protocol.slice(0, -1) };
  const replaced: Record<PropertyKey, unknown> = {
    url,
    originalUrl: basePath + url,
    headers: { ...req.headers, host, ...forwarded },
  };
  return new Proxy(req, {
    get(target, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set(target, name, value) {
      if (!Object.hasOwn(replaced, name)) return Reflect.set(target, name, value, target);
      replaced[name] = value;
      return true;
    },
  });
}
