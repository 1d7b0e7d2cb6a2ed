/** `MastodonStrategy`: the Passport strategy for all instances. It begins and finishes logins. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../client/metadata-document.js';
import { MastodonError } from '../errors.js';
import {
  callbackPaths,
  isCallback,
  targetOf,
  type CallbackPaths,
  type Target,
} from '../login/authorization.js';
import { browserRequest, crossSiteStart, isOtherBrowser, prefetchRefusal } from '../login/browser.js';
import type { Tokens } from '../login/exchange.js';
import { MastodonLogin, type Browser } from '../login/login.js';
import { digest } from '../util/crypto.js';
import { missingField } from './missing-field.js';
import {
  readStrategyOptions,
  strategyChecks,
  type MastodonAuthenticateOptions,
  type MastodonStrategyOptions,
  type StateStore,
  type StrategySettings,
} from './options.js';
import { OAuth2Strategy, type AnyOAuth2Strategy, type Request } from './passport.js';
import { loginsIn, readSession, retireKey, sessionKeysToBegin, warnOfSession } from './session.js';
import {
  callVerify,
  checkVerify,
  thrownText,
  type AnyVerifyFunction,
  type VerifyFunction,
  type VerifyFunctionWithParams,
  type VerifyFunctionWithRequest,
  type VerifyFunctionWithRequestAndParams,
} from './verify.js';

type OptionsWithRequest = MastodonStrategyOptions & { passReqToCallback: true };
type OptionsWithoutRequest = MastodonStrategyOptions & { passReqToCallback?: false | undefined };

/**
 * A Passport strategy that logs in at any instance.
 *
 * It extends passport-oauth2 and supports its hooks `authorizationParams` and `tokenParams`. It replaces
 * `authenticate`, because the base class has one server per strategy, reads `error` before `state`, and has no time and
 * size limits for requests.
 */
export class MastodonStrategy extends OAuth2Strategy {
  override name = 'mastodon';
  // Passport creates an object per request with this strategy as its prototype. #private fields do not work on such an
  // object. Immutable after construction.
  private readonly login: MastodonLogin;
  private readonly site: Site;
  /**
   * Serves the client metadata at `clientMetadataURL`. Use it as a route (`app.get('/auth/mastodon/client/:instance',
   * strategy.clientMetadata)`), or with the request and response of Node.js in any framework. The response contains no
   * secret.
   */
  readonly clientMetadata: (req: IncomingMessage, res: ServerResponse, next?: Next) => void;

  /** @throws TypeError that names the option at fault, or for a verify function with wrong parameters */
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequest);
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequestAndParams);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunction);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunctionWithParams);
  constructor(options: MastodonStrategyOptions, verify: AnyVerifyFunction) {
    const settings = readStrategyOptions(options);
    const login = new MastodonLogin(options, strategyChecks);
    checkVerify(verify, options.passReqToCallback === true);
    // The base class requires these URLs. They are never requested.
    const unused = { authorizationURL: 'https://instance.invalid', tokenURL: 'https://instance.invalid' };
    super({ ...unused, clientID: 'registered-per-instance', clientSecret: '' }, () => undefined);
    this.login = login;
    this.site = {
      ...{ login, settings, verify },
      callbackPaths: callbackPaths(login.callbackURL),
      finished: new Map(),
    };
    this.clientMetadata = (req, res, next) => login.clientMetadata.serve(req, res, next);
  }

  /** Handles the start of a login, or an authorization response. Passport calls it. */
  override authenticate(req: Request, options: MastodonAuthenticateOptions = {}): void {
    // With `passport.authenticate(strategy)` one object serves all requests, and Passport replaces these members. So
    // they are read before the first await.
    const { success, fail, redirect, error } = this as unknown as Actions;
    void handle(this.site, this, req, options, { success, fail, redirect, error });
  }

  /**
   * Refreshes tokens, at servers that issue refresh tokens (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` if the user has to log in again
   */
  refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.login.refresh(origin, refreshToken);
  }

  /**
   * Revokes an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or the reason why the instance did not confirm the revocation
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.login.revoke(origin, accessToken);
  }
}

/** What all requests of a strategy share. */
interface Site {
  readonly login: MastodonLogin;
  readonly settings: StrategySettings;
  readonly verify: AnyVerifyFunction;
  readonly callbackPaths: CallbackPaths;
  /** Logins that were finished just now, by the response's state and the browser's cookies. */
  readonly finished: Map<string, Outcome>;
}

/** The actions of Passport that this file uses. `pass` is not used. */
interface Actions {
  success(user: object, info: object): void;
  fail(challenge: object | undefined, status: number | undefined): void;
  redirect(url: string, status: number): void;
  error(error: unknown): void;
}

/** The result of a request: exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string; readonly status: number }
  | { readonly user: object; readonly info: object }
  | { readonly challenge: object | undefined; readonly status: number | undefined };

/** Parameters that the application adds by a hook of passport-oauth2. */
type ExtraParams = Readonly<Record<string, string>>;

/** Begins or finishes a login, and ends the request with exactly one of Passport's actions. */
async function handle(
  site: Site,
  strategy: Pick<AnyOAuth2Strategy, 'authorizationParams' | 'tokenParams'>,
  req: Request,
  options: MastodonAuthenticateOptions,
  actions: Actions,
): Promise<void> {
  try {
    const prefetch = prefetchRefusal(browserRequest(req));
    if (prefetch) {
      const { status, headers = {} } = site.login.refused(prefetch);
      const { res } = req as { res?: Partial<ServerResponse> };
      for (const [name, value] of Object.entries(headers)) res?.setHeader?.(name, value);
      // Only the action `redirect` sends the status itself. `fail` would redirect and write a message into the session.
      // `error` may be answered with 500. Browsers ignore `Location` without a redirection status (RFC 9110, section
      // 10.2.2).
      return actions.redirect.call(strategy, '', status);
    }
    const target = targetOf(req.originalUrl ?? req.url ?? '/');
    // Behind a proxy that changes the path, the route parameter distinguishes a callback from a start.
    const { params } = req as { params?: { instance?: unknown } | null };
    const isCallbackRoute = options.instance === undefined && params?.instance !== undefined;
    const isResponse = isCallbackRoute || isCallback(target, site.callbackPaths);

    const hook = isResponse ? 'tokenParams' : 'authorizationParams';
    const extra = strategy[hook](options) as ExtraParams | null;
    // passport-oauth2 reads the members of what a hook returns. A promise has none, so the parameters would be missing.
    if (typeof extra !== 'object' || extra === null || 'then' in extra) {
      const what = extra instanceof Object ? 'a promise: it cannot be async' : String(extra);
      throw new TypeError(`MastodonStrategy: ${hook} must return an object, and has returned ${what}`);
    }
    const outcome = await (
      isResponse ? finish(site, req, target, extra) : begin(site, req, target, options, extra)
    ).catch(failureOutcome);
    if ('redirect' in outcome) actions.redirect.call(strategy, outcome.redirect, outcome.status);
    else if ('user' in outcome) actions.success.call(strategy, outcome.user, outcome.info);
    else actions.fail.call(strategy, outcome.challenge, outcome.status);
  } catch (thrown) {
    // Errors for the operator, and errors that a callback of the application throws. Express continues with the next
    // handler, as after a login, where `next` receives no error or the text "route".
    const isError = typeof thrown === 'object' && thrown !== null;
    const what = 'MastodonStrategy: a function of the application threw a value that is no error';
    try {
      actions.error.call(strategy, isError ? thrown : new Error(what, { cause: thrown }));
    } catch (again) {
      process.emitWarning(`MastodonStrategy: ${thrownText(again)}`);
    }
  }
}

async function begin(
  { login, settings }: Site,
  req: Request,
  target: Target,
  options: MastodonAuthenticateOptions,
  authorization: ExtraParams,
): Promise<Outcome> {
  const { stateStore, allowCrossSiteStart, instanceField } = settings;
  const crossSite = crossSiteStart(browserRequest(req), login.callbackURL);
  if (crossSite && !allowCrossSiteStart) throw login.refused(crossSite);

  type Fields = Readonly<Record<string, unknown>> | null;
  const parsed = req as { body?: Fields; query?: Fields };
  const inURL = target.searchParams.getAll(instanceField);
  const typed =
    options.instance ??
    parsed.body?.[instanceField] ??
    // In Express 5, `query` is a getter that parses the URL at each access.
    (Object.hasOwn(req, 'query') ? parsed.query?.[instanceField] : inURL.length > 1 ? inURL : inURL[0]);
  if (typed === undefined) throw login.refused(missingField(req, instanceField));

  const browser = stateStore ? loginsIn(stateStore, req) : await sessionKeysToBegin(req, login);
  const { redirect } = await login.begin(typed, browser, options, { authorization });
  if (!stateStore) warnOfSession(req, false);
  return { redirect, status: 302 };
}

/** For how long after a login its response may be repeated. Milliseconds. */
const repeatMs = 5000;

/**
 * More logins at the same time are not remembered. An application may take the profile for the user, and an instance can
 * make a profile of 3 MB.
 */
const maxRemembered = 100;

async function finish(
  { login, settings, verify, finished }: Site,
  req: Request,
  target: Target,
  token: ExtraParams,
): Promise<Outcome> {
  const { stateStore, passRequest, revokeToken } = settings;
  // A browser may send an authorization response twice, the second time with the cookies of before the login: after a
  // second press of a button, or a reload. If the second request failed, the session of that failure (`failureMessage`)
  // would replace the session of the login, and the visitor would be logged out. So the same response with the same
  // `Cookie` header gets the result of the finished login again, from the same process and for a few seconds. Two requests
  // at the same moment do not share a result: one of them is the login.
  const states = target.searchParams.getAll('state');
  const { cookie } = req.headers;
  // A site with a stateStore may recognise browsers by other means than cookies.
  const isRepeatable = !stateStore && Boolean(cookie) && states.length === 1;
  const repeatKey = isRepeatable ? digest(JSON.stringify([states[0], cookie])) : '';
  const first = finished.get(repeatKey);
  if (first !== undefined) return first;

  const session = stateStore ? undefined : readSession(req);
  const browser: Browser = session?.all ?? loginsIn(stateStore as StateStore, req);
  const result = await login.finishWithScope(target, browser, { token }).catch((error: unknown) => {
    const isWithoutKeys = session?.stored === undefined && session?.former.length === 0;
    if (isWithoutKeys && isOtherBrowser(error)) warnOfSession(req, true);
    throw error;
  });
  if (session) retireKey(session);
  try {
    const { user, info } = await callVerify(verify, req, passRequest, result);
    if (!user) return { challenge: info, status: undefined };
    const { state } = result;
    const outcome = { user, info: { ...info, ...(state !== undefined && { state }) } };
    if (isRepeatable && finished.size < maxRemembered) {
      finished.set(repeatKey, outcome);
      setTimeout(() => finished.delete(repeatKey), repeatMs).unref();
    }
    return outcome;
  } finally {
    if (revokeToken) result.revoke();
  }
}

/** Failures that the visitor can correct use `fail`. Others use `error`. */
function failureOutcome(thrown: unknown): Outcome {
  if (!(thrown instanceof MastodonError) || thrown.code === 'store_failed') throw thrown;
  const { code, message, instance, reason, status } = thrown;
  const challenge = {
    ...{ code, message },
    ...(instance !== undefined && { instance }),
    ...(reason !== undefined && { reason }),
  };
  // For the operator's logs. Not enumerable.
  Object.defineProperty(challenge, 'cause', { value: thrown.cause });
  return { challenge, status };
}
