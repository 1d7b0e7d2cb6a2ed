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
  readOptions,
  type BeginOptions,
  type LoginOptions,
  type Settings,
} from '../options.js';
import { MastodonError } from '../errors.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Http, type RequestContext } from '../http/context.js';
import { Store } from '../store.js';
import { Checks } from '../util/checks.js';
import { digest } from '../util/digest.js';
import { isDevelopment } from '../util/warnings.js';
import {
  authorizationURL,
  assertSameInstance,
  instanceInPath,
  readResponse,
  targetOf,
  type Target,
} from './authorization.js';
import { accountAfterConsent, redeem, type Tokens } from './exchange.js';
import { ClientLookup } from './client-lookup.js';
import { buildProfile } from './profile.js';
import { report, reportFailure, toldOf, type Seen, warnOfFailure, warnOfMissingResponse } from './report.js';
import { keysOf, randomToken } from './browser-keys.js';
import { SiteTokens } from './tokens.js';
import type { Begun, Browser, Extras, Finished, FinishedWithScope } from './types.js';
import {
  assertLive,
  assertStorable,
  denialWithoutState,
  newTransaction,
  Transactions,
  type PendingLogins,
} from './transactions.js';

export type { Begun, Browser, Extras, Finished, FinishedWithScope };

export class MastodonLogin {
  /** The option, without a trailing slash. */
  readonly callbackURL: string;
  /** Time limit of `begin` and of `finish`. Milliseconds. @internal */
  readonly timeoutMs: number;
  /** Serves the client metadata document at `clientMetadataURL`. */
  readonly clientMetadata: ClientMetadata;
  private readonly settings: Settings;
  private readonly store: Store;
  private readonly http: Http;
  private readonly lifecycle: ClientLifecycle;
  private readonly lookup: ClientLookup;
  private readonly transactions: Transactions;
  private readonly tokens: SiteTokens;
  private readonly callbacks: ConcurrencyLimit;
  /** Whether an authorization response reached this process. */
  private hasHeardResponse = false;
  /** Identifies the site and its options. A login can be finished only with the audience that began it. */
  private readonly audience: string;

  /** @throws TypeError that names the option at fault */
  constructor(options: LoginOptions, checks = new Checks('MastodonLogin')) {
    const settings = readOptions(options, checks);
    const { clientName, callbackURL, website, scope, outbound } = settings;
    this.settings = settings;
    this.callbackURL = callbackURL;
    this.timeoutMs = outbound.loginTimeoutMs;
    this.audience = digest(JSON.stringify([clientName, callbackURL, website, scope]));
    this.store = new Store(options.store, outbound.timeoutMs);
    this.http = new Http(settings);
    const failures = new Failures(this.store, outbound.failureCooldownMs);
    this.lifecycle = new ClientLifecycle(this.store, settings, failures);
    const discovery = new Discovery(this.store, settings, this.http);
    this.lookup = new ClientLookup(settings, discovery, this.lifecycle, failures);
    this.clientMetadata = new ClientMetadata(settings, this.store, this.lifecycle.scopes);
    this.callbacks = new ConcurrencyLimit({
      inAll: outbound.maxConcurrentCallbacks,
      perInstance: outbound.maxConcurrentCallbacksPerInstance,
      waiting: outbound.maxWaiting,
    });
    this.tokens = new SiteTokens(this.lifecycle);
    this.transactions = new Transactions(this.store, this.audience);
  }

  /**
   * Finds the instance of an address, without a registration.
   * @param typed a domain, a handle or a URL, as the visitor typed it
   * @throws MastodonError
   */
  find(typed: unknown): Promise<Instance> {
    return this.run(async (seen) => {
      const address = (seen.address = parseAddress(typed, this.settings.developmentOrigins));
      return this.within(address.host, (context) => this.lookup.find(context, address));
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
    return this.run(async (seen) => {
      const address = (seen.address = parseAddress(typed, this.settings.developmentOrigins));
      const scope = options.scope === undefined ? undefined : checkedScope(options.scope);
      assertStorable(options.state);
      const pending = this.pendingOf(browser, extras.isNew);
      return this.within(address.host, async (context) => {
        if (scope !== undefined) await this.lifecycle.scopes.add(scope);
        const { instance, app, client } = await this.lookup.get(context, address, scope, pending);
        const state = randomToken();
        const login = newTransaction(instance, app, client, this.audience, address, options.state);
        if (app.clientId !== undefined) await this.clientMetadata.began(instance.host);
        context.throwIfOver();
        if (isDevelopment() && !this.hasHeardResponse && (await pending.unfinished(instance.host)))
          warnOfMissingResponse(this.callbackURL);
        await pending.save(state, login);
        this.lifecycle.clients.started(app.key);
        report(this.settings.log, 'begun', instance);
        return {
          redirect: authorizationURL(instance, login, state, options, extras.authorization),
          instance,
        };
      });
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
    return this.run(async (seen) => {
      const target = targetOf(callback);
      const response = readResponse(target);
      const hostInPath = instanceInPath(target, this.callbackURL);
      const pending = this.pendingOf(browser);
      return this.within(hostInPath, (context) =>
        // The login is taken within the concurrency limit. A visitor who is refused here can open the same URL again.
        this.callbacks.run(context, hostInPath, async () => {
          if (response.state === undefined)
            throw await denialWithoutState(pending, hostInPath, response.error);
          const login = await pending.take(response.state);
          assertLive(login, this.audience);
          seen.login = login;
          context.typed = login.typed;
          const { instance, applicationState } = login;
          context.isPendingAt(instance.host);
          assertSameInstance(login, response, hostInPath);
          if (extras.isWanted && !(await extras.isWanted(applicationState)))
            throw new MastodonError('login_expired', {
              cause: new Error('the program that began it is gone'),
            });
          await context.assertAllowed(instance.host);
          const of = { host: instance.host, appKey: login.appKey, clientId: login.clientId };
          const { tokens, credentials } = await redeem(
            context,
            this.lifecycle,
            pending,
            login,
            of,
            response,
            extras.token,
          );
          const { accessToken } = tokens;
          const revoke = () => this.tokens.revokeLater(context, instance, credentials, accessToken);
          try {
            const account = await accountAfterConsent(
              context,
              this.lifecycle,
              pending,
              login,
              of,
              accessToken,
            );
            const { developmentOrigins } = this.settings;
            const profile = await buildProfile(new Documents(context), developmentOrigins, instance, account);
            const grants = [tokens.refreshToken, login.hasOwnScope && accessToken].filter(
              (token) => typeof token === 'string',
            );
            for (const token of grants) await this.lifecycle.clients.rememberGrant(instance, token, of);
            await pending.keysFinished?.();
            report(this.settings.log, 'finished', profile.instance);
            return { ...tokens, profile, state: applicationState, askedScope: login.scope, revoke };
          } catch (error) {
            // The caller does not receive the token.
            revoke();
            throw error;
          }
        }),
      );
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
    return this.transactions.hasFinished(browserKey);
  }

  /** Reports a refusal by an adapter to the log. @internal */
  refused(error: MastodonError): MastodonError {
    reportFailure(this.settings.log, error);
    return error;
  }

  /**
   * Reports a failure, and throws a new error for each caller. Callers of shared work would otherwise share one error.
   */
  private async run<T>(story: (seen: Seen) => Promise<T>, isLogin = true): Promise<T> {
    const seen: Seen = {};
    try {
      return await story(seen);
    } catch (error) {
      const own = error instanceof MastodonError ? toldOf(error, seen) : error;
      if (isLogin) reportFailure(this.settings.log, own);
      else if (own instanceof MastodonError) warnOfFailure(own);
      throw own;
    }
  }

  /** Runs `begin` or `finish` under one deadline, including the store, queues, locks and callbacks of the site. */
  private async within<T>(typed: string, work: (context: RequestContext) => Promise<T>): Promise<T> {
    const { loginTimeoutMs: timeoutMs } = this.settings.outbound;
    const context = this.http.context({ timeoutMs, typed: typed === '' ? undefined : typed });
    try {
      return await context.race(work(context));
    } finally {
      context.end();
    }
  }

  private pendingOf(browser: Browser, isNew?: boolean): PendingLogins {
    if (browser instanceof Object && 'take' in browser) return browser;
    return this.transactions.of(keysOf(browser), isNew);
  }

  /** Runs work at the instance of exactly this origin, because a token must not be sent to another server. */
  private atOrigin<T>(
    origin: string,
    work: (context: RequestContext, instance: Instance) => Promise<T>,
  ): Promise<T> {
    return this.run(async (seen) => {
      const address = (seen.address = parseAddress(origin, this.settings.developmentOrigins));
      return this.within(address.host, async (context) => {
        const instance = await this.lookup.find(context, address);
        if (instance.origin === origin) return work(context, instance);
        const cause = new Error('the server has moved to another origin since the token was issued');
        throw new MastodonError('instance_unsupported', { instance: instance.host, cause });
      });
    }, false);
  }
}
