/** Introduces this site to an instance: registers it, once for any number of callers and processes, or names its URL. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import type { Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { Instance, Settings } from '../options.js';
import type { Store } from '../store.js';
import { clientKey, describeApp, type Client } from './client.js';
import type { Clients } from './clients.js';
import type { Failures } from '../discovery/failures.js';
import { underLease } from './lock.js';
import { RefusedError, registerApp, type AppDescription, type ClientCredentials } from './registration.js';

/** What an instance gave for a registration, or knows without. */
interface Registered {
  readonly scope: string;
  readonly credentials: ClientCredentials;
}

type RegisteringInstance = Parameters<typeof registerApp>[1];

export class Registrar {
  private readonly registering = new SingleFlight<Client>();
  /** Registered, but not saved yet: the next try goes on from there, and does not register again. */
  private readonly unsaved = lru<Registered>(1000, 10 * 60 * 1000);

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly clients: Clients,
    private readonly failures: Failures,
    /** Told of each new client, and whether the instance said that it did not know the one before. */
    private readonly onRegistered: (instance: Instance, client: Client, wasRefused: boolean) => void,
  ) {}

  /** @throws MastodonError as `registerApp`, or `store_failed` */
  async register(instance: Instance, network: Network): Promise<Client> {
    const app = describeApp(instance, this.settings);
    const key = clientKey(instance, app);
    return this.registering.run(key, async () => {
      const there = await this.clients.current(key);
      if (there) return there;
      // A URL that two processes name is one and the same.
      if (!this.store.isShared || app.clientId !== undefined)
        return this.registerNow(network, instance, app, key);
      return underLease(
        this.store,
        `${key}:lease`,
        this.settings.outbound.timeoutMs,
        () => this.clients.current(key),
        () => this.registerNow(network, instance, app, key),
      );
    });
  }

  private async registerNow(
    network: Network,
    instance: Instance,
    app: AppDescription,
    key: string,
  ): Promise<Client> {
    await this.failures.assertNoVerdict(instance.host);
    const registered = this.unsaved.get(key) ?? (await this.introduce(network, instance, app));
    this.unsaved.set(key, registered);
    const { scope, credentials } = registered;
    const { former, replacedAt, inVain, wasRefused = false } = await this.clients.succession(key);
    const client: Client = {
      ...credentials,
      ...{ key, redirectURI: app.redirectURI, scope },
      registeredAt: Date.now(),
      // Where it replaces one without a proof, that was the answer to the doubt of this moment.
      provedAt: replacedAt ?? 0,
      ...(former !== undefined && { former }),
      ...(replacedAt !== undefined && { replacedAt }),
      ...(inVain !== undefined && { inVain }),
    };
    await this.clients.add(client);
    this.unsaved.delete(key);
    this.settings.log('registered', { instance: instance.host });
    this.onRegistered(instance, client, wasRefused);
    return client;
  }

  private async introduce(network: Network, instance: Instance, app: AppDescription): Promise<Registered> {
    const { registrationEndpoint } = instance;
    if (registrationEndpoint !== undefined) {
      return this.registerWithLeastScope(network, { ...instance, registrationEndpoint }, app);
    }
    if (app.clientId !== undefined) return { scope: app.scope, credentials: { clientId: app.clientId } };
    throw new MastodonError('instance_unsupported', {
      instance: instance.host,
      cause: new Error(
        'the server knows clients by their URL, and the option "clientMetadataURL" is not set',
      ),
    });
  }

  /** A server that does not take the scope chosen for it takes `read`, unless the site insists on its own. */
  private async registerWithLeastScope(
    network: Network,
    instance: RegisteringInstance,
    app: AppDescription,
  ): Promise<Registered> {
    try {
      return { scope: app.scope, credentials: await this.send(network, instance, app) };
    } catch (error) {
      const status =
        error instanceof MastodonError && error.cause instanceof RefusedError ? error.cause.status : 0;
      if (this.settings.scope !== undefined || app.scope === 'read' || ![400, 422].includes(status))
        throw error;
      return { scope: 'read', credentials: await this.send(network, instance, { ...app, scope: 'read' }) };
    }
  }

  private async send(
    network: Network,
    instance: RegisteringInstance,
    app: AppDescription,
  ): Promise<ClientCredentials> {
    try {
      return await registerApp(network, instance, app);
    } catch (error) {
      if (
        error instanceof MastodonError &&
        error.cause instanceof RefusedError &&
        error.cause.retryAfterMs !== undefined
      ) {
        await this.failures.remember(error.code, instance.host, error.cause.retryAfterMs);
      }
      throw error;
    }
  }
}
