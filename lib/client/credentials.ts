/** Client credentials that a login can rely on: there already, or registered now; asked after where there is doubt. */

import { lru } from 'tiny-lru';
import { Gate } from '../http/gate.js';
import type { Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { Instance, LoginTransaction, PinnedInstance, Settings } from '../options.js';
import type { Store } from '../store.js';
import { clientKey, describeApp, isKnownByURL, type Client } from './client.js';
import { Clients } from './clients.js';
import { CodeCheck } from './code-check.js';
import { decide, proofEveryMs } from './doubt.js';
import type { Failures } from '../discovery/failures.js';
import { isClientAlive } from './proof.js';
import { Registrar } from './registrar.js';
import { checksNoCodes, provesNothing } from '../discovery/software.js';
import { clientIdAt } from './url-client.js';

/** Clients of one instance said to be dead in ten minutes, none of them used. Mastodon allows five registrations then. */
const deathsBelieved = 3;

/** Logins begun in a row, by whomever, and none of them finished: reason enough to ask. */
const unfinishedInARow = 10;
const aMomentMs = 20;

const tenMinutes = 10 * 60 * 1000;

export class Credentials {
  readonly clients: Clients;
  readonly codes: CodeCheck;
  private readonly registrar: Registrar;
  private readonly proving = new SingleFlight<Client | undefined>();
  private readonly proofs: Gate;
  private readonly keys = new WeakMap<Instance, string>();
  /** Clients said to be dead since one was last used, by the key they were kept at. */
  private readonly deaths = lru<Set<string>>(1000, tenMinutes);
  /** Logins begun since one was last finished, by the key of the client. */
  private readonly begun = lru<{ readonly count: number; readonly at: number }>(1000, tenMinutes);

  constructor(
    private readonly network: Network,
    store: Store,
    private readonly settings: Settings,
    failures: Failures,
  ) {
    this.clients = new Clients(store);
    this.codes = new CodeCheck(network, this.clients, failures);
    this.registrar = new Registrar(store, settings, this.clients, failures, (...registered) =>
      this.getToKnow(...registered),
    );
    const { maxConcurrentStarts, maxWaiting, timeoutMs } = settings.outbound;
    this.proofs = new Gate({
      inAll: maxConcurrentStarts,
      perInstance: maxConcurrentStarts,
      waiting: maxWaiting,
      waitMs: timeoutMs,
    });
  }

  /**
   * Credentials that are there already and believed to live; `undefined` means: register.
   * @param unfinished when this browser began the logins there from which it never came back
   */
  async current(instance: Instance, unfinished: readonly number[]): Promise<Client | undefined> {
    const client = await this.clients.current(this.keyAt(instance));
    if (!client || isKnownByURL(client)) return client;
    // Its time is written down before its outcome is known: who has a doubt waits for it.
    const underWay = unfinished.length > 0 ? this.proving.joined(client.key) : undefined;
    if (underWay) return underWay;
    const now = Date.now();
    let decision = decide(client, { now, unfinished, isMute: false });
    if (decision === 'use') return client;
    // Only now: most logins give no reason to look that up.
    if (await this.isMute(instance)) decision = decide(client, { now, unfinished, isMute: true });
    if (decision === 'use') return client;
    if (decision === 'ask') return this.prove(instance, client);
    const inVain = client.finishedAt === undefined ? (client.inVain ?? 0) + 1 : 0;
    await this.clients.retire(client, { replacedAt: now, inVain });
    return undefined;
  }

  /** @throws MastodonError as `Registrar.register`; `instance_insecure` where it is known beforehand */
  async register(instance: Instance, network: Network): Promise<Client> {
    const client = await this.registrar.register(instance, network);
    // Nobody is sent to a server that is known for this, only to be refused when they come back.
    if (checksNoCodes(instance.software)) await this.codes.before(instance, client);
    return client;
  }

  /** The very client a login was begun with, current or replaced. @throws MastodonError `store_failed` */
  async ofLogin(login: LoginTransaction): Promise<Client | undefined> {
    const { credentialsKey: key, clientId, redirectURI, scope, instance } = login;
    const found = await this.clients.find(key, clientId);
    const { clientMetadataURL } = this.settings;
    const { host, clientMetadata } = instance;
    if (found || clientMetadataURL === undefined || clientMetadata === undefined) return found;
    if (clientId !== clientIdAt(clientMetadataURL, host, clientMetadata)) return undefined;
    // What was forgotten here is only when its codes were last tried.
    return { key, clientId, redirectURI, scope, registeredAt: 0, provedAt: 0 };
  }

  /** The clients that this site has or had at the instance, the current one first. */
  clientsAt(instance: Instance): Promise<Client[]> {
    return this.clients.all(this.keyAt(instance));
  }

  /** Somebody was sent to the instance. */
  noteBegun(instance: Instance, client: Client): void {
    const now = performance.now();
    const before = this.begun.get(client.key) ?? { count: 0, at: -Infinity };
    // A crowd that comes at the same moment has had no time to come back.
    if (now - before.at < aMomentMs) return;
    this.begun.set(client.key, { count: before.count + 1, at: now });
    // Nobody waits for it: those who come next profit.
    if (before.count >= unfinishedInARow) void this.prove(instance, client).catch(() => undefined);
  }

  /** A login was finished: the client is known, and in use. */
  async confirm(instance: PinnedInstance, client: Client): Promise<void> {
    // One that was said to be dead: so that says nothing there.
    if (this.deaths.get(client.key)?.has(client.clientId)) await this.clients.rememberMute(instance);
    this.deaths.delete(client.key);
    this.begun.delete(client.key);
    await this.clients.finished(client);
  }

  /**
   * Asks the instance whether it still knows the client, at most once a minute, and replaces the client if not.
   * @returns the client, or `undefined` when it is dead
   */
  async prove(instance: PinnedInstance, client: Client): Promise<Client | undefined> {
    // Whoever comes while a proof is under way waits for it: its time is written down before its outcome is known.
    if (isKnownByURL(client)) return client;
    return this.proving.run(client.key, async () => {
      const provedAt = Date.now();
      if (provedAt - client.provedAt < proofEveryMs || (await this.isMute(instance))) return client;
      // Written first: other processes see that the proof of this minute is under way.
      await this.clients.update(client, { provedAt });
      const alive = () => isClientAlive(this.network, instance, client);
      // No room for the question is no answer, and no answer counts as alive.
      if (await this.proofs.run(instance.host, alive).catch(() => true)) return { ...client, provedAt };
      return (await this.giveUp(client)) ? undefined : client;
    });
  }

  /**
   * The instance said that it does not know the client, so a new one is registered next. Where one client after
   * another is said to be unknown, and none gets to be used, registering is no cure.
   * @returns whether that was believed
   */
  async giveUp(client: Client): Promise<boolean> {
    const deaths = (this.deaths.get(client.key) ?? new Set()).add(client.clientId);
    if (deaths.size > deathsBelieved) return false;
    this.deaths.set(client.key, deaths);
    await this.clients.retire(client, { wasRefused: true });
    return true;
  }

  /** What can be found out about an instance while the visitor is there. Nobody waits for it, or hears of it here. */
  private getToKnow(instance: Instance, client: Client, wasRefused: boolean): void {
    const { host } = instance;
    void this.proofs.run(host, () => this.codes.before(instance, client)).catch(() => undefined);
    if (!wasRefused) return;
    // An instance that does not know even the client that it has just given says so of all (Iceshrimp).
    void this.proofs
      .run(host, () => isClientAlive(this.network, instance, client))
      .then(
        (isAlive) => (isAlive ? undefined : this.clients.rememberMute(instance)),
        () => undefined,
      );
  }

  private async isMute(instance: PinnedInstance): Promise<boolean> {
    return provesNothing(instance.software) || this.clients.isMute(instance);
  }

  private keyAt(instance: Instance): string {
    let key = this.keys.get(instance);
    if (key === undefined) {
      key = clientKey(instance, describeApp(instance, this.settings));
      // Only of what nobody can change; the default store gives all who look the same record.
      if (Object.isFrozen(instance)) this.keys.set(instance, key);
    }
    return key;
  }
}
