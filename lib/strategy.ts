/** `MastodonStrategy`: the Passport door to the login, with its session, its verify function and Passport's actions. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError } from './errors.js';
import { Hints } from './hints.js';
import type { BrowserLogins } from './login/begun-logins.js';
import { answerURL, callbackPath, isCallback } from './login/callback.js';
import type { Next } from './login/client-document.js';
import { crossSiteStart } from './login/cross-site.js';
import { MastodonLogin, type Browser, type Finished } from './login/login.js';
import type { Tokens } from './login/token.js';
import { OAuth2Strategy, type Request } from './passport.js';
import {
  readStrategyOptions,
  strategyChecks,
  type MastodonAuthenticateOptions,
  type MastodonStrategyOptions,
  type StateStore,
  type StrategySettings,
} from './strategy-options.js';
import { browserKeys, browserKeysOrNew, retireKey } from './session.js';
import {
  callVerify,
  type AnyVerifyFunction,
  type Verified,
  type VerifyFunction,
  type VerifyFunctionWithParams,
  type VerifyFunctionWithRequest,
  type VerifyFunctionWithRequestAndParams,
} from './verify.js';
import { checkVerify } from './verify-shape.js';

type OptionsWithRequest = MastodonStrategyOptions & { passReqToCallback: true };
type OptionsWithoutRequest = MastodonStrategyOptions & { passReqToCallback?: false | undefined };

/** How a request ends; exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string }
  | { readonly user: object; readonly info: object }
  | { readonly challenge: object | undefined; readonly status: number | undefined };

/**
 * "Log in with Mastodon" for any instance.
 *
 * It is a passport-oauth2 strategy by inheritance and by its hooks `authorizationParams` and `tokenParams`. The
 * two phases are its own: the base class has one server per strategy, reads `error` before `state`, and its
 * transport has neither time nor size limits.
 */
export class MastodonStrategy extends OAuth2Strategy {
  override name = 'mastodon';
  // Passport makes an object per request with this one as its prototype, on which #private fields would not
  // be found. Nothing here changes after construction.
  private readonly settings: StrategySettings;
  private readonly verifyFunction: AnyVerifyFunction;
  private readonly login: MastodonLogin;
  private readonly hints: Hints;
  private readonly callbackPath: string;
  /**
   * Answers servers that ask at `clientURL` what this site is. As a route (`app.get('/auth/mastodon/client/:instance',
   * strategy.clientDocument)`), or with Node's own request and response in any framework. Nothing secret is in it.
   */
  readonly clientDocument: (req: IncomingMessage, res: ServerResponse, next?: Next) => void;

  /** @throws TypeError that names the option at fault, or a verify function of another shape */
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequest);
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequestAndParams);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunction);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunctionWithParams);
  constructor(options: MastodonStrategyOptions, verify: AnyVerifyFunction) {
    const settings = readStrategyOptions(options);
    const login = new MastodonLogin(options, strategyChecks);
    checkVerify(verify, options.passReqToCallback === true);
    // The base class wants the one server that it was made for; no request of ours uses these.
    const unused = { authorizationURL: 'https://instance.invalid', tokenURL: 'https://instance.invalid' };
    super({ ...unused, clientID: 'registered-per-instance', clientSecret: '' }, () => undefined);
    this.settings = settings;
    this.verifyFunction = verify;
    this.login = login;
    this.hints = new Hints(login.callbackURL, settings.instanceField);
    this.callbackPath = callbackPath(login.callbackURL);
    this.clientDocument = (req, res, next) => login.clientDocument.serve(req, res, next);
  }

  /** Passport calls it: for the start of a login, and for the answer to one. */
  override authenticate(req: Request, options: MastodonAuthenticateOptions = {}): void {
    // With `passport.authenticate(strategy)` one object serves all requests and these change under us: they
    // are taken before the first await.
    const { success, fail, redirect, error } = this as unknown as Actions;
    void this.conclude(req, options, { success, fail, redirect, error });
  }

  /**
   * A new access token for a refresh token, where the instance gives those (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` when the person has to log in again
   */
  refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.login.refresh(origin, refreshToken);
  }

  /**
   * Ends an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError when the instance did not confirm it
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.login.revoke(origin, accessToken);
  }

  /** Ends the request by exactly one of Passport's actions, whatever happens. */
  private async conclude(
    req: Request,
    options: MastodonAuthenticateOptions,
    actions: Actions,
  ): Promise<void> {
    try {
      const outcome = await this.attempt(req, options);
      if ('redirect' in outcome) actions.redirect.call(this, outcome.redirect, 302);
      else if ('user' in outcome) actions.success.call(this, outcome.user, outcome.info);
      else actions.fail.call(this, outcome.challenge, outcome.status);
    } catch (thrown) {
      // What only the operator can put right, and what an application's callback throws.
      try {
        actions.error.call(this, thrown);
      } catch (again) {
        process.emitWarning(`MastodonStrategy: ${String(again)}`);
      }
    }
  }

  private async attempt(req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    try {
      return await this.run(req, options);
    } catch (thrown) {
      this.hints.refused(thrown);
      return failureOf(thrown);
    }
  }

  private run(req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const answer = answerURL(req.originalUrl ?? req.url ?? '/');
    // Behind a proxy that changes paths, the route's own parameter still tells the callback from a start.
    const { params } = req as { params?: unknown };
    const isCallbackRoute = options.instance === undefined && ownValue(params, 'instance') !== undefined;
    return isCallbackRoute || isCallback(answer, this.callbackPath)
      ? this.finish(req, answer, options)
      : this.begin(req, answer, options);
  }

  private async begin(req: Request, address: URL, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const { stateStore, allowCrossSiteStart } = this.settings;
    const crossSite = crossSiteStart(req.headers['sec-fetch-site']);
    if (crossSite && !allowCrossSiteStart) throw this.login.refused(crossSite);
    const typed = options.instance ?? this.typedInstance(req, address);
    if (typed === undefined) throw this.login.refused(this.nothingTyped(req));
    const browser = stateStore ? loginsIn(stateStore, req) : browserKeysOrNew(req);
    const authorization = this.authorizationParams(options) as Record<string, string>;
    const { redirect } = await this.login.begin(typed, browser, options, { authorization });
    this.hints.begins(req, 'take' in browser ? undefined : browser[0]);
    return { redirect };
  }

  private async finish(req: Request, answer: URL, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const { stateStore, passRequest, revokeToken } = this.settings;
    const browser: Browser = stateStore ? loginsIn(stateStore, req) : browserKeys(req);
    this.hints.answers(req, 'take' in browser || browser.length > 0);
    const token = this.tokenParams(options) as Record<string, string>;
    const finished = await this.login.finishWithScope(answer, browser, { token });
    if (!stateStore) retireKey(req);
    try {
      const verified = await callVerify(this.verifyFunction, req, passRequest, finished);
      this.hints.verified(verified.user);
      return outcomeOf(verified, finished);
    } finally {
      if (revokeToken) finished.revoke();
    }
  }

  private typedInstance(req: IncomingMessage, address: URL): unknown {
    const field = this.settings.instanceField;
    const { body } = req as { body?: unknown };
    return ownValue(body, field) ?? queryValue(req, address, field);
  }

  /** To the person it is an empty field; to whoever builds the site it is mostly a parser that is missing. */
  private nothingTyped(req: IncomingMessage): MastodonError {
    this.hints.missesField(req);
    const { body } = req as { body?: unknown };
    const isSent = req.method !== 'GET' && req.method !== 'HEAD';
    const cause =
      isSent && body === undefined
        ? 'req.body is undefined: app.use(express.urlencoded()) has to come first (express.json() for JSON)'
        : `neither body nor query have a field "${this.settings.instanceField}"`;
    return new MastodonError('instance_missing', { cause: new Error(cause) });
  }
}

/** The logins of the request's browser, as the site's own store keeps them. */
function loginsIn(stateStore: StateStore, req: IncomingMessage): BrowserLogins {
  return {
    save: (state, login) => stateStore.save(req, state, login),
    take: (state) => stateStore.take(req, state),
    async unfinished(host) {
      return (await stateStore.hasUnfinished?.(req, host)) ? { begunAt: [Date.now()] } : undefined;
    },
    finished: async (host) => stateStore.finished?.(req, host),
  };
}

/** Passport's five actions, of which `pass` is never needed here. */
interface Actions {
  success(user: object, info: object): void;
  fail(challenge: object | undefined, status: number | undefined): void;
  redirect(url: string, status: number): void;
  error(error: unknown): void;
}

function ownValue(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, name)) return undefined;
  return (record as Record<string, unknown>)[name];
}

/** Express 5 has no query of the request's own, and reads the address anew whenever somebody asks for it. */
function queryValue(req: IncomingMessage, { searchParams }: URL, name: string): unknown {
  if (Object.hasOwn(req, 'query')) return ownValue((req as { query?: unknown }).query, name);
  const values = searchParams.getAll(name);
  return values.length > 1 ? values : values[0];
}

function outcomeOf({ user, info }: Verified, { state }: Finished): Outcome {
  if (!user) return { challenge: info, status: undefined };
  return { user, info: { ...info, ...(state !== undefined && { state }) } };
}

/** What the person can put right is a failure; what only the operator can is thrown on. */
function failureOf(thrown: unknown): Outcome {
  if (!(thrown instanceof MastodonError) || thrown.code === 'store_failed') throw thrown;
  const { code, message, instance, reason, status } = thrown;
  const challenge = {
    ...{ code, message },
    ...(instance !== undefined && { instance }),
    ...(reason !== undefined && { reason }),
  };
  // For the operator's logs; not shown, not serialised.
  Object.defineProperty(challenge, 'cause', { value: thrown.cause });
  return { challenge, status };
}
