/** Handles requests of the strategy, each with one of Passport's actions. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError } from '../errors.js';
import {
  callbackPaths,
  isCallback,
  targetOf,
  type CallbackPaths,
  type Target,
} from '../login/authorization.js';
import {
  browserRequest,
  crossSiteStart,
  prefetchRefusal,
  warnOfScript,
  isOtherBrowser,
} from '../login/browser.js';
import type { Browser, MastodonLogin } from '../login/login.js';
import type { PendingLogins as BrowserLogins, Transaction } from '../login/transactions.js';
import { digest } from '../util/crypto.js';
import type {
  LoginTransaction,
  MastodonAuthenticateOptions,
  StateStore,
  StrategySettings,
} from './options.js';
import type { AnyOAuth2Strategy, Request } from './passport.js';
import {
  browserKeys,
  browserKeysToBegin,
  retireKeys,
  warnOfLostSession,
  warnOfMissingField,
  warnOfSessionCookie,
} from './session.js';
import { callVerify, textOf, type AnyVerifyFunction } from './verify.js';

/** The result of a request: exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string; readonly status: number }
  | { readonly user: object; readonly info: object }
  | { readonly challenge: object | undefined; readonly status: number | undefined };

/** The hooks of passport-oauth2 that an application may override in the strategy. */
type Hooks = Pick<AnyOAuth2Strategy, 'authorizationParams' | 'tokenParams'>;

/** The actions of Passport that this file uses. `pass` is not used. */
export interface Actions {
  success(user: object, info: object): void;
  fail(challenge: object | undefined, status: number | undefined): void;
  redirect(url: string, status: number): void;
  error(error: unknown): void;
}

/** For how long after a login its response may be repeated. Milliseconds. */
const repeatMs = 5000;

/** More logins at the same time are not remembered. */
const maxRemembered = 1000;

/** One object serves all requests of a strategy. */
export class RequestHandler {
  private readonly callbackPath: CallbackPaths;
  /** Of logins that were finished just now, by the response's state and the browser's cookies. */
  private readonly finished = new Map<string, Outcome>();

  constructor(
    private readonly login: MastodonLogin,
    private readonly settings: StrategySettings,
    private readonly verify: AnyVerifyFunction,
  ) {
    this.callbackPath = callbackPaths(login.callbackURL);
  }

  /** Ends the request with exactly one of Passport's actions. */
  async conclude(
    strategy: Hooks,
    req: Request,
    options: MastodonAuthenticateOptions,
    actions: Actions,
  ): Promise<void> {
    try {
      const outcome = await this.run(strategy, req, options).catch(failureOf);
      if ('redirect' in outcome) actions.redirect.call(strategy, outcome.redirect, outcome.status);
      else if ('user' in outcome) actions.success.call(strategy, outcome.user, outcome.info);
      else actions.fail.call(strategy, outcome.challenge, outcome.status);
    } catch (thrown) {
      // Errors for the operator, and errors that a callback of the application throws.
      try {
        actions.error.call(strategy, thrown);
      } catch (again) {
        process.emitWarning(`MastodonStrategy: ${textOf(again)}`);
      }
    }
  }

  private async run(strategy: Hooks, req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const prefetch = prefetchRefusal(browserRequest(req));
    if (prefetch) return answerPrefetch(req, this.login.refused(prefetch));
    const target = targetOf(req.originalUrl ?? req.url ?? '/');
    // Behind a proxy that changes the path, the route parameter distinguishes a callback from a start.
    const { params } = req as { params?: unknown };
    const isCallbackRoute = options.instance === undefined && ownValue(params, 'instance') !== undefined;
    if (!isCallbackRoute && !isCallback(target, this.callbackPath)) {
      return this.begin(strategy, req, target, options);
    }
    return this.finishOnce(strategy, req, target, options);
  }

  /**
   * A browser may send an authorization response twice, the second time with the cookies of before the login: after a
   * second press of a button, or a reload. If the second request failed, the session of that failure (`failureMessage`)
   * would replace the session of the login, and the visitor would be logged out. So the same response with the same
   * `Cookie` header gets the result of the finished login again, from the same process and for a few seconds. Two
   * requests at the same moment do not share a result: one of them is the login.
   */
  private async finishOnce(
    strategy: Hooks,
    req: Request,
    target: Target,
    options: MastodonAuthenticateOptions,
  ): Promise<Outcome> {
    const states = target.searchParams.getAll('state');
    const { cookie } = req.headers;
    // A site with a stateStore may recognise browsers by other means than cookies.
    if (this.settings.stateStore || !cookie || states.length !== 1)
      return this.finish(strategy, req, target, options);
    const key = digest(JSON.stringify([states[0], cookie]));
    const first = this.finished.get(key);
    if (first !== undefined) return first;
    const outcome = await this.finish(strategy, req, target, options);
    if ('user' in outcome && this.finished.size < maxRemembered) {
      this.finished.set(key, outcome);
      setTimeout(() => this.finished.delete(key), repeatMs).unref();
    }
    return outcome;
  }

  private async begin(
    strategy: Hooks,
    req: Request,
    target: Target,
    options: MastodonAuthenticateOptions,
  ): Promise<Outcome> {
    const { login } = this;
    const { stateStore, allowCrossSiteStart, instanceField } = this.settings;
    const request = browserRequest(req);
    const crossSite = allowCrossSiteStart ? undefined : crossSiteStart(request, login.callbackURL);
    if (crossSite) throw login.refused(crossSite);
    warnOfScript(request, 'MastodonStrategy');
    const { body } = req as { body?: unknown };
    const typed = options.instance ?? ownValue(body, instanceField) ?? queryValue(req, target, instanceField);
    if (typed === undefined) {
      warnOfMissingField(req, instanceField);
      // For the visitor the field is empty. The cause, for the operator, says whether a parser is missing.
      const cause =
        req.method !== 'GET' && body === undefined
          ? 'req.body is undefined: app.use(express.urlencoded()) has to come first (express.json() for JSON)'
          : `neither body nor query have a field "${instanceField}"`;
      throw login.refused(new MastodonError('instance_missing', { cause }));
    }
    const { keys: browser, isNew = false } = stateStore
      ? { keys: loginsIn(stateStore, req) }
      : await browserKeysToBegin(req, login);
    const authorization = parametersOf('authorizationParams', strategy.authorizationParams(options));
    const { redirect } = await login.begin(typed, browser, options, { authorization, isNew });
    if (!stateStore) warnOfSessionCookie(req);
    return { redirect, status: 302 };
  }

  private async finish(
    strategy: Hooks,
    req: Request,
    target: Target,
    options: MastodonAuthenticateOptions,
  ): Promise<Outcome> {
    const { stateStore, passRequest, revokeToken } = this.settings;
    const session = stateStore ? undefined : browserKeys(req);
    const browser: Browser = session?.keys ?? loginsIn(stateStore as StateStore, req);
    const token = parametersOf('tokenParams', strategy.tokenParams(options));
    const finished = await this.login.finishWithScope(target, browser, { token }).catch((error: unknown) => {
      if (session && session.current === undefined && session.former.length === 0 && isOtherBrowser(error))
        warnOfLostSession(req);
      throw error;
    });
    if (session) retireKeys(req, session);
    try {
      const { user, info } = await callVerify(this.verify, req, passRequest, finished);
      if (!user) return { challenge: info, status: undefined };
      const { state } = finished;
      return { user, info: { ...info, ...(state !== undefined && { state }) } };
    } finally {
      if (revokeToken) finished.revoke();
    }
  }
}

/** The logins of the request's browser, as the site's own store keeps them. */
function loginsIn(stateStore: StateStore, req: IncomingMessage): BrowserLogins {
  return {
    // For the site, a record without known members. The instance is one object for many logins.
    save: (state, login) => {
      const record: Partial<Transaction> = { ...login, instance: { ...login.instance } };
      return stateStore.save(req, state, record as LoginTransaction);
    },
    take: async (state) => (await stateStore.take(req, state)) as Transaction | undefined,
    async unfinished(host) {
      return (await stateStore.hasUnfinished?.(req, host)) ? { begunAt: [Date.now()] } : undefined;
    },
    finished: async (host) => stateStore.finished?.(req, host),
  };
}

/** passport-oauth2 reads the members of what a hook returns. A promise has none, so its parameters would silently be missing. */
function parametersOf(hook: string, given: unknown): Record<string, string> {
  const isPromise = given instanceof Object && 'then' in given;
  if (typeof given === 'object' && given !== null && !isPromise) return given as Record<string, string>;
  const what = isPromise ? 'a promise: it cannot be async' : given === null ? 'null' : typeof given;
  throw new TypeError(`MastodonStrategy: ${hook} must return an object, and has returned ${what}`);
}

function ownValue(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, name)) return undefined;
  return (record as Record<string, unknown>)[name];
}

/** In Express 5, `query` is a getter that parses the URL at each access. */
function queryValue(req: IncomingMessage, { searchParams }: Target, name: string): unknown {
  if (Object.hasOwn(req, 'query')) return ownValue((req as { query?: unknown }).query, name);
  const values = searchParams.getAll(name);
  return values.length > 1 ? values : values[0];
}

/**
 * Answers a prefetch. Only the action `redirect` sends the status itself. `fail` would redirect and write a message
 * into the session. `error` may be answered with 500. Browsers ignore the header `Location` without a redirection
 * status (RFC 9110, section 10.2.2).
 */
function answerPrefetch(req: Request, { status, headers = {} }: MastodonError): Outcome {
  const { res } = req as { res?: Partial<ServerResponse> };
  for (const [name, value] of Object.entries(headers)) res?.setHeader?.(name, value);
  return { redirect: '', status };
}

/** Failures that the visitor can correct use `fail`. Others use `error`. */
function failureOf(thrown: unknown): Outcome {
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
