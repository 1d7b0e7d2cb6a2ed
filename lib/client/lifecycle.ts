/** Registers and verifies clients, and checks that instances refuse invalid codes. Concurrent callers share the work. */

import { MastodonError } from '../errors.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import { acceptsAnyCode, grantsTokensToAnyClient } from '../discovery/software.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import { storeKey, type Store } from '../store.js';
import { decide, type App, type Client } from './client.js';
import { Clients, type ClientOf, type CodeCheck } from './clients.js';
import { offerInvalidCode, UncheckedCodesError, declareDead, isKnown, verifyClient } from './verification.js';
import { withLock } from './lock.js';
import { RefusedError, registerWithLeastScope } from './registration.js';

const hour = 60 * 60 * 1000;
const day = 24 * hour;

/** The site's app at an instance: with a usable client, or with the client in whose place a new one is registered. */
export type AppAtInstance = RegisteredApp | UnregisteredApp;

export interface RegisteredApp {
  readonly instance: Instance;
  readonly app: App;
  readonly client: Client;
}

interface UnregisteredApp extends Omit<RegisteredApp, 'client'> {
  readonly client: undefined;
  readonly replaced: Client | undefined;
}

export class ClientLifecycle {
  readonly clients: Clients;
  private readonly verifying = new SingleFlight<Client>();
  private readonly registering = new SingleFlight<Client>();
  private readonly checking = new SingleFlight<void>();
  private readonly background: ConcurrencyLimit;

  constructor(
    readonly store: Store,
    readonly settings: Settings,
    private readonly failures: Failures,
  ) {
    this.clients = new Clients(store, settings);
    const { maxConcurrentStarts, maxWaiting } = settings.outbound;
    this.background = new ConcurrencyLimit({
      inAll: maxConcurrentStarts,
      perInstance: 8,
      waiting: maxWaiting,
    });
  }

  /**
   * The current client of an app, if it is usable for a login. Verifies it if `decide` requires that.
   * @param abandoned start times of this browser's unfinished logins at the instance
   * @returns without a usable client, the caller registers a new one
   */
  async usable(
    context: RequestContext,
    instance: Instance,
    app: App,
    abandoned: readonly number[] = [],
  ): Promise<AppAtInstance> {
    const { host, key, clientId, redirectURI, scope } = app;
    context.http.referrals.found.set(host, true);
    if (clientId !== undefined) {
      const never = { generation: 0, registeredAt: 0, verifiedAt: 0 };
      return { instance, app, client: { clientId, redirectURI, scope, state: 'active', ...never } };
    }
    let client = await this.current(context, { host, appKey: key });
    if (!client) return { instance, app, client, replaced: undefined };
    // A verification writes its time before its result, so a caller with an unfinished login waits for a running one.
    const underWay = abandoned.length > 0 ? this.verifying.joined(key) : undefined;
    if (underWay) client = await context.race(underWay);
    const observed = { abandoned, startsInARow: this.clients.startsInARow(key), isUnverifiable: false };
    let next = underWay && client.state !== 'dead' ? 'use' : decide(client, observed, Date.now());
    // Read only here, because most logins do not need it.
    if (next !== 'use' && client.state !== 'dead' && (await this.isUnverifiable(instance)))
      next = decide(client, { ...observed, isUnverifiable: true }, Date.now());
    if (next === 'verify')
      client = await this.verify(context, instance, { host, appKey: key, clientId: client.clientId }, client);
    const isUsable = next !== 'replace' && client.state !== 'dead';
    return isUsable ? { instance, app, client } : { instance, app, client: undefined, replaced: client };
  }

  /** The current client of an app. A login that was finished with it, also by another process, lifts the host's limit. */
  async current(
    { http }: RequestContext,
    { host, appKey }: Pick<ClientOf, 'host' | 'appKey'>,
  ): Promise<Client | undefined> {
    const client = await this.clients.current(host, appKey);
    if (client?.lastLoginAt !== undefined) http.referrals.inUse.set(host, true);
    return client;
  }

  private verify(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    client: Client,
  ): Promise<Client> {
    return this.verifying.join(of.appKey, context, (work) =>
      this.background
        .run(work, of.host, () => verifyClient(work, this.clients, instance, of, client))
        .catch((error: unknown) => {
          // The request was not sent because of a limit, so the client stays as it is.
          if (error instanceof MastodonError && error.code === 'login_busy') return client;
          throw error;
        }),
    );
  }

  /**
   * Registers the app, once for all concurrent callers and processes.
   * @param replaced the client to replace
   * @throws MastodonError as `registerWithLeastScope`; `store_failed`; `instance_insecure` for software known to accept
   *   invalid codes
   */
  register(context: RequestContext, instance: Instance, app: App, replaced?: Client): Promise<Client> {
    const { host, key } = app;
    const there = async () => {
      const client = await this.clients.current(host, key);
      const isLater = client && client.generation > (replaced?.generation ?? 0);
      return client && client.state !== 'dead' && isLater ? client : undefined;
    };
    return this.registering.join(key, context, async (work) => {
      const known = await there();
      if (known) return known;
      const register = () => this.registerNow(work, instance, app);
      if (!this.store.isShared) return register();
      return withLock(this.store, storeKey('lock', host, key), work.remainingMs / 3, there, register);
    });
  }

  private async registerNow(context: RequestContext, instance: Instance, app: App): Promise<Client> {
    const { registrationEndpoint } = instance;
    const { host, key } = app;
    await this.failures.assertNoVerdict(host);
    if (registrationEndpoint === undefined) {
      const cause = 'the server knows clients by their URL, and "clientMetadataURL" is not set';
      throw new MastodonError('instance_unsupported', { instance: host, cause });
    }
    const before = await this.clients.current(host, key);
    const client = await this.clients
      .add(host, key, () => registerWithLeastScope(context, registrationEndpoint, app))
      .catch(async (error: unknown) => {
        const isThrottle = error instanceof MastodonError && error.code === 'registration_throttled';
        const wait = isThrottle && error.cause instanceof RefusedError && error.cause.retryAfterMs;
        if (wait) await this.failures.remember('registration_throttled', host, wait);
        throw error;
      });
    this.settings.log('registered', { instance: host });
    const of = { host, appKey: key, clientId: client.clientId };
    // Refused before the redirect, because the response would be refused in any case.
    const check = (work: RequestContext) =>
      this.checkInvalidCode(work, instance, of, client.redirectURI, 'first');
    if (acceptsAnyCode.has(instance.software)) await check(context);
    else this.inBackground(context, host, check);
    // An instance that does not know even the client that it has just given says so of every client (Iceshrimp).
    if (before?.state === 'dead')
      this.inBackground(context, host, async (work) => {
        const isMeaningful = await isKnown(work, this.clients, instance, of, client);
        if (!isMeaningful) await this.clients.rememberUnverifiable(host);
      });
    return client;
  }

  /**
   * Runs an invalid-code check, unless the instance has passed it.
   *
   * - `first` may run while the visitor is at the instance. The authorization response waits for it, also in another
   *   process. After a crash it runs again.
   * - `afterConsent` runs at most once a day, before the visitor is logged in. A server may refuse invalid codes only
   *   until a visitor has consented.
   * @throws MastodonError `instance_insecure`; without an answer as every request, unless the instance passed this check before
   */
  async checkInvalidCode(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    redirectURI: string,
    when: keyof CodeCheck,
  ): Promise<void> {
    const { host, appKey, clientId } = of;
    const passed = await this.clients.codeCheck(of);
    const passedAt = passed[when];
    if (passedAt !== undefined && (when === 'first' || Date.now() - passedAt < day)) return;
    try {
      await this.checking.join(`${when} ${appKey} ${clientId}`, context, async (work) => {
        const credentials = await this.clients.credentials(of);
        if (!credentials) throw new MastodonError('login_restart', { instance: host });
        try {
          await offerInvalidCode(work, instance, credentials, redirectURI);
        } catch (error) {
          if (error instanceof MastodonError && error.cause instanceof UncheckedCodesError) {
            await this.failures.remember('instance_insecure', host, hour);
            await this.clients.change(of, { state: 'dead' });
          }
          throw error;
        }
        await this.clients.rememberCodeCheck(of, { ...passed, [when]: Date.now() });
      });
    } catch (error) {
      const isVerdict = error instanceof MastodonError && error.code === 'instance_insecure';
      if (isVerdict || passedAt === undefined) throw error;
    }
  }

  /**
   * Handles a refused code exchange that may mean a dead client.
   * @param isClear whether the instance named the client as the reason
   * @returns `dead` if a new client will be registered; `kept` if the instance rejects one client after another; else
   *   `alive`
   */
  async afterRefusal(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    isClear: boolean,
  ): Promise<'dead' | 'kept' | 'alive'> {
    const client = await this.clients.current(of.host, of.appKey);
    // The client was already replaced.
    if (client?.clientId !== of.clientId) return isClear ? 'dead' : 'alive';
    if (isClear) return (await declareDead(this.clients, of, client)) ? 'dead' : 'kept';
    const isUnverifiable = await this.isUnverifiable(instance);
    const observed = { abandoned: [Date.now()], startsInARow: 0, isUnverifiable };
    if (decide(client, observed, Date.now()) !== 'verify') return 'alive';
    return (await this.verify(context, instance, of, client)).state === 'dead' ? 'dead' : 'alive';
  }

  private async isUnverifiable({ software, host }: PinnedInstance): Promise<boolean> {
    return grantsTokensToAnyClient.has(software) || this.clients.isUnverifiable(host);
  }

  private inBackground(
    caller: RequestContext,
    host: string,
    work: (context: RequestContext) => Promise<unknown>,
  ): void {
    const context = caller.detached();
    void this.background
      .run(context, host, () => work(context))
      .catch(() => undefined)
      .finally(() => context.end());
  }
}
