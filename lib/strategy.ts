/** `MastodonStrategy`: the two phases of a login, each a readable list of steps. */

import type { Request } from 'express';
import type passport from 'passport';
import OAuth2Strategy from 'passport-oauth2';
import { MastodonError } from './errors.js';
import { parseAddress } from './instance/address.js';
import { Credentials } from './instance/credentials.js';
import { Failures } from './instance/failures.js';
import { Preparation } from './instance/preparation.js';
import { needsForcedLogin } from './instance/software.js';
import { fetchAccount } from './login/account.js';
import { assertSameInstance, codeOf, instanceInPath, isCallback, readCallback } from './login/callback.js';
import { exchange, revokeLater, type Exchanged } from './login/exchange.js';
import { SessionStateStore } from './login/session-state.js';
import {
  authorizationRequest,
  beginTransaction,
  isLiveTransaction,
  randomToken,
} from './login/transaction.js';
import { Gate } from './net/gate.js';
import { Network } from './net/network.js';
import {
  checkedStateStore,
  readOptions,
  type Instance,
  type LoginTransaction,
  type MastodonAuthenticateOptions,
  type MastodonStrategyOptions,
  type Settings,
  type StateStore,
} from './options.js';
import { profileOf, type MastodonProfile } from './login/profile.js';
import { Store } from './store.js';
import {
  callVerify,
  type AnyVerifyFunction,
  type Verified,
  type VerifyFunction,
  type VerifyFunctionWithParams,
  type VerifyFunctionWithRequest,
  type VerifyFunctionWithRequestAndParams,
} from './verify.js';

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
  private readonly settings: Settings;
  private readonly verifyFunction: AnyVerifyFunction;
  private readonly passRequest: boolean;
  private readonly network: Network;
  private readonly credentials: Credentials;
  private readonly preparation: Preparation;
  private readonly stateStore: StateStore;
  private readonly exchanges: Gate;

  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequest);
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequestAndParams);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunction);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunctionWithParams);
  constructor(options: MastodonStrategyOptions, verify: AnyVerifyFunction) {
    const settings = readOptions(options);
    if (typeof verify !== 'function') throw new TypeError('MastodonStrategy requires a verify function');
    // The base class wants the one server that it was made for; no request of ours uses these.
    const unused = { authorizationURL: 'https://instance.invalid', tokenURL: 'https://instance.invalid' };
    super({ ...unused, clientID: 'registered-per-instance', clientSecret: '' }, () => undefined);
    const { outbound } = settings;
    const store = new Store(options.store, outbound.timeoutMs);
    this.settings = settings;
    this.verifyFunction = verify;
    this.passRequest = options.passReqToCallback === true;
    this.network = new Network(settings);
    const failures = new Failures(store, outbound.failureMemoryMs);
    this.credentials = new Credentials(this.network, store, settings, failures);
    this.preparation = new Preparation(this.network, store, settings, this.credentials, failures);
    this.stateStore = checkedStateStore(options.stateStore) ?? new SessionStateStore(store);
    this.exchanges = new Gate({
      inAll: outbound.maxExchanges,
      perInstance: outbound.maxExchangesPerInstance,
      waiting: outbound.maxWaiting,
      waitMs: outbound.timeoutMs,
    });
  }

  override authenticate(req: Request, options: MastodonAuthenticateOptions = {}): void {
    // With `passport.authenticate(strategy)` one object serves all requests and these change under us: they
    // are taken before the first await.
    const { success, fail, redirect, error } = this as unknown as Actions;
    this.run(req, options)
      .catch((thrown: unknown): Outcome => failureOf(thrown))
      .then((outcome) => {
        if ('redirect' in outcome) redirect.call(this, outcome.redirect, 302);
        else if ('user' in outcome) success.call(this, outcome.user, outcome.info);
        else fail.call(this, outcome.challenge, outcome.status);
      })
      // What only the operator can put right, and what an application's callback throws.
      .catch((thrown: unknown) => error.call(this, thrown))
      .catch((thrown: unknown) => process.emitWarning(`MastodonStrategy: ${String(thrown)}`));
  }

  private async run(req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    // Behind a proxy that changes paths, the route's own parameter still tells the callback from a start.
    const { params } = req as { params?: unknown };
    const isCallbackRoute = options.instance === undefined && ownValue(params, 'instance') !== undefined;
    return isCallbackRoute || isCallback(req, this.settings.callbackURL)
      ? this.finishLogin(req, options)
      : this.startLogin(req, options);
  }

  /**
   * Finds the instance of an address that somebody typed, without registering there.
   * @throws MastodonError
   * @internal for the socket bridge, which answers before there is a browser
   */
  async findInstance(typed: unknown): Promise<Instance> {
    return this.preparation.find(parseAddress(typed, this.settings.developmentOrigins));
  }

  /** Address → instance → credentials → redirect. */
  private async startLogin(req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const typed = options.instance ?? this.typedInstance(req);
    const address = parseAddress(typed, this.settings.developmentOrigins);
    const { instance, client } = await this.preparation.prepare(
      address,
      async (host) => (await this.stateStore.hasUnfinished?.(req, host)) ?? false,
    );
    const login = beginTransaction(instance, client, options.state);
    const state = randomToken();
    await this.stateStore.save(req, state, login);
    return { redirect: this.authorizationURL(login, state, options) };
  }

  /** Callback → transaction → token → profile → verify. */
  private async finishLogin(req: Request, options: MastodonAuthenticateOptions): Promise<Outcome> {
    const params = readCallback(req);
    const hostInPath = instanceInPath(req);
    const login = await this.takeLogin(req, params.state);
    if (!login) throw await this.unknownLogin(req, params.error, hostInPath);
    const { instance } = login;
    assertSameInstance(login, params, hostInPath);
    if (params.error === 'access_denied') await this.stateStore.finished?.(req, instance.host);
    const code = codeOf(params, instance.host);
    const { exchanged, profile } = await this.exchanges.run(instance.host, () =>
      this.complete(login, code, options),
    );
    // The instance knows the client, to the end: nothing is suspicious about this browser's next login.
    await this.stateStore.finished?.(req, instance.host);
    try {
      const input = { ...exchanged.tokens, profile };
      return outcomeOf(await callVerify(this.verifyFunction, req, this.passRequest, input), login);
    } finally {
      if (this.settings.revokeToken) revokeLater(this.network, instance, exchanged);
    }
  }

  private async complete(
    login: LoginTransaction,
    code: string,
    options: MastodonAuthenticateOptions,
  ): Promise<{ exchanged: Exchanged; profile: MastodonProfile }> {
    const extra = this.tokenParams(options) as Record<string, string>;
    const exchanged = await exchange(this.network, this.credentials, login, code, extra);
    const account = await fetchAccount(this.network, login.instance, exchanged.tokens.accessToken);
    const { developmentOrigins } = this.settings;
    return { exchanged, profile: await profileOf(this.network, developmentOrigins, login.instance, account) };
  }

  private typedInstance(req: Request): unknown {
    const field = this.settings.instanceField;
    const { body, query } = req as { body?: unknown; query?: unknown };
    return ownValue(body, field) ?? ownValue(query, field);
  }

  private authorizationURL(
    login: LoginTransaction,
    state: string,
    options: MastodonAuthenticateOptions,
  ): string {
    const url = new URL(login.instance.authorizationEndpoint);
    const forced = options.forceLogin === true || needsForcedLogin(login.instance.software);
    const params = {
      ...(this.authorizationParams(options) as Record<string, string>),
      ...(forced && { force_login: 'true' }),
      ...(options.lang !== undefined && { lang: String(options.lang) }),
      ...authorizationRequest(login, state),
    };
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    return url.href;
  }

  /** Taken out before anything is sent, so that nothing can be tried twice with it. */
  private async takeLogin(req: Request, state: string | undefined): Promise<LoginTransaction | undefined> {
    const login = state === undefined ? undefined : await this.stateStore.take(req, state);
    return isLiveTransaction(login) ? login : undefined;
  }

  /** Hollo reports a denial without `state`. It is believed only of a browser that began a login there. */
  private async unknownLogin(
    req: Request,
    error: string | undefined,
    instance: string,
  ): Promise<MastodonError> {
    const denied =
      error === 'access_denied' && (await this.stateStore.hasUnfinished?.(req, instance)) === true;
    return new MastodonError(denied ? 'access_denied' : 'login_expired', denied ? { instance } : {});
  }
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

function outcomeOf({ user, info }: Verified, login: LoginTransaction): Outcome {
  if (!user) return { challenge: info, status: undefined };
  const state = login.applicationState;
  return { user, info: { ...info, ...(state !== undefined && { state }) } };
}

/** What the person can put right is a failure; what only the operator can is thrown on. */
function failureOf(thrown: unknown): Outcome {
  if (!(thrown instanceof MastodonError) || thrown.code === 'store_failed') throw thrown;
  const { code, message, instance, status } = thrown;
  const challenge = { code, message, ...(instance !== undefined && { instance }) };
  // For the operator's logs; not shown, not serialised.
  Object.defineProperty(challenge, 'cause', { value: thrown.cause });
  return { challenge, status };
}

/* eslint-disable @typescript-eslint/no-unused-vars -- merging needs the same type parameters */
declare module 'passport' {
  interface Authenticator<InitializeRet, AuthenticateRet, AuthorizeRet, AuthorizeOptions> {
    authenticate(
      strategy: 'mastodon',
      options: Omit<passport.AuthenticateOptions, 'state'> & MastodonAuthenticateOptions,
      callback?: passport.AuthenticateCallback,
    ): AuthenticateRet;
  }
}
