/** Registers and verifies clients, and checks that instances refuse invalid codes. Concurrent callers share the work. */

import { MastodonError } from '../errors.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import { acceptsAnyCode, grantsTokensToAnyClient } from '../discovery/software.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type Http, type RequestContext } from '../http/context.js';
import { boundedMap } from '../util/memory.js';
import { storeKey, type Store } from '../store.js';
import {
  day,
  decide,
  describeApp,
  minute,
  past,
  usedTtlMs,
  type App,
  type Client,
  type RegisteredClient,
} from './client.js';
import { Clients, type ClientOf } from './clients.js';
import { offerInvalidCode, UncheckedCodesError, declareDead, isKnown, verifyClient } from './verification.js';
import { RefusedError, registerApp } from './registration.js';

/** Starts within this time count as one. Milliseconds. */
const momentMs = 20;

/** The site's app at an instance, with its client. */
export interface RegisteredApp {
  readonly instance: Instance;
  readonly app: App;
  readonly client: Client;
}

/** The app without a usable client, and the client to replace, if there was one. */
export interface UnregisteredApp extends Omit<RegisteredApp, 'client'> {
  readonly client: undefined;
  readonly replaced: Client | undefined;
}

/** When the instance refused an invalid code of a client. Milliseconds since the epoch. */
interface CodeCheck {
  /** By the check before the first code of a visitor. */
  readonly first?: number;
  /** By a check after a consent. */
  readonly afterConsent?: number;
}

export class ClientLifecycle {
  readonly clients: Clients;
  private readonly verifying = new SingleFlight<Client>();
  private readonly registering = new SingleFlight<Client>();
  private readonly checking = new SingleFlight<void>();
  /** Registered clients that could not be saved. The next try saves them and does not register again. */
  private readonly unsaved = boundedMap<RegisteredClient>(1000, 10 * minute);
  private readonly registrations: ConcurrencyLimit;
  private readonly background: ConcurrencyLimit;

  constructor(
    readonly store: Store,
    readonly settings: Settings,
    private readonly http: Http,
    private readonly failures: Failures,
  ) {
    this.clients = new Clients(store, settings, http.referrals);
    const { maxConcurrentStarts: inAll, maxWaiting: waiting } = settings.outbound;
    this.registrations = new ConcurrencyLimit({ inAll, perInstance: 8, waiting });
    this.background = new ConcurrencyLimit({ inAll, perInstance: 8, waiting });
  }

  /**
   * The current client of the app, if it is usable for a login. Verifies it if `decide` requires that.
   * @param scope of this login; default: the option `scope`
   * @param abandoned start times of this browser's unfinished logins at the instance
   * @throws MastodonError `store_failed`; without a usable client, the failure of the last registrations, or the stored
   *   failure of the host
   */
  async usable(
    context: RequestContext,
    instance: Instance,
    scope: string | undefined,
    abandoned: readonly number[] = [],
  ): Promise<RegisteredApp | UnregisteredApp> {
    const app = describeApp(instance, this.settings, scope);
    const { host, key, clientId, redirectURI } = app;
    this.http.referrals.found.set(host, true);
    if (clientId !== undefined) {
      const never = { generation: 0, registeredAt: 0, verifiedAt: 0 };
      return {
        instance,
        app,
        client: { clientId, redirectURI, scope: app.scope, state: 'active', ...never },
      };
    }
    const { starts } = this.clients;
    let client = await this.clients.current(host, key);
    // A verification writes its time before its result, so a caller with an unfinished login waits for a running one.
    const underWay = abandoned.length > 0 ? this.verifying.joined(key) : undefined;
    if (underWay) client = await context.race(underWay);
    const observed = { abandoned, startsInARow: starts.get(key)?.count ?? 0, isUnverifiable: false };
    let next = underWay && client?.state !== 'dead' ? 'use' : decide(client, observed, Date.now());
    // Read only here, because most logins do not need it.
    if (client && client.state !== 'dead' && next !== 'use' && (await this.isUnverifiable(instance)))
      next = decide(client, { ...observed, isUnverifiable: true }, Date.now());
    if (client && next === 'verify')
      client = await this.verify(context, instance, { host, appKey: key, clientId: client.clientId }, client);
    if (client && client.state !== 'dead' && next !== 'replace') {
      const { count, at } = starts.get(key) ?? { count: 0, at: -Infinity };
      const now = performance.now();
      if (now - at >= momentMs) starts.set(key, { count: count + 1, at: now });
      return { instance, app, client };
    }
    this.failures.assertNone(key);
    await this.failures.assertNoVerdict(host);
    return { instance, app, client: undefined, replaced: client };
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
   * @throws MastodonError as `registerApp`; `login_busy`; `store_failed`; `instance_insecure` for software known to accept
   *   invalid codes
   */
  async register(
    caller: RequestContext,
    { instance, app, replaced }: UnregisteredApp,
  ): Promise<RegisteredApp> {
    const { host, key } = app;
    const registered = async () => {
      const current = await this.clients.current(host, key);
      const isLater = current && current.generation > (replaced?.generation ?? 0);
      return isLater && current.state !== 'dead' ? current : undefined;
    };
    const once = (context: RequestContext) =>
      this.registrations.run(context, host, async () => {
        const lock = storeKey('lock', host, key);
        const register = () => this.registerNow(context, instance, app);
        try {
          const made = await this.store.withLock(lock, context.remainingMs / 3, register, registered);
          this.failures.succeeded(key);
          return made;
        } catch (error) {
          // By app: a scope of one login that the server refuses must not stop the logins with another scope.
          this.failures.failed(key, error);
          const { code, cause } = error instanceof MastodonError ? error : {};
          const wait = cause instanceof RefusedError ? cause.retryAfterMs : undefined;
          if (code === 'registration_throttled' && wait) await this.failures.remember(code, host, wait);
          throw error;
        }
      });
    const client = await this.registering.join(key, caller, once);
    return { instance, app, client };
  }

  private async registerNow(context: RequestContext, instance: Instance, app: App): Promise<Client> {
    const { registrationEndpoint } = instance;
    const { host, key } = app;
    await this.failures.assertNoVerdict(host);
    if (registrationEndpoint === undefined) {
      const cause = 'the server knows clients by their URL, and "clientMetadataURL" is not set';
      throw new MastodonError('instance_unsupported', { instance: host, cause });
    }
    const registered = this.unsaved.get(key) ?? (await registerApp(context, registrationEndpoint, app));
    this.unsaved.set(key, registered);
    const client = await this.clients.add(host, key, registered);
    this.unsaved.delete(key);
    this.clients.starts.set(key, { count: 1, at: performance.now() });
    this.settings.log('registered', { instance: host });
    const { clientId, redirectURI } = client;
    const of = { host, appKey: key, clientId };
    // Refused before the redirect, because the response would be refused in any case.
    if (acceptsAnyCode.has(instance.software))
      await this.checkInvalidCode(context, instance, of, redirectURI, 'first');
    else
      void context.inBackground(this.background, host, (work) =>
        this.checkInvalidCode(work, instance, of, redirectURI, 'first'),
      );
    // An instance that reports a client as unknown right after its registration does so for every client (Iceshrimp).
    if (client.deaths)
      void context.inBackground(this.background, host, async (work) => {
        if (!(await isKnown(work, this.clients, instance, of, client)))
          await this.clients.rememberUnverifiable(host);
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
   * @throws MastodonError `instance_insecure`; without an answer the errors of a request, unless the instance passed before
   */
  async checkInvalidCode(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    redirectURI: string,
    when: keyof CodeCheck,
  ): Promise<void> {
    const { host, appKey, clientId } = of;
    const key = storeKey('code-check', host, appKey, clientId);
    const [known, verdict] = await Promise.all([this.store.cached(key), this.failures.verdict(host)]);
    const passed = (known ?? {}) as CodeCheck;
    // The instance accepted an invalid code for another client of this site, so this one is checked again.
    const passedAt = verdict === 'instance_insecure' ? undefined : passed[when];
    const now = Date.now();
    if (passedAt !== undefined && (when === 'first' || now - past(passedAt, now) < day)) return;
    try {
      await this.checking.join(`${when} ${appKey} ${clientId}`, context, async (work) => {
        const credentials = await this.clients.credentials(of);
        if (!credentials) throw new MastodonError('login_restart', { instance: host });
        try {
          await offerInvalidCode(work, instance, credentials, redirectURI);
        } catch (error) {
          if (error instanceof MastodonError && error.cause instanceof UncheckedCodesError) {
            await this.failures.remember('instance_insecure', host, 60 * minute);
            await this.clients.change(of, { state: 'dead' });
          }
          throw error;
        }
        await this.store.cache(key, { ...passed, [when]: Date.now() } satisfies CodeCheck, usedTtlMs);
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
}
