/** The engine: what a login is made of, and how its parts follow each other. It knows no framework and no request. */

import { MastodonError } from '../errors.js';
import { parseAddress } from '../instance/address.js';
import { Credentials } from '../instance/credentials.js';
import { Failures } from '../instance/failures.js';
import { Policy } from '../instance/policy.js';
import { Preparation } from '../instance/preparation.js';
import { Network } from '../net/network.js';
import type { BeginOptions, Instance, KeyValueStore, Settings } from '../options.js';
import { digest } from '../digest.js';
import { Store } from '../store.js';
import { authorizationURL } from './authorization.js';
import { BegunLogins, type BrowserLogins } from './begun-logins.js';
import { answerURL } from './callback.js';
import { ClientDocument } from './client-document.js';
import { Completions } from './completions.js';
import type { Begun, Browser, Extras, FinishedWithScope } from './door.js';
import { KeptTokens } from './kept-tokens.js';
import { reported } from './report.js';
import type { Tokens } from './token.js';
import { randomToken } from './state.js';
import { beginTransaction } from './transaction.js';

export class Engine {
  readonly clientDocument: ClientDocument;
  private readonly developmentOrigins: ReadonlySet<string>;
  private readonly network: Network;
  private readonly policy: Policy;
  private readonly credentials: Credentials;
  private readonly preparation: Preparation;
  private readonly begun: BegunLogins;
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
    this.clientDocument = new ClientDocument(settings);
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
    this.tokens = new KeptTokens(this.network, this.credentials, store, outbound.timeoutMs);
    this.completions = new Completions(this.network, this.policy, this.credentials, settings, this.audience);
  }

  async find(typed: unknown): Promise<Instance> {
    return this.preparation.find(parseAddress(typed, this.developmentOrigins));
  }

  /** Address → instance → credentials → redirect. */
  begin(typed: unknown, browser: Browser, options: BeginOptions, extras: Extras): Promise<Begun> {
    const begun = async () => {
      const logins = this.loginsOf(browser);
      const address = parseAddress(typed, this.developmentOrigins);
      const { instance, client } = await this.preparation.prepare(address, logins);
      const login = beginTransaction(instance, client, this.audience, address, options.state);
      const state = randomToken();
      await logins.save(state, login);
      this.credentials.noteBegun(instance, client);
      return { redirect: authorizationURL(instance, login, state, options, extras.authorization), instance };
    };
    return reported(this.settings.log, 'begun', begun, ({ instance }) => instance);
  }

  /** Answer → transaction → token → account → profile. */
  finish(answer: URL | string, browser: Browser, extras: Extras): Promise<FinishedWithScope> {
    const finished = () => this.completions.run(answerURL(answer), this.loginsOf(browser), extras);
    return reported(this.settings.log, 'finished', finished, ({ profile }) => profile.instance);
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

  private loginsOf(browser: Browser): BrowserLogins {
    if (typeof browser === 'string') return this.begun.of([browser]);
    return 'take' in browser ? browser : this.begun.of(browser);
  }
}
