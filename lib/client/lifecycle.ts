/** The life of the client at an instance: registration, verification and the invalid-code check, each shared by its callers. */

import { MastodonError } from '../errors.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import { checksNoCodes, grantsTokensToAnyClient } from '../discovery/software.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import { storeKey, type Store } from '../store.js';
import { LoginScopes, type App, decide, type Client } from './client.js';
import { Clients, type ClientOf, type CodeCheck } from './clients.js';
import { offerInvalidCode, UncheckedCodesError, declareDead, isKnown, verifyClient } from './verification.js';
import { withLock } from './lock.js';
import { RefusedError, registerWithLeastScope } from './registration.js';

const hour = 60 * 60 * 1000;
const day = 24 * hour;

export class ClientLifecycle {
  readonly clients: Clients;
  readonly scopes: LoginScopes;
  private readonly verifying = new SingleFlight<Client>();
  private readonly registering = new SingleFlight<Client>();
  private readonly checking = new SingleFlight<void>();
  private readonly background: ConcurrencyLimit;

  constructor(
    readonly store: Store,
    readonly settings: Settings,
    private readonly failures: Failures,
  ) {
    this.clients = new Clients(store);
    this.scopes = new LoginScopes(store, settings);
    const { maxConcurrentStarts, maxWaiting } = settings.outbound;
    this.background = new ConcurrencyLimit({
      inAll: maxConcurrentStarts,
      perInstance: 8,
      waiting: maxWaiting,
    });
  }

  /**
   * The current client of an app, if it can be used for a login; verified where the signs ask for it.
   * @param abandoned when this browser began the logins at the instance that it never finished
   * @returns what to do instead of using it: register a new one in the place of `replaced`
   */
  async usable(
    context: RequestContext,
    instance: Instance,
    app: App,
    abandoned: readonly number[],
  ): Promise<
    { readonly client: Client } | { readonly client: undefined; readonly replaced: Client | undefined }
  > {
    const { host, key } = app;
    if (app.clientId !== undefined) return { client: clientByURL(app, app.clientId) };
    let client = await this.clients.current(host, key);
    if (!client) return { client, replaced: undefined };
    if (client.lastLoginAt !== undefined) context.http.referrals.inUse(host);
    // Its time is written before its outcome is known, so a caller with a sign waits for the one under way.
    const underWay = abandoned.length > 0 ? this.verifying.joined(key) : undefined;
    if (underWay) client = await context.race(underWay);
    const signs = { abandoned, startsInARow: this.clients.startsInARow(key), isUnverifiable: false };
    let next = underWay && client.state !== 'dead' ? 'use' : decide(client, signs, Date.now());
    // Looked up only now: most logins give no reason to.
    if (next !== 'use' && client.state !== 'dead' && (await this.isUnverifiable(instance)))
      next = decide(client, { ...signs, isUnverifiable: true }, Date.now());
    if (next === 'verify')
      client = await this.verify(context, instance, { host, appKey: key, clientId: client.clientId }, client);
    return next === 'replace' || client.state === 'dead'
      ? { client: undefined, replaced: client }
      : { client };
  }

  /** @returns the client as it stands after the verification */
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
          // No room for the question is no answer to it.
          if (error instanceof MastodonError && error.code === 'login_busy') return client;
          throw error;
        }),
    );
  }

  /**
   * Registers the app, once for any number of callers and processes.
   * @param replaced the client in whose place it is registered
   * @throws MastodonError as `registerWithLeastScope`; `store_failed`; `instance_insecure` where that is known beforehand
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
      const cause = new Error('the server knows clients by their URL, and "clientMetadataURL" is not set');
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
    // A visitor is not sent to a server that is known for this, only to be refused on the way back.
    if (checksNoCodes(instance.software))
      await this.ensureCodeChecked(context, instance, of, client.redirectURI);
    else
      this.inBackground(context, host, (work) =>
        this.ensureCodeChecked(work, instance, of, client.redirectURI),
      );
    if (before?.state === 'dead')
      this.inBackground(context, host, (work) => this.testVerification(work, instance, of, client));
    return client;
  }

  /** An instance that does not know even the client that it has just given says so of every client (Iceshrimp). */
  private async testVerification(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    client: Client,
  ): Promise<void> {
    const isMeaningful = await isKnown(context, this.clients, instance, of, client);
    if (!isMeaningful) await this.clients.rememberUnverifiable(of.host);
  }

  /**
   * Offers an invalid code, unless the instance was seen to refuse one. It may run while the visitor is at the instance; the
   * callback waits for it, also in another process, and after a crash it runs anew.
   * @throws MastodonError `instance_insecure`; and like every request when there is no answer to judge
   */
  async ensureCodeChecked(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    redirectURI: string,
  ): Promise<void> {
    const check = await this.clients.codeCheck(of);
    if (check.first === undefined) await this.checkCode(context, instance, of, redirectURI, check, 'first');
  }

  /**
   * A server may refuse invalid codes only as long as no visitor has agreed there. So it is tried again after a consent, before
   * that visitor is let in, and once a day.
   * @throws MastodonError as `ensureCodeChecked`; without an answer only where there never was one
   */
  async recheckCode(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    redirectURI: string,
  ): Promise<void> {
    const check = await this.clients.codeCheck(of);
    const { afterConsent } = check;
    if (afterConsent !== undefined && Date.now() - afterConsent < day) return;
    try {
      await this.checkCode(context, instance, of, redirectURI, check, 'afterConsent');
    } catch (error) {
      const isVerdict = error instanceof MastodonError && error.code === 'instance_insecure';
      if (isVerdict || afterConsent === undefined) throw error;
    }
  }

  private checkCode(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    redirectURI: string,
    check: CodeCheck,
    time: keyof CodeCheck,
  ): Promise<void> {
    const { host, appKey, clientId } = of;
    return this.checking.join(`${time} ${appKey} ${clientId}`, context, async (work) => {
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
      await this.clients.rememberCodeCheck(of, { ...check, [time]: Date.now() });
    });
  }

  /**
   * The exchange of a code was refused in a way that may mean a dead client.
   * @param isClear the instance named the client as the reason
   * @returns `dead` where a new client will be registered; `kept` where one after another is unknown; `alive`
   */
  async afterRefusal(
    context: RequestContext,
    instance: PinnedInstance,
    of: ClientOf,
    isClear: boolean,
  ): Promise<'dead' | 'kept' | 'alive'> {
    const client = await this.clients.current(of.host, of.appKey);
    // A client that was replaced meanwhile needs no other replacement.
    if (client?.clientId !== of.clientId) return isClear ? 'dead' : 'alive';
    if (isClear) return (await declareDead(this.clients, of, client)) ? 'dead' : 'kept';
    const signs = {
      abandoned: [Date.now()],
      startsInARow: 0,
      isUnverifiable: await this.isUnverifiable(instance),
    };
    if (decide(client, signs, Date.now()) !== 'verify') return 'alive';
    return (await this.verify(context, instance, of, client)).state === 'dead' ? 'dead' : 'alive';
  }

  private async isUnverifiable({ software, host }: PinnedInstance): Promise<boolean> {
    return grantsTokensToAnyClient(software) || this.clients.isUnverifiable(host);
  }

  /** No caller waits for it, or hears of its failure. */
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

function clientByURL(app: App, clientId: string): Client {
  const { redirectURI, scope } = app;
  const never = { registeredAt: 0, verifiedAt: 0 };
  return { clientId, redirectURI, scope, generation: 0, state: 'active', ...never };
}
