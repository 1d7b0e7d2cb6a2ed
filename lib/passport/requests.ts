/** What the strategy makes of a request: the start of a login, or the end of one. */

import type { IncomingMessage } from 'node:http';
import { isThenable } from '../util/checks.js';
import { kindOf, MastodonError } from '../errors.js';
import { Hints } from './hints.js';
import { Advice } from '../login/advice.js';
import type { BrowserLogins } from '../login/begun-logins.js';
import { callbackPath, isCallback, targetOf, type Target } from '../login/response.js';
import { crossSiteStart } from '../login/cross-site.js';
import type { Browser, Finished, MastodonLogin } from '../login/login.js';
import type { AnyOAuth2Strategy, Request } from './passport.js';
import { ProgramHints } from './program-hints.js';
import type { MastodonAuthenticateOptions, StateStore, StrategySettings } from './options.js';
import { browserKeys, browserKeysOrNew, retireKey } from './session.js';
import { callVerify, type AnyVerifyFunction, type Verified } from './verify.js';

/** How a request ends; exactly one of Passport's actions. */
type Outcome =
  | { readonly redirect: string }
  | { readonly user: object; readonly info: object }
  | { readonly challenge: object | undefined; readonly status: number | undefined };

/** What an application may override in the strategy, by passport-oauth2's own names. */
export type Hooks = Pick<AnyOAuth2Strategy, 'authorizationParams' | 'tokenParams'>;

/** Passport's five actions, of which `pass` is never needed here. */
export interface Actions {
  success(user: object, info: object): void;
  fail(challenge: object | undefined, status: number | undefined): void;
  redirect(url: string, status: number): void;
  error(error: unknown): void;
}

/** Nothing here changes after construction: one object serves all requests of a strategy. */
export class Requests {
  private readonly hints: Hints;
  private readonly programHints: ProgramHints;
  private readonly callbackPath: string;

  constructor(
    private readonly login: MastodonLogin,
    private readonly settings: StrategySettings,
    private readonly verify: AnyVerifyFunction,
  ) {
    const advice = new Advice('MastodonStrategy');
    this.hints = new Hints(advice, login.callbackURL, settings.instanceField, settings.hasStore);
    this.programHints = new ProgramHints(advice);
    this.callbackPath = callbackPath(login.callbackURL);
  }

  /** Ends the request by exactly one of Passport's actions, whatever happens. */
  async conclude(
    strategy: Hooks,
    req: Request,
    options: MastodonAuthenticateOptions,
    actions: Actions,
  ): Promise<void> {
    try {
      let outcome: Outcome;
      try {
        outcome = await this.run(strategy, req, options);
      } catch (thrown) {
        this.hints.refused(thrown);
        outcome = failureOf(thrown);
      }
      if ('redirect' in outcome) actions.redirect.call(strategy, outcome.redirect, 302);
      else if ('user' in outcome) actions.success.call(strategy, outcome.user, outcome.info);
      else actions.fail.call(strategy, outcome.challenge, outcome.status);
    } catch (thrown) {
      // What only the operator can put right, and what an application's callback throws.
      this.programHints.threw(thrown);
      try {
        actions.error.call(strategy, thrown);
      } catch (again) {
        process.emitWarning(`MastodonStrategy: ${textOf(again)}`);
      }
    }
  }

  private run(strategy: Hooks, req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    this.programHints.isGiven(strategy, options);
    const answer = targetOf(req.originalUrl ?? req.url ?? '/');
    // Behind a proxy that changes paths, the route's own parameter still tells the callback from a start.
    const { params } = req as { params?: unknown };
    const isCallbackRoute = options.instance === undefined && ownValue(params, 'instance') !== undefined;
    return isCallbackRoute || isCallback(answer, this.callbackPath)
      ? this.finish(strategy, req, answer, options)
      : this.begin(strategy, req, answer, options);
  }

  private async begin(
    strategy: Hooks,
    req: Request,
    target: Target,
    options: MastodonAuthenticateOptions,
  ): Promise<Outcome> {
    const { stateStore, allowCrossSiteStart } = this.settings;
    const crossSite = crossSiteStart(req.headers['sec-fetch-site']);
    if (crossSite && !allowCrossSiteStart) throw this.login.refused(crossSite);
    const typed = options.instance ?? this.typedInstance(req, target);
    if (typed === undefined) throw this.login.refused(this.nothingTyped(req));
    const { keys: browser, isNew = false } = stateStore
      ? { keys: loginsIn(stateStore, req) }
      : browserKeysOrNew(req);
    const authorization = parametersOf('authorizationParams', strategy.authorizationParams(options));
    const { redirect } = await this.login.begin(typed, browser, options, { authorization, isNew });
    this.hints.begins(req, redirect, 'take' in browser ? undefined : browser[0]);
    return { redirect };
  }

  private async finish(
    strategy: Hooks,
    req: Request,
    answer: Target,
    options: MastodonAuthenticateOptions,
  ): Promise<Outcome> {
    const { stateStore, passRequest, revokeToken } = this.settings;
    const browser: Browser = stateStore ? loginsIn(stateStore, req) : browserKeys(req);
    this.hints.answers(req, 'take' in browser || browser.length > 0);
    const token = parametersOf('tokenParams', strategy.tokenParams(options));
    const finished = await this.login.finishWithScope(answer, browser, { token });
    if (!stateStore) retireKey(req);
    const answered = this.programHints.waitsForVerify();
    try {
      const verified = await callVerify(this.verify, req, passRequest, finished, (error) =>
        this.programHints.threwLate(error),
      );
      this.programHints.verified(verified.user);
      return outcomeOf(verified, finished);
    } finally {
      answered();
      if (revokeToken) finished.revoke();
    }
  }

  private typedInstance(req: IncomingMessage, target: Target): unknown {
    const field = this.settings.instanceField;
    const { body } = req as { body?: unknown };
    return ownValue(body, field) ?? queryValue(req, target, field);
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
    // The instance is one object for many logins.
    save: (state, login) => stateStore.save(req, state, { ...login, instance: { ...login.instance } }),
    take: (state) => stateStore.take(req, state),
    async unfinished(host) {
      return (await stateStore.hasUnfinished?.(req, host)) ? { begunAt: [Date.now()] } : undefined;
    },
    finished: async (host) => stateStore.finished?.(req, host),
  };
}

/** passport-oauth2 takes what its hooks return as it is: of a promise, nothing would be sent, and nobody told. */
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

/** Express 5 has no query of the request's own, and reads the address anew whenever somebody asks for it. */
function queryValue(req: IncomingMessage, { searchParams }: Target, name: string): unknown {
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

/** Not everything that is thrown can be shown; nobody would catch what came of trying. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return kindOf(thrown) || 'something that cannot be shown';
  }
}
