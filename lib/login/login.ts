/** `MastodonLogin`: the login itself, for any door to stand on. It knows no framework and no request. */

import type { Checks } from '../checks.js';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import { parseAddress } from '../instance/address.js';
import { Credentials } from '../instance/credentials.js';
import { Failures } from '../instance/failures.js';
import { Policy } from '../instance/policy.js';
import { Preparation } from '../instance/preparation.js';
import { Scout } from '../instance/scout.js';
import { Gate } from '../net/gate.js';
import { Network } from '../net/network.js';
import {
  readOptions,
  type BeginOptions,
  type Instance,
  type LoginLog,
  type LoginOptions,
  type LoginTransaction,
} from '../options.js';
import { digest, Store } from '../store.js';
import { fetchAccount } from './account.js';
import { authorizationURL } from './authorization.js';
import { BegunLogins, type BrowserLogins } from './begun-logins.js';
import {
  answerURL,
  assertSameInstance,
  codeOf,
  instanceInPath,
  readCallback,
  type CallbackParams,
} from './callback.js';
import type { Begun, Browser, Extras, Finished, FinishedWithScope } from './door.js';
import { exchange, type Exchanged } from './exchange.js';
import { KeptTokens, revokeLater } from './kept-tokens.js';
import { profileOf, type MastodonProfile } from './profile.js';
import { reported, reportFailure } from './report.js';
import type { Tokens } from './token.js';
import { beginTransaction, isLiveTransaction, randomToken } from './transaction.js';

export type { Begun, Browser, Extras, Finished, FinishedWithScope };

export class MastodonLogin {
  /** As the option says it, without a slash at its end. */
  readonly callbackURL: string;
  private readonly developmentOrigins: ReadonlySet<string>;
  private readonly network: Network;
  private readonly policy: Policy;
  private readonly credentials: Credentials;
  private readonly preparation: Preparation;
  private readonly begun: BegunLogins;
  private readonly log: LoginLog;
  private readonly tokens: KeptTokens;
  private readonly completions: Gate;
  /** Says for whom a login was begun: nobody else, who may share the store, finishes it. */
  private readonly audience: string;

  /** @throws TypeError that names the option at fault */
  constructor(options: LoginOptions, checks?: Checks) {
    const settings = readOptions(options, checks);
    const { outbound, clientName, callbackURL, website, scope } = settings;
    const store = new Store(options.store, outbound.timeoutMs);
    this.callbackURL = callbackURL;
    this.log = settings.log;
    this.developmentOrigins = settings.developmentOrigins;
    this.audience = digest(JSON.stringify([clientName, callbackURL, website, scope]));
    this.network = new Network(settings);
    this.policy = new Policy(settings);
    const failures = new Failures(store, outbound.failureMemoryMs);
    this.credentials = new Credentials(this.network, store, settings, failures);
    this.preparation = new Preparation(
      this.network,
      store,
      settings,
      this.policy,
      this.credentials,
      failures,
    );
    this.begun = new BegunLogins(store, this.audience);
    this.tokens = new KeptTokens(this.network, this.credentials);
    this.completions = new Gate({
      inAll: outbound.maxExchanges,
      perInstance: outbound.maxExchangesPerInstance,
      waiting: outbound.maxWaiting,
      waitMs: outbound.timeoutMs,
    });
  }

  /**
   * The instance that somebody typed, without registering there.
   * @param typed a domain, a handle or a URL, as it came
   * @throws MastodonError
   */
  async find(typed: unknown): Promise<Instance> {
    return this.preparation.find(parseAddress(typed, this.developmentOrigins));
  }

  /**
   * Address → instance → credentials → redirect.
   * @param typed a domain, a handle or a URL, as it came
   * @param browser the key that only this browser has
   * @throws MastodonError
   */
  async begin(
    typed: unknown,
    browser: Browser,
    options: BeginOptions = {},
    extras: Extras = {},
  ): Promise<Begun> {
    const begun = async () => {
      const logins = this.loginsOf(browser);
      const address = parseAddress(typed, this.developmentOrigins);
      const { instance, client } = await this.preparation.prepare(
        address,
        async (host) => (await logins.unfinished(host))?.begunAt ?? [],
      );
      const login = beginTransaction(instance, client, this.audience, options.state);
      const state = randomToken();
      await logins.save(state, login);
      this.credentials.noteBegun(instance, client);
      return { redirect: authorizationURL(instance, login, state, options, extras.authorization), instance };
    };
    return reported(this.log, 'begun', begun, ({ instance }) => instance);
  }

  /** A refusal of the door's own, told to the same log. */
  refused(error: MastodonError): MastodonError {
    reportFailure(this.log, error);
    return error;
  }

  /**
   * Answer → transaction → token → account → profile.
   * @param answer the URL that the browser came back to, or its path and query
   * @throws MastodonError; its `state` is the application's, where the login is known
   */
  async finish(answer: URL | string, browser: Browser, extras: Extras = {}): Promise<Finished> {
    const { profile, accessToken, refreshToken, params, state } = await this.finishWithScope(
      answer,
      browser,
      extras,
    );
    return { profile, accessToken, refreshToken, params, state };
  }

  /**
   * As `finish`, for doors that tell the scope on, or are done with the token at once.
   * @internal
   */
  async finishWithScope(
    answer: URL | string,
    browser: Browser,
    extras: Extras = {},
  ): Promise<FinishedWithScope> {
    const finished = () => this.finishNow(answer, browser, extras);
    return reported(this.log, 'finished', finished, ({ profile }) => profile.instance);
  }

  private async finishNow(
    answer: URL | string,
    browser: Browser,
    extras: Extras,
  ): Promise<FinishedWithScope> {
    const url = answerURL(answer);
    const logins = this.loginsOf(browser);
    const params = readCallback(url);
    const host = instanceInPath(url);
    // Taken only when there is room to finish it: who is turned away here can open the same address again.
    return this.completions.run(host, async () => {
      const login = await this.take(logins, params, host);
      try {
        const { exchanged, profile } = await this.complete(logins, login, params, host, extras);
        return {
          ...exchanged.tokens,
          profile,
          state: login.applicationState,
          askedScope: login.scope,
          revoke: () =>
            revokeLater(this.network, login.instance, exchanged.client, exchanged.tokens.accessToken),
        };
      } catch (error) {
        throw error instanceof MastodonError ? error.withState(login.applicationState) : error;
      }
    });
  }

  /**
   * New tokens for a refresh token, where the instance gives those (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` when the person has to log in again
   */
  async refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.tokens.refresh(await this.instanceAt(origin), refreshToken);
  }

  /**
   * Ends an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or what kept the instance from confirming it
   */
  async revoke(origin: string, accessToken: string): Promise<void> {
    return this.tokens.revoke(await this.instanceAt(origin), accessToken);
  }

  /** The very server that gave a token: it may not be sent to another one that the first has become. */
  private async instanceAt(origin: string): Promise<Instance> {
    const instance = await this.find(origin);
    if (instance.origin === origin) return instance;
    throw new MastodonError('instance_unsupported', {
      instance: instance.host,
      cause: new Error('the server has moved to another origin since the token was issued'),
    });
  }

  private async complete(
    logins: BrowserLogins,
    login: LoginTransaction,
    params: CallbackParams,
    hostInPath: string,
    extras: Extras,
  ): Promise<{ exchanged: Exchanged; profile: MastodonProfile }> {
    const { instance } = login;
    assertSameInstance(login, params, hostInPath);
    await this.policy.assertAllowed(instance.host);
    if (extras.isWanted && !(await extras.isWanted(login.applicationState))) {
      throw new MastodonError('login_expired', { cause: new Error('nobody waits for this login any more') });
    }
    const exchanged = await this.exchange(login, params, extras).catch(async (error: unknown) => {
      // The instance knows the client: nothing is suspicious about this browser's next login.
      if (error instanceof MastodonError && knowsTheClient.has(error.code))
        await logins.finished(instance.host);
      throw error;
    });
    const [account] = await Promise.all([
      fetchAccount(this.network, instance, exchanged.tokens.accessToken),
      this.credentials.codes.after(instance, exchanged.client),
    ]);
    // The instance names the domain of its handles: that one is asked under the rules of a start.
    const scout = new Scout(this.network, instance.origin, (host) => this.policy.assertAllowed(host));
    const profile = await profileOf(scout, this.developmentOrigins, instance, account);
    if (exchanged.tokens.refreshToken !== undefined) {
      await this.credentials.clients.rememberGrant(instance, exchanged.tokens.refreshToken, exchanged.client);
    }
    await logins.finished(instance.host);
    return { exchanged, profile };
  }

  private async exchange(
    login: LoginTransaction,
    params: CallbackParams,
    extras: Extras,
  ): Promise<Exchanged> {
    const code = codeOf(params, login.instance.host);
    return exchange(this.network, this.credentials, login, code, extras.token ?? {});
  }

  /** Taken out before anything is sent, so that nothing can be tried twice with it. */
  private async take(logins: BrowserLogins, params: CallbackParams, host: string): Promise<LoginTransaction> {
    if (params.state !== undefined) {
      const login = await logins.take(params.state);
      const why = problemWith(login, this.audience);
      if (login && why === undefined) return login;
      throw new MastodonError('login_expired', { cause: new Error(why) });
    }
    // Hollo reports a denial without `state`. It is believed only of a browser that began a login there.
    const begun = params.error === 'access_denied' && host !== '' ? await logins.unfinished(host) : undefined;
    if (begun) throw new MastodonError('access_denied', { instance: host }).withState(begun.applicationState);
    throw new MastodonError('login_expired', { cause: new Error('the answer has no state') });
  }

  private loginsOf(browser: Browser): BrowserLogins {
    if (typeof browser === 'string') return this.begun.of([browser]);
    return 'take' in browser ? browser : this.begun.of(browser);
  }
}

/** How a login ends of which the person saw more than an error page of the instance. */
const knowsTheClient: ReadonlySet<MastodonErrorCode> = new Set([
  'access_denied',
  'token_refused',
  'response_invalid',
]);

function problemWith(login: LoginTransaction | undefined, audience: string): string | undefined {
  if (!login)
    return 'no login of this browser has this state: unknown, used, expired, or begun in another browser';
  if (!isLiveTransaction(login)) return 'the login has expired';
  return login.audience === audience ? undefined : 'the login was begun for another site or strategy';
}
