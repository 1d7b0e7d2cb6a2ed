/** Finds the instance of an address, once for all concurrent callers, and caches the result. */

import { MastodonError } from '../errors.js';
import { RequestContext, SingleFlight, type Http } from '../http/context.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Documents } from '../http/request.js';
import type { Instance, Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import type { Address } from './address.js';
import { discover, explore, type Discovered, type OwnServer } from './discover.js';
import type { Failures } from './failures.js';
import { isOn, parsedURL } from '../util/url.js';
import { boundedMap } from '../util/memory.js';

const minute = 60 * 1000;

/** How long an instance at the address's own origin is cached. */
const instanceTtlMs = 24 * 60 * minute;

/** How long a mapping to another server is cached. It is confirmed meanwhile, see `confirmed`. */
const namedTtlMs = 15 * minute;

/** Shortest interval between two confirmations of a mapping. */
const confirmEveryMs = minute;

/** Concurrent confirmations. None waits: a mapping that is not confirmed is not used. */
const maxConfirmations = { inAll: 64, perInstance: 2, perDomain: 2, waiting: 0 };

/** Discoveries under way for one host, over all typed handles of it. */
const maxPerHost = 8;

/** How long a start can use the result of a discovery, although there is no client yet. Milliseconds. */
const justFoundMs = minute;

/** Whether a domain still names the same server. Cached for `confirmEveryMs` after the request. */
type Confirmation = 'under way' | 'confirmed' | 'contradicted';

export class Discovery {
  /** Origins of instances that were discovered just now. */
  readonly justFound = boundedMap<true>(1000, justFoundMs);
  private readonly finding = new SingleFlight<Instance>();
  private readonly starts: ConcurrencyLimit;
  private readonly exploring = new SingleFlight<OwnServer>();
  private readonly confirmations = boundedMap<Confirmation>(10_000, confirmEveryMs);
  private readonly confirming = new ConcurrencyLimit(maxConfirmations);

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly http: Http,
    private readonly failures: Failures,
  ) {
    const { maxConcurrentStarts: inAll, maxWaiting: waiting } = settings.outbound;
    this.starts = new ConcurrencyLimit({ inAll, perInstance: maxPerHost, waiting });
  }

  /** The instance of an address, from the cache or by a discovery. @throws MastodonError as `discover` */
  async find(context: RequestContext, address: Address): Promise<Instance> {
    [context.typed, context.hasHandle] = [address.host, address.username !== undefined];
    await context.assertAllowed(address.host);
    const instance = (await this.known(address)) ?? (await this.discover(context, address));
    await context.assertAllowed(instance.host);
    return instance;
  }

  /** The cached instance of this address or its domain. Sends no request. */
  async known(address: Address): Promise<Instance | undefined> {
    const { host, username, origin } = address;
    const ofDomain = storeKey('instance', host);
    if (username === undefined) return this.usable(address, ofDomain, await this.store.cached(ofDomain));
    const ofHandle = storeKey('handle', host, username);
    const [own, shared] = await Promise.all([this.store.cached(ofHandle), this.store.cached(ofDomain)]);
    return this.usable(address, ofHandle, own) ?? this.usable({ host, origin }, ofDomain, shared);
  }

  /**
   * Sends the requests of a discovery, unless they failed several times in a row just now.
   * @param isAnew whether to ignore cached data of the server
   * @throws MastodonError as `discover` of `discover.ts`; `login_busy`; `timeout`
   */
  async discover(context: RequestContext, address: Address, isAnew = false): Promise<Instance> {
    const { host, username, origin } = address;
    // Failures are stored by handle, because another handle of the domain may be found; or by origin if none was typed.
    const name = username === undefined ? origin : `${username}@${origin}`;
    const once = (work: RequestContext) =>
      this.starts.run(work, host, async () => {
        // Work of other callers may have failed, or found the instance, while this one waited.
        this.failures.assertNone(name);
        const known = isAnew ? undefined : await this.known(address);
        if (known) return known;
        try {
          const { instance, isOfHandle } = await this.look(address, work, isAnew);
          this.failures.succeeded(name);
          this.justFound.set(instance.origin, true);
          // A result for one handle must not apply to other handles of the domain.
          const key = isOfHandle ? storeKey('handle', host, username ?? '') : storeKey('instance', host);
          this.confirmations.set(key, 'confirmed');
          await this.store.cache(key, instance, instance.origin === origin ? instanceTtlMs : namedTtlMs);
          return instance;
        } catch (error) {
          this.failures.failed(name, error);
          throw error;
        }
      });
    return this.finding.join(name, context, once);
  }

  private look(address: Address, context: RequestContext, isAnew = false): Promise<Discovered> {
    const { origin, username } = address;
    // Starts with a handle have a limit of their own, which must not refuse the others.
    const kind = username === undefined ? 'plain' : 'handle';
    const own = this.exploring.join(`${kind} ${origin}`, context, async (shared): Promise<OwnServer> => {
      const documents = new Documents(shared);
      try {
        return { documents, instance: await explore(documents, origin) };
      } catch (failure) {
        return { documents, failure };
      }
    });
    own.catch(() => undefined);
    return discover(context, address, own, async (named) => (isAnew ? undefined : this.knownAt(named)));
  }

  /** The cached instance of an origin. */
  private async knownAt(origin: string): Promise<Instance | undefined> {
    const { host } = new URL(origin);
    const key = storeKey('instance', host);
    const record = await this.store.cached(key);
    // A mapping to another server is not looked up again here, because no visitor typed its domain.
    return isInstance(record) && record.origin === origin
      ? this.usable({ origin, host }, key, record)
      : undefined;
  }

  private usable(address: Address, key: string, record: unknown): Instance | undefined {
    if (!isInstance(record)) return undefined;
    // Another site that shares the store may have `clientMetadataURL`, which this site lacks.
    const isForURLClients = record.registrationEndpoint === undefined;
    if (isForURLClients && this.settings.clientMetadataURL === undefined) return undefined;
    // An instance at the address's own origin needs no confirmation.
    if (record.origin === address.origin) return record;
    return this.confirmed(address, key, record) ? record : undefined;
  }

  /**
   * Whether a cached mapping may be used. A forged answer (a hijacked name, a compromised page) must not redirect the
   * domain's visitors for long. So a mapping in use is looked up again. A contradicted mapping is deleted. A mapping
   * that was not confirmed in time is not used, and the visitor's login runs discovery.
   */
  private confirmed(address: Address, key: string, known: Instance): boolean {
    const confirmation = this.confirmations.get(key);
    if (confirmation !== undefined) return confirmation !== 'contradicted';
    const { loginTimeoutMs: timeoutMs } = this.settings.outbound;
    const hasHandle = address.username !== undefined;
    const context = new RequestContext(this.http, { timeoutMs, typed: address.host, hasHandle });
    this.confirming
      .run(context, address.host, () => this.confirm(context, address, key, known))
      .catch(() => undefined)
      .finally(() => context.end());
    // Whether the limit let it begin.
    return this.confirmations.has(key);
  }

  private async confirm(
    context: RequestContext,
    address: Address,
    key: string,
    known: Instance,
  ): Promise<void> {
    this.confirmations.set(key, 'under way', { ttl: this.settings.outbound.loginTimeoutMs });
    let confirmation: Confirmation = 'confirmed';
    try {
      const { instance } = await this.look(address, context);
      const pinned = ['origin', 'authorizationEndpoint', 'tokenEndpoint'] as const;
      // A different answer may be the forged one, so it does not replace the old one.
      if (pinned.some((name) => instance[name] !== known[name])) confirmation = 'contradicted';
      else await this.store.cache(key, known, namedTtlMs);
    } catch (error) {
      // Without an answer the mapping is used until it expires, and is not extended.
      const isAnswer = !(error instanceof MastodonError) || error.code === 'instance_unsupported';
      if (isAnswer) confirmation = 'contradicted';
    }
    this.confirmations.set(key, confirmation);
    if (confirmation === 'contradicted') await this.store.delete(key);
  }
}

/**
 * Whether a value from a store is an instance. It may be half a record, or another program's.
 * @param isPinned whether the members that only a start needs may be missing
 */
export function isInstance(value: unknown, isPinned = false): value is Instance {
  const record = Object(value) as Record<string, unknown>;
  const { origin, clientMetadata, api, scopesSupported, authorizationEndpoint } = record;
  const { registrationEndpoint: registration, revocationEndpoint: revocation } = record;
  const url = typeof origin === 'string' ? parsedURL(origin) : undefined;
  if (!url || typeof origin !== 'string' || url.origin !== origin) return false;
  const hasRegistration =
    registration === undefined ? clientMetadata !== undefined : isOn(origin, registration);
  const hasScopes = scopesSupported === undefined || Array.isArray(scopesSupported);
  return (
    (isPinned || (isOn(origin, authorizationEndpoint) && hasRegistration && hasScopes)) &&
    record.host === url.host &&
    record.issuer === origin &&
    typeof record.promisesIssuer === 'boolean' &&
    isOn(origin, record.tokenEndpoint) &&
    ['undefined', 'html', 'json'].includes(String(clientMetadata)) &&
    // Only PKCE and `iss` bind a response to a login at servers that identify clients by URL.
    (clientMetadata === undefined || record.promisesIssuer) &&
    (api === undefined || (api === 'misskey' && clientMetadata === 'html')) &&
    (revocation === undefined ? api !== undefined : isOn(origin, revocation)) &&
    ['undefined', 'string'].includes(typeof record.software) &&
    ['undefined', 'string'].includes(typeof record.accountDomain)
  );
}
