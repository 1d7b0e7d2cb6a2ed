/** `MastodonLogin`: begins and finishes logins, for every adapter. It depends on no framework. */

import { ClientMetadata } from '../client/metadata-document.js';
import { ClientLifecycle } from '../client/lifecycle.js';
import { parseAddress, type Address } from '../discovery/address.js';
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
import { isDevelopment } from '../events.js';
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
import {
  reportFailure,
  report,
  withLoginDetails,
  type Seen,
  warnOfFailure,
  warnOfMissingResponse,
} from './report.js';
import { keysOf, randomToken } from './browser.js';
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

  /**
   * @param entryPoint checks of an entry point that has checked the names of the options, some of which are its own
   * @throws TypeError that names the option at fault
   */
  constructor(options: LoginOptions, entryPoint?: Checks) {
    const checks = entryPoint ?? new Checks('MastodonLogin');
    if (!entryPoint) checks.options(options, loginOptionNames);
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
    this.clientMetadata = new ClientMetadata(settings, this.store, this.lifecycle.clients);
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
    return this.run(
      (context, seen) => this.lookup.find(context, this.addressOf(typed, context, seen)),
      false,
    );
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
    return this.run(async (context, seen) => {
      const address = this.addressOf(typed, context, seen);
      const scope = options.scope === undefined ? undefined : checkedScope(options.scope);
      assertStorable(options.state);
      const pending = this.pendingOf(browser, extras.isNew);
      if (scope !== undefined) await this.lifecycle.clients.addScope(scope);
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
    return this.run((context, seen) => {
      const target = targetOf(callback);
      const response = readResponse(target);
      const hostInPath = instanceInPath(target, this.callbackURL);
      if (hostInPath !== '') context.typed = hostInPath;
      const pending = this.pendingOf(browser);
      // The login is taken after the concurrency limit. A visitor that the limit refuses can open the URL again.
      return this.callbacks.run(context, hostInPath, async () => {
        if (response.state === undefined) throw await denialWithoutState(pending, hostInPath, response.error);
        const login = await pending.take(response.state);
        assertLive(login, this.audience);
        seen.login = login;
        context.typed = login.typed;
        const { instance, applicationState } = login;
        context.isPendingAt(instance.host);
        assertSameInstance(login, response, hostInPath);
        if (extras.isWanted && !(await extras.isWanted(applicationState)))
          throw new MastodonError('login_expired', { cause: 'the program that began it is gone' });
        await context.assertAllowed(instance.host);
        const { lifecycle } = this;
        const of = { host: instance.host, appKey: login.appKey, clientId: login.clientId };
        const here = { context, lifecycle, pending, login, of };
        const { tokens, credentials } = await redeem(here, response, extras.token);
        const { accessToken } = tokens;
        const revoke = () => this.tokens.revokeLater(context, instance, credentials, accessToken);
        try {
          const account = await accountAfterConsent(here, accessToken);
          const profile = await buildProfile(new Documents(context), instance, account);
          const grants = [tokens.refreshToken, login.hasOwnScope && accessToken];
          for (const token of grants)
            if (typeof token === 'string') await lifecycle.clients.rememberGrant(instance, token, of);
          await pending.keysFinished?.();
          // After the deadline the caller has an error and no token.
          context.throwIfOver();
          report(this.settings.log, 'finished', instance);
          return { ...tokens, profile, state: applicationState, askedScope: login.scope, revoke };
        } catch (error) {
          // No caller receives this token, so it must not stay valid.
          revoke();
          throw error;
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
    return this.transactions.hasFinished(browserKey);
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
    story: (context: RequestContext, seen: Seen) => Promise<T>,
    isLogin = true,
  ): Promise<T> {
    const seen: Seen = {};
    const context = new RequestContext(this.http, { timeoutMs: this.timeoutMs });
    try {
      return await context.race(story(context, seen));
    } catch (error) {
      const own = error instanceof MastodonError ? withLoginDetails(error, seen) : error;
      if (isLogin) reportFailure(this.settings.log, own);
      else if (own instanceof MastodonError) warnOfFailure(own);
      throw own;
    } finally {
      context.end();
    }
  }

  private addressOf(typed: unknown, context: RequestContext, seen: Seen): Address {
    seen.address = parseAddress(typed, this.settings.developmentOrigins);
    context.typed = seen.address.host;
    return seen.address;
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
    return this.run(async (context, seen) => {
      const instance = await this.lookup.find(context, this.addressOf(origin, context, seen));
      if (instance.origin === origin) return work(context, instance);
      const cause = 'the server has moved to another origin since the token was issued';
      throw new MastodonError('instance_unsupported', { instance: instance.host, cause });
    }, false);
  }
}
