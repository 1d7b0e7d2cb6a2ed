/** The router: checks a request, and passes it to oidc-provider or to the pages of a login. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../login/browser.js';
import { isFromOwnPage, readFields } from '../pages/form.js';
import { notFoundPage, sendPage, type Page } from '../pages/page.js';
import { isPreload, preloadPage } from '../pages/preload.js';
import { sendScript } from '../pages/script.js';
import type { Interactions } from './interactions.js';
import { limits, PendingRecords } from './limits.js';
import type { Logins } from './logins.js';
import type { Provider } from './oidc-provider.js';
import {
  clientErrorPage,
  expiredPage,
  failedPage,
  foreignFormPage,
  goneRequestPage,
  ownFailurePage,
} from './pages.js';
import { routeOf, routes, type Route } from './route.js';
import type { Shared } from './shared.js';
import type { RecordName } from './store.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

/** The provider with the current keys. */
export interface Running {
  readonly provider: Provider;
  readonly answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** ID of the keys. */
  readonly keySet: string;
}

/** Forms of ours that oidc-provider handles. The login page checks its own. */
const ownForms: ReadonlySet<string> = new Set([routes.code_verification, `${routes.end_session}/confirm`]);

export function routerOf(
  shared: Shared,
  logins: Logins,
  interactions: Interactions,
  running: () => Running,
  isClosed: () => boolean,
): Router {
  const { oidc, settings, login, cookies, keyring } = shared;
  const { issuerURL, log } = settings;
  const basePath = new URL(issuerURL).pathname.replace(/\/$/, '');
  const requestedBy = postedRequests(shared);

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
    const requested = await requestedBy(req, route.url);
    if ('refusal' in requested) return sendPage(res, requested.refusal);
    if ('redirect' in requested) {
      return void res.writeHead(303, { location: issuerURL + requested.redirect }).end();
    }
    const [path = '', query = ''] = requested.url.split('?', 2);
    if (req.method === 'POST' && ownForms.has(path) && !isFromOwnPage(req, issuerURL)) {
      return sendPage(res, foreignFormPage());
    }
    if (path === routes.jwks) await keyring.refresh();
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
    if (isClosed()) {
      return sendPage(res, failedPage(503, 'This service is being stopped. Please try again in a moment.'));
    }
    serve(route, req, res).catch((error: unknown) => {
      const isClients = error instanceof oidc.errors.OIDCProviderError && error.status < 500;
      if (!isClients) log('failed', { error });
      if (res.headersSent) res.destroy();
      else if (isClients) sendPage(res, clientErrorPage(400, error.error, error.error_description));
      else sendPage(res, ownFailurePage(error));
    });
  };
}

/** Endpoints that also accept POST: OpenID Connect Core, section 3.1.2.1; RP-Initiated Logout, section 2. */
const postable: ReadonlySet<string> = new Set([routes.authorization, routes.end_session]);

const form = 'application/x-www-form-urlencoded';
const tooLong = clientErrorPage(414, 'invalid_request', `longer than ${limits.request} characters`);
const noForm = clientErrorPage(415, 'invalid_request', 'what is posted has to be a form');

/** Time for one redirect. Milliseconds. */
const postedTtlMs = 60 * 1000;

/** The path and query that a request is for, the ones to redirect to first, or the page that refuses the request. */
type Requested = { readonly url: string } | { readonly redirect: string } | { readonly refusal: Page };

/**
 * Reads a request as its client has made it, by GET or by POST. A posted one is redirected to a URL by GET: browsers send no
 * `SameSite=Lax` cookies with a POST from another site, so the session would be missing. One with an ID token is stored: the
 * token has the claims of a person, and URLs are in histories and logs.
 * @throws MastodonError `store_failed`
 */
function postedRequests({ store, address }: Shared) {
  const nameOf = (path: string, key: string): RecordName => ['posted', path, key];
  const pending = new PendingRecords((key) => {
    for (const path of postable) void store.delete(nameOf(path, key));
  });

  async function posted(
    req: IncomingMessage & { readonly body?: unknown },
    path: string,
  ): Promise<Requested> {
    const { 'content-type': type = form } = req.headers;
    if (Object(req.body) !== req.body && !type.toLowerCase().startsWith(form)) return { refusal: noForm };
    const fields = await readFields(req, limits.request);
    const query = String(fields);
    if (!fields || path.length + 1 + query.length > limits.request) return { refusal: tooLong };
    if (![...fields.keys()].some((name) => name.includes('id_token_hint')))
      return { redirect: `${path}?${query}` };
    const id = randomToken();
    await store.set(nameOf(path, id), { query }, postedTtlMs);
    const client = fields.get('client_id') ?? '';
    pending.add({ id, client, address: address(), size: query.length, until: Date.now() + postedTtlMs });
    return { redirect: `${path}?posted=${id}` };
  }

  return async (req: IncomingMessage, url: string): Promise<Requested> => {
    const [path = '', query = ''] = url.split('?', 2);
    if (postable.has(path) && req.method === 'POST') return posted(req, path);
    if (url.length > limits.request) return { refusal: tooLong };
    const [, key] = /^posted=([\w-]{43})$/.exec(query) ?? [];
    if (key === undefined || !postable.has(path)) return { url };
    const kept = await store.get<{ query: string }>(nameOf(path, key));
    return kept === undefined ? { refusal: goneRequestPage() } : { url: `${path}?${kept.query}` };
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
