/** The router: checks a request, and passes it to oidc-provider or to the pages of a login. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFromOwnPage, readFields } from '../pages/form.js';
import { sendPage, type Page } from '../pages/page.js';
import { pageRouter, type Route, type Router } from '../pages/router.js';
import { decrypt, encrypt } from '../util/crypto.js';
import type { Interactions } from './interactions.js';
import { limits } from './limits.js';
import type { IssuerLogins } from './logins.js';
import { routes, type Provider } from './oidc-provider.js';
import { clientErrorPage, closedPage, expiredPage, failedLoginPage, foreignFormPage } from './pages.js';
import type { Shared } from './shared.js';

/** The provider with the current keys. */
export interface Running {
  readonly provider: Provider;
  readonly answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** ID of the keys. */
  readonly keySet: string;
}

const wellKnown = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

const openidPaths: ReadonlySet<string> = new Set([
  ...Object.values(routes),
  ...wellKnown,
  `${routes.end_session}/confirm`,
  `${routes.end_session}/success`,
]);

/** Forms of ours that oidc-provider handles. The login page checks its own. */
const ownForms: ReadonlySet<string> = new Set([routes.code_verification, `${routes.end_session}/confirm`]);

export function routerOf(
  shared: Shared,
  logins: IssuerLogins,
  interactions: Interactions,
  running: () => Running,
  isClosed: () => boolean,
): Router {
  const { oidc, settings, login, cookies, keyring } = shared;
  const { issuerURL, log } = settings;
  const basePath = new URL(issuerURL).pathname.replace(/\/$/, '');

  /** @param uid set for the end of an authorization request */
  const endpoint = (path: string, query: string, uid?: string): Route => ({
    isForVisitors:
      /^\/(?:authorize|device|logout)(?:\/|$)/.test(path) && path !== routes.device_authorization,
    async serve(req, res) {
      if (uid !== undefined && !(await interactions.bindingOf(uid, cookies.browserKey(req)))) {
        return sendPage(res, expiredPage);
      }
      const requested = await requestedBy(shared, req, path, query);
      if ('refusal' in requested) return sendPage(res, requested.refusal);
      if ('redirect' in requested) {
        return void res.writeHead(303, { location: issuerURL + requested.redirect }).end();
      }
      if (req.method === 'POST' && ownForms.has(path) && !isFromOwnPage(req, issuerURL)) {
        return sendPage(res, foreignFormPage);
      }
      if (path === routes.jwks) await keyring.refresh();
      await running().answer(published(req, path + requested.query, basePath, issuerURL), res);
    },
  });

  return pageRouter({
    publicURL: issuerURL,
    login,
    find(path, query) {
      if (openidPaths.has(path)) return endpoint(path, query);
      const [, name, uid] = /^\/(login|authorize|device)\/([\w-]{1,64})$/.exec(path) ?? [];
      if (uid === undefined) return undefined;
      if (name !== 'login') return endpoint(path, query, uid);
      return { isForVisitors: true, serve: (req, res) => logins.page(req, res, uid) };
    },
    // RFC 8414, section 3.1: the well-known part comes before the issuer's path.
    findOutside(path) {
      const document = wellKnown.find((known) => basePath !== '' && path === known + basePath);
      return document === undefined ? undefined : endpoint(document, '');
    },
    callback: (req, res, response) => logins.callback(req, res, response),
    closedPage: () => (isClosed() ? closedPage : undefined),
    failure(error) {
      if (error instanceof oidc.errors.OIDCProviderError && error.status < 500) {
        return clientErrorPage(400, error.error, error.error_description);
      }
      log('failed', { error });
      return failedLoginPage(error);
    },
  });
}

/** Endpoints that also accept POST: OpenID Connect Core, section 3.1.2.1; RP-Initiated Logout, section 2. */
const postable: ReadonlySet<string> = new Set([routes.authorization, routes.end_session]);

const form = 'application/x-www-form-urlencoded';
const tooLong = clientErrorPage(414, 'invalid_request', `longer than ${limits.request} characters`);
const noForm = clientErrorPage(415, 'invalid_request', 'what is posted has to be a form');

/** Time for one redirect. Milliseconds. */
const postedTtlMs = 60 * 1000;

/** The query that a request is for, the path and query to redirect to first, or the page that refuses the request. */
type Requested = { readonly query: string } | { readonly redirect: string } | { readonly refusal: Page };

/**
 * Reads a request as its client has made it, by GET or by POST. A posted one is redirected to a URL by GET: browsers send no
 * `SameSite=Lax` cookies with a POST from another site, so the session would be missing. The query is encrypted: an ID token
 * has the claims of a person, and URLs are in histories and logs.
 */
async function requestedBy(
  { keyring }: Shared,
  req: IncomingMessage & { readonly body?: unknown },
  path: string,
  query: string,
): Promise<Requested> {
  const keys = keyring.current().cookieKeys;
  const purpose = `posted to ${path}`;
  if (path.length + query.length > limits.request) return { refusal: tooLong };
  if (!postable.has(path)) return { query };
  if (req.method !== 'POST') {
    const [, encrypted] = /^\?posted=([\w-]+)$/.exec(query) ?? [];
    if (encrypted === undefined) return { query };
    const [posted] = keys.flatMap((key) => decrypt(key, purpose, encrypted) ?? []);
    const [, until = 0, fields = ''] = /^(\d+) (.*)$/s.exec(posted ?? '') ?? [];
    return Number(until) > Date.now() ? { query: `?${fields}` } : { refusal: expiredPage };
  }
  const { 'content-type': type = form } = req.headers;
  if (Object(req.body) !== req.body && !type.toLowerCase().startsWith(form)) return { refusal: noForm };
  const fields = await readFields(req, limits.request);
  if (!fields) return { refusal: tooLong };
  const text = `${Date.now() + postedTtlMs} ${String(fields)}`;
  const redirect = `${path}?posted=${encrypt(keys[0] ?? '', purpose, text)}`;
  return redirect.length > limits.request ? { refusal: tooLong } : { redirect };
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
