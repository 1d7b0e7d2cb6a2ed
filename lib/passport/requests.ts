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
import { browserRequest, crossSiteStart, prefetchRefusal, warnOfScript } from '../login/browser-keys.js';
import { isOtherBrowser } from '../login/expiry.js';
import type { Browser, Finished, MastodonLogin } from '../login/login.js';
import type { PendingLogins as BrowserLogins, Transaction } from '../login/transactions.js';
import { isThenable } from '../util/checks.js';
import { digest } from '../util/digest.js';
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
import { callVerify, textOf, type AnyVerifyFunction, type Verified } from './verify.js';

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

/** Handles all requests of a strategy. Immutable after construction. */
export class Requests {
  private readonly callbackPath: CallbackPaths;
  private readonly repeats = new Repeats<Outcome>((outcome) => 'user' in outcome);

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
    const finish = () => this.finish(strategy, req, target, options);
    // A custom `stateStore` may identify browsers without cookies.
    return this.settings.stateStore ? finish() : this.repeats.run(target, req.headers.cookie, finish);
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
    const typed = options.instance ?? typedInstance(req, target, instanceField);
    if (typed === undefined) {
      warnOfMissingField(req, instanceField);
      throw login.refused(nothingTyped(req, instanceField));
    }
    const { keys: browser, isNew = false } = stateStore
      ? { keys: loginsIn(stateStore, req) }
      : await browserKeysToBegin(req, (key) => login.hasFinished(key));
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
      if (session?.isStored === false && isOtherBrowser(error)) warnOfLostSession(req);
      throw error;
    });
    if (session) retireKeys(req);
    try {
      return outcomeOf(await callVerify(this.verify, req, passRequest, finished), finished);
    } finally {
      if (revokeToken) finished.revoke();
    }
  }
}

function typedInstance(req: IncomingMessage, target: Target, field: string): unknown {
  return ownValue((req as { body?: unknown }).body, field) ?? queryValue(req, target, field);
}

/** An error for an empty field. Its cause tells the operator whether a body parser is missing. */
function nothingTyped(req: IncomingMessage, field: string): MastodonError {
  const isParserMissing = req.method !== 'GET' && (req as { body?: unknown }).body === undefined;
  const cause = isParserMissing
    ? 'req.body is undefined: app.use(express.urlencoded()) has to come first (express.json() for JSON)'
    : `neither body nor query have a field "${field}"`;
  return new MastodonError('instance_missing', { cause: new Error(cause) });
}

/** The pending logins of the request's browser in a custom `stateStore`. */
function loginsIn(stateStore: StateStore, req: IncomingMessage): BrowserLogins {
  return {
    // The record is copied, because many logins share one instance object.
    save: (state, login) =>
      stateStore.save(req, state, opaque({ ...login, instance: { ...login.instance } })),
    take: async (state) => (await stateStore.take(req, state)) as Transaction | undefined,
    async unfinished(host) {
      return (await stateStore.hasUnfinished?.(req, host)) ? { begunAt: [Date.now()] } : undefined;
    },
    finished: async (host) => stateStore.finished?.(req, host),
  };
}

/** The record with an opaque type, for the site. */
function opaque(login: Transaction): LoginTransaction {
  return login as Partial<Transaction> as LoginTransaction;
}

/**
 * Reads the parameters that a hook returns. A promise is refused, because its parameters would be missing without an
 * error.
 */
function parametersOf(hook: string, given: unknown): Record<string, string> {
  const isPromise = isThenable(given);
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

function outcomeOf({ user, info }: Verified, { state }: Finished): Outcome {
  if (!user) return { challenge: info, status: undefined };
  return { user, info: { ...info, ...(state !== undefined && { state }) } };
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

/** How long a result is repeated after a login. Milliseconds. */
const repeatMs = 5000;

/** Maximum number of remembered results. */
const maxRemembered = 1000;

/**
 * Repeats the result of a finished login for a second request with the same authorization response. Browsers send a
 * second one after a double click or a reload, with the cookies from before the login. If it failed, the site would
 * write into the old session (`failureMessage`) and so log the visitor out. The code is exchanged once, and the verify
 * function is called once. Simultaneous requests share one login.
 *
 * The second request must have the same `Cookie` header, with the session that began the login. Results are kept in
 * this process for a few seconds, and only for finished logins.
 */
export class Repeats<T> {
  private readonly results = new Map<string, T>();

  /** @param isFinished whether a result belongs to a finished login */
  constructor(private readonly isFinished: (result: T) => boolean) {}

  /** @param cookies the request's `Cookie` header */
  async run(response: Target, cookies: string | undefined, finish: () => Promise<T>): Promise<T> {
    const states = response.searchParams.getAll('state');
    if (!cookies || states.length !== 1) return finish();
    const key = digest(JSON.stringify([states[0], cookies]));
    const first = this.results.get(key);
    if (first !== undefined) return first;
    const result = await finish();
    if (this.isFinished(result) && this.results.size < maxRemembered) {
      this.results.set(key, result);
      setTimeout(() => this.results.delete(key), repeatMs).unref();
    }
    return result;
  }
}
