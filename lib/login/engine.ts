/** The engine: what a login is made of, and how its parts follow each other. It knows no framework and no request. */

import { MastodonError } from '../errors.js';
import { parseAddress } from '../discovery/address.js';
import { Credentials } from '../client/credentials.js';
import { Failures } from '../discovery/failures.js';
import { Policy } from '../discovery/policy.js';
import { Preparation } from '../discovery/preparation.js';
import { Network } from '../http/network.js';
import type { BeginOptions, Instance, KeyValueStore, Settings } from '../options.js';
import { digest } from '../util/digest.js';
import { Store } from '../store.js';
import { authorizationURL } from './authorization.js';
import { BegunLogins, type BrowserLogins } from './begun-logins.js';
import { targetOf, type Target } from './response.js';
import { ClientMetadata } from '../client/metadata-document.js';
import { Completions } from './completions.js';
import type { Begun, Browser, Extras, FinishedWithScope } from './door.js';
import { KeptTokens } from './kept-tokens.js';
import { report, reportFailure } from './report.js';
import type { Tokens } from './token.js';
import { randomToken } from './state.js';
import { beginTransaction } from './transaction.js';

export class Engine {
  readonly clientMetadata: ClientMetadata;
  private readonly developmentOrigins: ReadonlySet<string>;
  private readonly store: Store;
  private readonly network: Network;
  private readonly policy: Policy;
  private readonly credentials: Credentials;
  private readonly preparation: Preparation;
  private readonly tokens: KeptTokens;
  private readonly completions: Completions;
  /** Says for whom a login was begun: nobody else, who may share the store, finishes it. */
  private readonly audience: string;

  constructor(
    private readonly settings: Settings,
    keyValueStore: KeyValueStore | undefined,
  ) {
    const { outbound, clientName, callbackURL, website, scope } = settings;
    const store = new Store(keyValueStore, outbound.timeoutMs);
    this.store = store;
    this.clientMetadata = new ClientMetadata(settings);
    this.developmentOrigins = settings.developmentOrigins;
    this.audience = digest(JSON.stringify([clientName, callbackURL, website, scope]));
    this.network = new Network(settings);
    this.policy = new Policy(settings);
    const failures = new Failures(store, outbound.failureCooldownMs);
    this.credentials = new Credentials(this.network, store, settings, failures);
    this.preparation = new Preparation(
      this.network,
      store,
      settings,
      this.policy,
      this.credentials,
      failures,
    );
    this.tokens = new KeptTokens(this.network, this.credentials, store, outbound.timeoutMs);
    this.completions = new Completions(this.network, this.policy, this.credentials, settings, this.audience);
  }

  async find(typed: unknown): Promise<Instance> {
    return this.preparation.find(parseAddress(typed, this.developmentOrigins));
  }

  /** Address → instance → credentials → redirect. */
  async begin(typed: unknown, browser: Browser, options: BeginOptions, extras: Extras): Promise<Begun> {
    try {
      const logins = this.loginsOf(browser, extras.isNew);
      const address = parseAddress(typed, this.developmentOrigins);
      const { instance, client } = await this.preparation.prepare(address, logins);
      const login = beginTransaction(instance, client, this.audience, address, options.state);
      const state = randomToken();
      await logins.save(state, login);
      this.credentials.noteBegun(instance, client);
      const redirect = authorizationURL(instance, login, state, options, extras.authorization);
      report(this.settings.log, 'begun', instance);
      return { redirect, instance };
    } catch (error) {
      reportFailure(this.settings.log, error);
      // Callers that shared an operation share what it threw: each gets an error of its own.
      throw error instanceof MastodonError ? error.with({}) : error;
    }
  }

  /** Answer → transaction → token → account → profile. */
  async finish(answer: Target | string, browser: Browser, extras: Extras): Promise<FinishedWithScope> {
    try {
      const finished = await this.completions.run(targetOf(answer), this.loginsOf(browser), extras);
      report(this.settings.log, 'finished', finished.profile.instance);
      return finished;
    } catch (error) {
      reportFailure(this.settings.log, error);
      // Callers that shared an operation share what it threw: each gets an error of its own.
      throw error instanceof MastodonError ? error.with({}) : error;
    }
  }

  async refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.tokens.refresh(await this.instanceAt(origin), refreshToken);
  }

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

  private loginsOf(browser: Browser, isNew?: boolean): BrowserLogins {
    if (typeof browser !== 'string' && 'take' in browser) return browser;
    const keys = typeof browser === 'string' ? [browser] : browser;
    return new BegunLogins(this.store, this.audience, keys, isNew);
  }
}
