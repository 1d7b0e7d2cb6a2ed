/** Turns a request into one of Passport's actions: the start of a login, or the end of one. */

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

/** How a request ends; exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string; readonly status: number }
  | { readonly user: object; readonly info: object }
  | { readonly challenge: object | undefined; readonly status: number | undefined };

/** What an application may override in the strategy, by passport-oauth2's own names. */
type Hooks = Pick<AnyOAuth2Strategy, 'authorizationParams' | 'tokenParams'>;

/** Passport's five actions, of which `pass` is never needed here. */
export interface Actions {
  success(user: object, info: object): void;
  fail(challenge: object | undefined, status: number | undefined): void;
  redirect(url: string, status: number): void;
  error(error: unknown): void;
}

/** Nothing here changes after construction: one object serves all requests of a strategy. */
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

  /** Ends the request by exactly one of Passport's actions, whatever happens. */
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
      // What only the operator can put right, and what an application's callback throws.
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
    // A proxy may change the path. Then the parameter of the route distinguishes the callback from a start.
    const { params } = req as { params?: unknown };
    const isCallbackRoute = options.instance === undefined && ownValue(params, 'instance') !== undefined;
    if (!isCallbackRoute && !isCallback(target, this.callbackPath)) {
      return this.begin(strategy, req, target, options);
    }
    const finish = () => this.finish(strategy, req, target, options);
    // A site with a stateStore may recognise browsers by other means than cookies.
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

/** For the visitor the field is empty. The cause, for the operator, says whether a parser is missing. */
function nothingTyped(req: IncomingMessage, field: string): MastodonError {
  const isParserMissing = req.method !== 'GET' && (req as { body?: unknown }).body === undefined;
  const cause = isParserMissing
    ? 'req.body is undefined: app.use(express.urlencoded()) has to come first (express.json() for JSON)'
    : `neither body nor query have a field "${field}"`;
  return new MastodonError('instance_missing', { cause: new Error(cause) });
}

/** The logins of the request's browser, as the site's own store keeps them. */
function loginsIn(stateStore: StateStore, req: IncomingMessage): BrowserLogins {
  return {
    // The instance is one object for many logins.
    save: (state, login) =>
      stateStore.save(req, state, opaque({ ...login, instance: { ...login.instance } })),
    take: async (state) => (await stateStore.take(req, state)) as Transaction | undefined,
    async unfinished(host) {
      return (await stateStore.hasUnfinished?.(req, host)) ? { begunAt: [Date.now()] } : undefined;
    },
    finished: async (host) => stateStore.finished?.(req, host),
  };
}

/** For the site, a record without known members. */
function opaque(login: Transaction): LoginTransaction {
  return login as Partial<Transaction> as LoginTransaction;
}

/** passport-oauth2 reads the members of what a hook returns. A promise has none, so its parameters would silently be missing. */
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
 * Of Passport's actions, only `redirect` answers with the status itself. A failure would be redirected as the route has it,
 * with a message in the session, and an error handler of the site may answer with 500. Without a redirection status, browsers
 * ignore the header `Location` (RFC 9110, section 10.2.2).
 */
function answerPrefetch(req: Request, { status, headers = {} }: MastodonError): Outcome {
  const { res } = req as { res?: Partial<ServerResponse> };
  for (const [name, value] of Object.entries(headers)) res?.setHeader?.(name, value);
  return { redirect: '', status };
}

/** What the visitor can put right is a failure; what only the operator can is thrown on. */
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

/** For how long after a login. Milliseconds. */
const repeatMs = 5000;

/** More logins at the same time are not remembered. */
const maxRemembered = 1000;

/**
 * A browser may send an authorization response twice, the second time with the cookies of before the login: a second press of
 * a button, a reload, a program that checks links. If the second request failed, what the site writes into the session of the
 * failure (`failureMessage`) would replace the session of the login, and the visitor would be logged out. So a request that comes
 * after the login was finished gets the same result: the code is exchanged once, and the verify function is called once. Of
 * requests at the same moment, one is the login.
 *
 * The same browser is one that sends the same `Cookie` header, with the session that the login was begun in. Only results of
 * finished logins are given again, by the process that has them, for a few seconds.
 */
export class Repeats<T> {
  private readonly results = new Map<string, T>();

  /** @param isFinished whether a result is that of a finished login */
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
