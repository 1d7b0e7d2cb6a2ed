/** Keeps the client credentials of every instance: registered once, shared by all, replaced when they die. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import { Gate } from '../net/gate.js';
import type { Network } from '../net/network.js';
import { SingleFlight } from '../net/single-flight.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import type { Store } from '../store.js';
import { clientKey, describeApp, grantKey, isClient, ownKey, type Client } from './client.js';
import type { Failures } from './failures.js';
import { underLease } from './lease.js';
import { isClientAlive } from './proof.js';
import {
  assertCodesAreChecked,
  RefusedError,
  registerApp,
  UncheckedCodesError,
  type AppDescription,
  type ClientCredentials,
} from './registration.js';
import { provesNothing } from './software.js';

/** What an instance gave for a registration. */
interface Registered {
  readonly scope: string;
  readonly credentials: ClientCredentials;
}

export interface ClientNeeds {
  /** This browser was sent to the instance before and did not come back: the credentials may be the reason. */
  readonly suspicious: boolean;
}

const minute = 60 * 1000;
const hour = 60 * minute;
const day = 24 * hour;

/** How long it is remembered which client a refresh token belongs to; each use begins it anew. */
const grantTtlMs = 90 * day;

/** Longer than a begun login lives: one that was begun with replaced credentials is finished with them. */
const replacedTtlMs = hour;

/** Servers that clean away unused apps (Pleroma) give them a little longer than this. */
const unusedTtlMs = 10 * minute;

/** Replacements in ten minutes, none of them used. Mastodon allows five registrations in that time. */
const deathsBelieved = 3;

export class Credentials {
  private readonly registering = new SingleFlight<Client>();
  private readonly proving = new SingleFlight<Client | undefined>();
  /** What this process used last, for when the store cannot be read or did not take it. */
  private readonly recent = lru<Client>(1000, hour, true);
  /** Registered, but not checked and saved yet: the next try goes on from there, and does not register again. */
  private readonly unsaved = lru<Registered>(1000, 10 * minute);

  private readonly proofs: Gate;

  /** Clients that were dropped since one was last used, by the key they were kept at. */
  private readonly deaths = lru<Set<string>>(1000, 10 * minute);

  constructor(
    private readonly network: Network,
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly failures: Failures,
  ) {
    const { maxPreparations, maxWaiting, timeoutMs } = settings.outbound;
    this.proofs = new Gate({
      inAll: maxPreparations,
      perInstance: maxPreparations,
      waiting: maxWaiting,
      waitMs: timeoutMs,
    });
  }

  /** Credentials that are there already and believed to live; `undefined` means: register. */
  async current(instance: Instance, needs: ClientNeeds): Promise<Client | undefined> {
    const app = describeApp(instance, this.settings);
    const key = clientKey(instance, app);
    const client = await this.load(key);
    if (!client) return undefined;
    const age = Date.now() - Math.max(client.provedAt, client.registeredAt);
    const doubtful = needs.suspicious || age > (client.used ? day : unusedTtlMs);
    if (!doubtful) return client;
    if (!provesNothing(instance.software)) return this.prove(instance, client);
    if (!needs.suspicious || age < minute) return client;
    await this.retire(client);
    return undefined;
  }

  /** Makes room for a successor; logins that were begun with the client can still be finished with it. */
  private async retire(client: Client): Promise<void> {
    await this.store.cache(ownKey(client.key, client.clientId), client, replacedTtlMs);
    this.recent.delete(client.key);
    await this.store.drop(client.key);
  }

  /**
   * Asks the instance whether it still knows the client, at most once a minute, and forgets the client if not.
   * @returns the client, or `undefined` when it is dead
   */
  async prove(instance: PinnedInstance, client: Client): Promise<Client | undefined> {
    // Whoever comes while a proof is under way waits for it: its time is written down before its outcome is known.
    return this.proving.run(client.key, async () => {
      if (Date.now() - client.provedAt < minute) return client;
      const proved = { ...client, provedAt: Date.now() };
      // Written first: other processes see that the proof of this minute is under way.
      await this.update(client, { provedAt: proved.provedAt });
      const alive = () => isClientAlive(this.network, instance, client);
      // No room for the question is no answer, and no answer counts as alive.
      if (await this.proofs.run(instance.host, alive).catch(() => true)) return proved;
      await this.drop(client);
      return undefined;
    });
  }

  /** A login was finished: the client is known, and in use. */
  async confirm(client: Client): Promise<void> {
    this.deaths.delete(client.key);
    if (!client.used) await this.update(client, { used: true });
  }

  /** Best effort, and only while this client is the current one: a replaced one must not come back. */
  private async update(client: Client, changes: Partial<Client>): Promise<void> {
    const current = await this.store.cached(client.key);
    if (!isClient(current) || current.clientId !== client.clientId) return;
    const updated = { ...current, ...changes };
    this.recent.set(ownKey(client.key, client.clientId), updated);
    await this.store.cache(client.key, updated);
  }

  /**
   * Registers, once for any number of callers and processes.
   * @throws MastodonError as `registerApp` and `assertCodesAreChecked`, or `store_failed`
   */
  async register(instance: Instance): Promise<Client> {
    const app = describeApp(instance, this.settings);
    const key = clientKey(instance, app);
    return this.registering.run(key, async () => {
      const there = await this.load(key);
      if (there) return there;
      if (!this.store.isShared) return this.registerNow(instance, app, key);
      const patienceMs = this.settings.outbound.timeoutMs;
      return underLease(
        this.store,
        `${key}:lease`,
        patienceMs,
        () => this.load(key),
        () => this.registerNow(instance, app, key),
      );
    });
  }

  /** The very client a login was begun with, current or replaced. @throws MastodonError `store_failed` */
  async find(key: string, clientId: string): Promise<Client | undefined> {
    const remembered = this.recent.get(ownKey(key, clientId));
    if (remembered) return remembered;
    const current = await this.store.read(key);
    if (isClient(current) && current.clientId === clientId) return current;
    const replaced = await this.store.read(ownKey(key, clientId));
    return isClient(replaced) && replaced.clientId === clientId ? replaced : undefined;
  }

  /** Which client a refresh token belongs to; best effort, as the current client is the one in nearly all cases. */
  async rememberGrant(instance: PinnedInstance, refreshToken: string, client: Client): Promise<void> {
    const { key, clientId } = client;
    await this.store.cache(grantKey(instance, refreshToken), { key, clientId }, grantTtlMs);
  }

  async clientOfGrant(instance: Instance, refreshToken: string): Promise<Client | undefined> {
    const { key, clientId } = ((await this.store.cached(grantKey(instance, refreshToken))) ?? {}) as Record<
      string,
      unknown
    >;
    if (typeof key === 'string' && typeof clientId === 'string') return this.find(key, clientId);
    return (await this.clientsAt(instance))[0];
  }

  /** The clients that this site has or had at the instance, the current one first. */
  async clientsAt(instance: Instance): Promise<Client[]> {
    const client = await this.load(clientKey(instance, describeApp(instance, this.settings)));
    return client ? [client] : [];
  }

  /**
   * Forgets credentials that the instance no longer knows, unless they have been replaced meanwhile. Where one
   * client after another is said to be unknown, and none gets to be used, registering is no cure.
   */
  async drop(client: Pick<Client, 'key' | 'clientId'>): Promise<void> {
    const deaths = (this.deaths.get(client.key) ?? new Set()).add(client.clientId);
    if (deaths.size > deathsBelieved) return;
    this.deaths.set(client.key, deaths);
    this.recent.delete(client.key);
    this.recent.delete(ownKey(client.key, client.clientId));
    await this.store.drop(ownKey(client.key, client.clientId));
    const current = await this.store.cached(client.key);
    if (isClient(current) && current.clientId === client.clientId) await this.store.drop(client.key);
  }

  private async load(key: string): Promise<Client | undefined> {
    try {
      const stored = await this.store.read(key);
      if (!isClient(stored) || stored.key !== key) return undefined;
      this.recent.set(key, stored);
      return stored;
    } catch {
      // Registering at every login while the store is away would soon be throttled.
      return this.recent.get(key);
    }
  }

  private async registerNow(instance: Instance, app: AppDescription, key: string): Promise<Client> {
    try {
      return await this.registerAndCheck(instance, app, key);
    } catch (error) {
      const forMs = verdictMs(error);
      if (forMs !== undefined)
        await this.failures.remember((error as MastodonError).code, instance.host, forMs);
      throw error;
    }
  }

  private async registerAndCheck(instance: Instance, app: AppDescription, key: string): Promise<Client> {
    await this.failures.assertNoVerdict(instance.host);
    const registered = this.unsaved.get(key) ?? (await this.registerWithLeastScope(instance, app));
    this.unsaved.set(key, registered);
    const { scope, credentials } = registered;
    await assertCodesAreChecked(this.network, instance, app, credentials);
    const client: Client = {
      ...credentials,
      key,
      redirectURI: app.redirectURI,
      scope,
      registeredAt: Date.now(),
      provedAt: 0,
    };
    this.recent.set(key, client);
    this.recent.set(ownKey(key, client.clientId), client);
    // Under its own name first: whoever finds it as the current one can rely on finding it again.
    await this.store.save(ownKey(key, client.clientId), client, replacedTtlMs);
    await this.store.save(key, client);
    this.unsaved.delete(key);
    return client;
  }

  /** A server that does not take the scope chosen for it takes `read`, unless the site insists on its own. */
  private async registerWithLeastScope(instance: Instance, app: AppDescription): Promise<Registered> {
    try {
      return { scope: app.scope, credentials: await registerApp(this.network, instance, app) };
    } catch (error) {
      const status =
        error instanceof MastodonError && error.cause instanceof RefusedError ? error.cause.status : 0;
      if (this.settings.scope !== undefined || app.scope === 'read' || ![400, 422].includes(status))
        throw error;
      const credentials = await registerApp(this.network, instance, { ...app, scope: 'read' });
      return { scope: 'read', credentials };
    }
  }
}

/** How long a failed registration says something about the next one. */
function verdictMs(error: unknown): number | undefined {
  if (!(error instanceof MastodonError)) return undefined;
  if (error.cause instanceof UncheckedCodesError) return hour;
  if (error.code !== 'registration_throttled') return undefined;
  return error.cause instanceof RefusedError ? error.cause.retryAfterMs : undefined;
}
