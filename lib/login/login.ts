/** `MastodonLogin`: begins and finishes logins, for every adapter. It depends on no framework. */

import { ClientMetadata } from '../client/metadata-document.js';
import { ClientLifecycle } from '../client/lifecycle.js';
import { parseAddress } from '../discovery/address.js';
import { Discovery } from '../discovery/discovery.js';
import { Documents } from '../http/request.js';
import { Failures } from '../discovery/failures.js';
import {
  type Instance,
  checkedScope,
  loginOptionNames,
  readOptions,
  type BeginOptions,
  type LoginOptions,
  type Settings,
} from '../options.js';
import { MastodonError } from '../errors.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Http, RequestContext } from '../http/context.js';
import { Store } from '../store.js';
import { Checks } from '../util/checks.js';
import { digest } from '../util/crypto.js';
import { fetchAccount } from './account.js';
import { assertSameInstance, authorizationURL, codeOf, readResponse, type Target } from './authorization.js';
import { afterFailure, exchangeCode, type Tokens } from './exchange.js';
import { buildProfile, confirmHandle, readClaims } from './profile.js';
import { reportFailure, warnOfMissingResponse, withLoginDetails, type LoginDetails } from './report.js';
import { randomToken } from './browser.js';
import { SiteTokens } from './tokens.js';
import type { Begun, Extras, Finished, FinishedWithScope } from './types.js';
import {
  assertLive,
  assertStorable,
  denialWithoutState,
  hasFinished,
  newTransaction,
  pendingLogins,
  type Browser,
} from './transactions.js';

export type { Begun, Browser, Extras, Finished, FinishedWithScope };

export class MastodonLogin {
  /** The option, without a trailing slash. */
  readonly callbackURL: string;
  /** Time limit of `begin` and of `finish`. Milliseconds. @internal */
  readonly timeoutMs: number;
  /** Serves the client metadata document at `clientMetadataURL`. */
  readonly clientMetadata: ClientMetadata;
  private readonly checks: Checks;
  private readonly settings: Settings;
  private readonly store: Store;
  private readonly http: Http;
  private readonly lifecycle: ClientLifecycle;
  private readonly discovery: Discovery;
  private readonly tokens: SiteTokens;
  private readonly callbacks: ConcurrencyLimit;
  /** Whether an authorization response reached this process. */
  private hasHeardResponse = false;
  /** Identifies the site and its options. A login can be finished only with the audience that began it. */
  private readonly audience: string;

  /**
   * @param entryPoint checks of an entry point that has checked the names of the options, some of which are its own
   * @throws TypeError that names the option at fault
   */
  constructor(options: LoginOptions, entryPoint?: Checks) {
    const checks = (this.checks = entryPoint ?? new Checks('MastodonLogin'));
    if (!entryPoint) checks.options(options, loginOptionNames);
    const settings = (this.settings = readOptions(options, checks));
    const { clientName, callbackURL, website, scope, outbound } = settings;
    this.callbackURL = callbackURL;
    this.timeoutMs = outbound.loginTimeoutMs;
    this.audience = digest(JSON.stringify([clientName, callbackURL, website, scope]));
    this.store = new Store(options.store, outbound.timeoutMs);
    this.http = new Http(settings);
    const failures = new Failures(this.store, outbound.failureCooldownMs);
    this.lifecycle = new ClientLifecycle(this.store, settings, this.http, failures);
    this.discovery = new Discovery(this.store, settings, this.http, failures);
    this.clientMetadata = new ClientMetadata(settings, this.store, this.lifecycle.clients);
    this.callbacks = new ConcurrencyLimit({
      inAll: outbound.maxConcurrentCallbacks,
      perInstance: outbound.maxConcurrentCallbacksPerInstance,
      waiting: outbound.maxWaiting,
    });
    this.tokens = new SiteTokens(this.lifecycle);
  }

  /**
   * Finds the instance of an address, without a registration.
   * @param typed a domain, a handle or a URL, as the visitor typed it
   * @throws MastodonError
   */
  find(typed: unknown): Promise<Instance> {
    return this.run((context, details) => {
      details.address = parseAddress(typed, this.settings.developmentOrigins);
      return this.discovery.find(context, details.address);
    }, false);
  }

  /**
   * Begins a login: finds the instance, gets a client there, and stores the pending login.
   * @param typed a domain, a handle or a URL, as the visitor typed it
   * @param browser a secret key of this browser, at least 22 characters of `[A-Za-z0-9_-]`
   * @returns where to redirect the browser
   * @throws MastodonError
   * @example
   * const { redirect } = await login.begin('@alice@mastodon.social', browserKey);
   */
  begin(typed: unknown, browser: Browser, options: BeginOptions = {}, extras: Extras = {}): Promise<Begun> {
    return this.run(async (context, details) => {
      const { settings, lifecycle } = this;
      const address = (details.address = parseAddress(typed, settings.developmentOrigins));
      [context.typed, context.hasHandle] = [address.host, address.username !== undefined];
      const scope = options.scope === undefined ? undefined : checkedScope(options.scope, this.checks);
      if (options.state !== undefined) assertStorable(options.state);
      const pending = pendingLogins(this.store, this.audience, browser);
      if (scope !== undefined) await lifecycle.clients.addScope(scope);
      await context.assertAllowed(address.host);
      // The client there, and the logins that this browser never finished, which may mean that the client is dead.
      const clientAt = async (instance: Instance) => {
        await context.assertAllowed(instance.host);
        const unfinished = await pending.unfinished(instance.host);
        const found = await lifecycle.usable(context, instance, scope, unfinished?.begunAt);
        return { ...found, unfinished };
      };
      // A known instance with a usable client costs no request. Where a client is dead or missing, the server may have been
      // replaced, so discovery runs again.
      const known = await this.discovery.known(address);
      let at = known && (await clientAt(known));
      if (!at || (!at.client && (at.replaced || !this.discovery.justFound.has(at.instance.origin))))
        at = await clientAt(await this.discovery.discover(context, address, known !== undefined));
      const registered = at.client ? at : await lifecycle.register(context, at);
      const { instance, app } = registered;
      const { host, software } = instance;
      if (app.clientId !== undefined) await this.clientMetadata.began(host);
      context.throwIfOver();
      if (at.unfinished && !this.hasHeardResponse) warnOfMissingResponse(this.callbackURL);
      const state = randomToken();
      const login = newTransaction(registered, this.audience, address, options.state);
      await pending.save(state, login, at.unfinished);
      settings.log('begun', { instance: host, ...(software !== undefined && { software }) });
      const redirect = authorizationURL(instance, login, state, options, extras.authorization);
      return { redirect, instance };
    });
  }

  /**
   * Finishes a login: exchanges the authorization response for a token and a profile.
   * @param callback the URL of the response, or its path and query
   * @param browser the same key as for `begin`
   * @throws MastodonError; its `state` is that of the application, if the login was found
   */
  async finish(callback: URL | string, browser: Browser, extras: Extras = {}): Promise<Finished> {
    const finished = await this.finishWithScope(callback, browser, extras);
    const { profile, accessToken, refreshToken, params, state } = finished;
    return { profile, accessToken, refreshToken, params, state };
  }

  /** @internal */
  finishWithScope(
    callback: Target | string,
    browser: Browser,
    extras: Extras = {},
  ): Promise<FinishedWithScope> {
    this.hasHeardResponse = true;
    const { settings, lifecycle, callbacks } = this;
    const { clients } = lifecycle;
    return this.run((context, details) => {
      const response = readResponse(callback, this.callbackURL);
      const { state } = response;
      if (response.host !== '') context.typed = response.host;
      const pending = pendingLogins(this.store, this.audience, browser);
      // The login is taken only after the concurrency limit, so that a refused visitor can open the URL again.
      return callbacks.run(context, response.host, async () => {
        if (state === undefined) throw await denialWithoutState(pending, response);
        const login = await pending.take(state);
        assertLive(login, this.audience);
        details.login = login;
        context.typed = login.typed;
        const { instance, redirectURI, applicationState, scope: askedScope } = login;
        const { host, software } = instance;
        context.hosts.standing.set(host, 'pending');
        assertSameInstance(login, response);
        if (extras.isWanted && !(await extras.isWanted(applicationState)))
          throw new MastodonError('login_expired', { cause: 'the program that began it is gone' });
        await context.assertAllowed(host);
        const of = { host, appKey: login.appKey, clientId: login.clientId };
        const credentials = await clients.credentials(of);
        let revoke: (() => void) | undefined;
        try {
          const code = codeOf(response, host);
          if (!credentials)
            throw new MastodonError('login_restart', { instance: host, cause: 'client not in the store' });
          await lifecycle.checkInvalidCode(context, instance, of, redirectURI, 'first');
          const tokens = await exchangeCode(context, login, credentials, code, extras.token);
          const { accessToken, refreshToken } = tokens;
          revoke = () => this.tokens.revokeLater(context, instance, credentials, accessToken);
          context.hosts.standing.set(host, 'confirmed');
          context.http.referrals.confirm(host, context.typed);
          await clients.loginFinished(of, credentials);
          const [account] = await Promise.all([
            fetchAccount(context, instance, accessToken),
            lifecycle.checkInvalidCode(context, instance, of, redirectURI, 'afterConsent'),
          ]);
          const claims = readClaims(account, instance, settings.developmentOrigins);
          const { handleToConfirm: handle } = claims;
          const confirmed = handle
            ? await confirmHandle(new Documents(context), instance, handle, claims)
            : undefined;
          const profile = buildProfile(instance, account, claims, confirmed);
          for (const token of [refreshToken, login.hasOwnScope && accessToken])
            if (token !== undefined) await clients.rememberGrant(instance, token, of);
          await pending.finished(host);
          // After the deadline the caller has already received an error, so it must not get a token.
          context.throwIfOver();
          settings.log('finished', { instance: host, ...(software !== undefined && { software }) });
          return { ...tokens, profile, state: applicationState, askedScope, revoke };
        } catch (error) {
          // No caller receives this token, so it must not stay valid.
          revoke?.();
          const failed = { context, lifecycle, pending, login, state, of, credentials };
          throw await afterFailure({ ...failed, hasToken: revoke !== undefined }, error);
        }
      });
    });
  }

  /**
   * Refreshes tokens, at servers that issue refresh tokens (Pleroma, Akkoma, Pixelfed). Callers with the same token
   * share one request, in all processes that share the store.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` if the user has to log in again
   */
  refresh(origin: string, token: string): Promise<Tokens> {
    return this.atOrigin(origin, (context, instance) => this.tokens.refresh(context, instance, token));
  }

  /**
   * Revokes an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or the reason why the instance did not confirm the revocation
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.atOrigin(origin, (context, instance) => this.tokens.revoke(context, instance, accessToken));
  }

  /**
   * Whether a login was finished with this browser key. Such a key can finish the pending logins that it began, but
   * cannot begin others, because an attacker may have planted it. The adapter creates a new key.
   */
  hasFinished(browserKey: string): Promise<boolean> {
    return hasFinished(this.store, browserKey);
  }

  /** Reports a refusal by an adapter to the log. @internal */
  refused(error: MastodonError): MastodonError {
    reportFailure(this.settings.log, error);
    return error;
  }

  /**
   * Runs `begin` or `finish` within one deadline, which includes the store, queues, locks and the site's functions.
   * Reports a failure, and throws a new error for each caller, because callers of shared work receive the same error.
   */
  private async run<T>(
    story: (context: RequestContext, details: LoginDetails) => Promise<T>,
    isLogin = true,
  ): Promise<T> {
    const details: LoginDetails = {};
    const context = new RequestContext(this.http, { timeoutMs: this.timeoutMs });
    try {
      return await context.race(story(context, details));
    } catch (error) {
      const own = error instanceof MastodonError ? withLoginDetails(error, details) : error;
      reportFailure(isLogin ? this.settings.log : undefined, own);
      throw own;
    } finally {
      context.end();
    }
  }

  /** Runs work at the instance of exactly this origin, because a token must not be sent to another server. */
  private atOrigin<T>(
    origin: string,
    work: (context: RequestContext, instance: Instance) => Promise<T>,
  ): Promise<T> {
    return this.run(async (context, details) => {
      details.address = parseAddress(origin, this.settings.developmentOrigins);
      const instance = await this.discovery.find(context, details.address);
      if (instance.origin === origin) return work(context, instance);
      const cause = 'the server has moved to another origin since the token was issued';
      throw new MastodonError('instance_unsupported', { instance: instance.host, cause });
    }, false);
  }
}
