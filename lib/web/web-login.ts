/** `createLogin`: the adapter for `Request` and `Response`, with a cookie instead of a session. */

import { MastodonError } from '../errors.js';
import {
  browserRequest,
  crossSiteStart,
  isOtherBrowser,
  keysToBegin,
  prefetchRefusal,
} from '../login/browser.js';
import { MastodonLogin, type Finished } from '../login/login.js';
import type { Tokens } from '../login/exchange.js';
import type { BeginOptions } from '../options.js';
import { isDevelopment, warnOnce } from '../events.js';
import { parsedURL } from '../util/url.js';
import { BrowserCookie } from './browser-cookie.js';
import { readWebOptions, webChecks, type WebLoginOptions } from './options.js';
import { typedInstance } from './typed-instance.js';

/** Options of one login. */
export interface WebBeginOptions extends BeginOptions {
  /**
   * The visitor's server, as typed. Default: the field `instance` of the request, from a form, JSON or the query.
   * Reading the default consumes the request's body.
   */
  instance?: unknown;
}

/** The result of a login. */
export interface FinishedLogin extends Finished {
  /**
   * Headers that delete the cookie of the login. Optional: the cookie cannot begin another login, and expires within an
   * hour. Pending logins in other tabs need it.
   */
  readonly headers: Headers;
}

/** The result of `createLogin`. The functions can be used without the object. */
export interface WebLogin {
  /**
   * Begins a login: a redirect (302) to the visitor's instance, with the cookie that binds the login to the browser.
   * @throws MastodonError
   */
  readonly begin: (request: Request, options?: WebBeginOptions) => Promise<Response>;
  /**
   * Finishes a login: returns the profile and the tokens. Only path and query of the request's URL are read, so a proxy
   * may change the rest.
   * @throws MastodonError; its `state` is that of the application, if the login was found
   */
  readonly finish: (request: Request) => Promise<FinishedLogin>;
  /**
   * Serves the client metadata at `clientMetadataURL`, and answers 404 to other requests. The response contains no
   * secret.
   */
  readonly clientMetadata: (request: Request) => Promise<Response>;
  /**
   * Refreshes tokens, at servers that issue refresh tokens (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` if the user has to log in again
   */
  readonly refresh: (origin: string, refreshToken: string) => Promise<Tokens>;
  /**
   * Revokes an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or the reason why the instance did not confirm the revocation
   */
  readonly revoke: (origin: string, accessToken: string) => Promise<void>;
}

/**
 * Creates the login of a site for `Request` and `Response`. Call it once, in a module that all routes import.
 * @throws TypeError that names the option at fault
 * @example
 * const login = createLogin({ clientName: 'Example', callbackURL: 'https://example.com/login/callback' });
 */
export function createLogin(options: WebLoginOptions): WebLogin {
  const { cookieName, allowCrossSiteStart } = readWebOptions(options);
  const login = new MastodonLogin(options, webChecks);
  const cookie = new BrowserCookie(cookieName, login.callbackURL);

  const assertAllowed = (refusal: MastodonError | undefined) => {
    if (refusal) throw login.refused(refusal);
  };
  return {
    async begin(request, { instance, ...beginOptions } = {}) {
      assertRequest(request, 'begin');
      const browser = browserRequest(request);
      assertAllowed(prefetchRefusal(browser));
      const host = request.headers.get('host') ?? parsedURL(request.url)?.host;
      const crossSite = crossSiteStart(browser, login.callbackURL, host);
      if (!allowCrossSiteStart) assertAllowed(crossSite);
      const typed =
        instance !== undefined
          ? instance
          : await typedInstance(request, login.timeoutMs).catch((error: unknown) => {
              throw error instanceof MastodonError ? login.refused(error) : error;
            });
      const keys = await keysToBegin(cookie.read(request.headers), login);
      const { redirect } = await login.begin(typed, keys.all, beginOptions);
      const headers = { Location: redirect, 'Set-Cookie': cookie.write(keys), 'Cache-Control': 'no-store' };
      return new Response(null, { status: 302, headers });
    },
    async finish(request) {
      assertRequest(request, 'finish');
      assertAllowed(prefetchRefusal(browserRequest(request)));
      const { all: keys } = cookie.read(request.headers);
      const finished = await login.finish(request.url, keys).catch((error: unknown) => {
        if (keys.length === 0 && isOtherBrowser(error) && isDevelopment())
          warnOfLostCookie(request, login.callbackURL);
        throw error;
      });
      return { ...finished, headers: new Headers({ 'Set-Cookie': cookie.remove() }) };
    },
    async clientMetadata(request) {
      assertRequest(request, 'clientMetadata');
      const { status, headers, body } = await login.clientMetadata.answer(request.method, request.url);
      return new Response(body === '' ? null : body, { status, headers: { ...headers } });
    },
    refresh: (origin, refreshToken) => login.refresh(origin, refreshToken),
    revoke: (origin, accessToken) => login.revoke(origin, accessToken),
  };
}

/** Warns that a pending login has the state, but the request has no cookie that began it. */
function warnOfLostCookie({ url }: Request, callbackURL: string): void {
  const isByHTTP = callbackURL.startsWith('https:') && /^http:/i.test(url);
  warnOnce(
    'MASTODON_NO_COOKIE',
    'createLogin: an authorization response came without the cookie of its login. Give the visitor the Response of begin() as ' +
      'it is: a redirect made of its Location alone has no cookie. Begin the login at the host name of callbackURL' +
      (isByHTTP ? `, over https: browsers keep no cookie of ${callbackURL} otherwise` : ''),
  );
}

/** Refuses requests of Node.js, Express and Fastify, which look similar. */
function assertRequest(request: Request, method: string): void {
  if (typeof request?.headers?.get === 'function' && typeof request.url === 'string') return;
  throw new TypeError(`createLogin: ${method} takes a Request, as fetch knows it (in Hono it is c.req.raw)`);
}
