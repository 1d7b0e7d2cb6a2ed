/** `createLogin`: the door of sites that speak `Request` and `Response`, with a cookie in place of a session. */

import { MastodonError } from '../errors.js';
import { allKeys } from '../login/browser-keys.js';
import { crossSiteStart } from '../login/cross-site.js';
import { MastodonLogin, type Finished } from '../login/login.js';
import type { Tokens } from '../login/token.js';
import type { BeginOptions } from '../options.js';
import { BrowserCookie, rotated, withCurrent } from './browser-cookie.js';
import { WebHints } from './hints.js';
import { readWebOptions, webChecks, type WebLoginOptions } from './options.js';
import { typedInstance } from './typed-instance.js';

/** What may be said of one login as it begins. */
export interface WebBeginOptions extends BeginOptions {
  /**
   * Where the account lives, as it was typed. Default: the request's field `instance`, from a form, JSON or the query; its
   * body is read then, and can be read by nobody else.
   */
  instance?: unknown;
}

/** Who came back, and what the answer to them has to carry. */
export interface FinishedLogin extends Finished {
  /** What the response has to carry along: the cookie. The site may add to it. */
  readonly headers: Headers;
}

/** Its functions can be passed on by themselves. */
export interface WebLogin {
  /**
   * A redirect (302) to the visitor's instance, with the cookie that binds the login to this browser.
   * @throws MastodonError
   */
  readonly begin: (request: Request, options?: WebBeginOptions) => Promise<Response>;
  /**
   * Who came back. Of the request's URL only path and query are read, so a proxy may change the rest of it.
   * @throws MastodonError; its `state` is the application's, where the login is known
   */
  readonly finish: (request: Request) => Promise<FinishedLogin>;
  /** What servers are told that ask at `clientMetadataURL` what this site is; 404 for anything else. Nothing secret is in it. */
  readonly clientMetadata: (request: Request) => Response;
  /**
   * New tokens for a refresh token, where the instance gives those (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` when the person has to log in again
   */
  readonly refresh: (origin: string, refreshToken: string) => Promise<Tokens>;
  /**
   * Ends an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or what kept the instance from confirming it
   */
  readonly revoke: (origin: string, accessToken: string) => Promise<void>;
}

/**
 * The login of a site that speaks `Request` and `Response`. Make it once, where every route can import it.
 * @throws TypeError that names the option at fault
 */
export function createLogin(options: WebLoginOptions): WebLogin {
  const { cookieName, allowCrossSiteStart } = readWebOptions(options);
  const login = new MastodonLogin(options, webChecks);
  const cookie = new BrowserCookie(cookieName, login.callbackURL);
  const hints = new WebHints(login.callbackURL, options.store !== undefined);
  const typedIn = (request: Request) => {
    const wasRead = request.bodyUsed;
    return typedInstance(request).catch((error: unknown) => {
      if (!(error instanceof MastodonError)) throw error;
      if (error.code === 'instance_missing') hints.missesField(request, wasRead);
      throw login.refused(error);
    });
  };
  return {
    async begin(request, { instance, ...beginOptions } = {}) {
      assertRequest(request, 'begin');
      hints.isGiven(request, beginOptions);
      const crossSite = crossSiteStart(request.headers.get('sec-fetch-site'));
      if (crossSite && !allowCrossSiteStart) throw login.refused(crossSite);
      const known = cookie.read(request.headers);
      const keys = withCurrent(known);
      const typed = instance === undefined ? await typedIn(request) : instance;
      try {
        const { redirect } = await login.begin(typed, allKeys(keys), beginOptions, {
          isNew: allKeys(known).length === 0,
        });
        hints.begins(request, keys);
        const headers = { Location: redirect, 'Set-Cookie': cookie.write(keys), 'Cache-Control': 'no-store' };
        return new Response(null, { status: 302, headers });
      } catch (error) {
        hints.refused(error);
        throw error;
      }
    },
    async finish(request) {
      assertRequest(request, 'finish');
      const keys = cookie.read(request.headers);
      hints.answers(request, keys);
      const finished = await login.finish(request.url, allKeys(keys)).catch((error: unknown) => {
        hints.unfinished(request, error);
        throw error;
      });
      hints.finished(keys);
      return { ...finished, headers: new Headers({ 'Set-Cookie': cookie.write(rotated(keys)) }) };
    },
    clientMetadata(request) {
      assertRequest(request, 'clientMetadata');
      const { status, headers, body } = login.clientMetadata.answer(request.method, request.url);
      return new Response(body === '' ? null : body, { status, headers: { ...headers } });
    },
    refresh: (origin, refreshToken) => login.refresh(origin, refreshToken),
    revoke: (origin, accessToken) => login.revoke(origin, accessToken),
  };
}

/** Node's own request, and those of Express and Fastify, look alike and are another thing. */
function assertRequest(request: Request, method: string): void {
  if (typeof request?.headers?.get === 'function' && typeof request.url === 'string') return;
  throw new TypeError(`createLogin: ${method} takes a Request, as fetch knows it (in Hono it is c.req.raw)`);
}
