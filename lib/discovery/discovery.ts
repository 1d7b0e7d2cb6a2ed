/** Finds the server that speaks the Mastodon API for an address, and pins its origin. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';
import { jsonObjectOrNone } from '../http/json.js';
import { smallDocumentBytes } from '../http/limits.js';
import type { Answer, Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import type { Address } from './address.js';
import { documentOn, isAbout, readInstance } from './findings.js';
import { isOn, namedOrigin } from './metadata.js';
import { namedByItsSoftware } from './other-software.js';
import { wasNotAsked, type Policy } from './policy.js';
import { Revalidation } from './revalidation.js';
import { Scout } from './scout.js';
import { Visits } from './visits.js';
import { followHandle, hostMetaOrigins } from './webfinger.js';
import { parsedURL } from '../util/url.js';

export { readInstance } from './findings.js';

/** How long it is remembered where a domain's API is. Milliseconds. */
const instanceTtlMs = 24 * 60 * 60 * 1000;

/** The same where another server was named, which is asked for again meanwhile, too (`Revalidation`). */
const ledTtlMs = 15 * 60 * 1000;

/** A domain's own site may be in any trouble, while the domain says where its accounts are. */
const notHere: ReadonlySet<MastodonErrorCode> = new Set([
  'instance_unsupported',
  'instance_unreachable',
  'instance_blocked',
  'timeout',
]);

/** Trouble of the domain's own; what a server has that the domain redirects to says nothing about another way. */
function isElsewhere(error: unknown, { host }: Address): error is MastodonError {
  if (!(error instanceof MastodonError) || !notHere.has(error.code)) return false;
  return error.code === 'instance_unsupported' || error.instance === host;
}

export class Discovery {
  /** Of homes only: who was led to a server may have led it on, or have little time left. */
  private readonly exploring = new SingleFlight<Instance>();
  private readonly visits = new Visits();
  private readonly revalidation: Revalidation;
  private readonly takesURLClients: boolean;

  constructor(
    network: Network,
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly policy: Policy,
  ) {
    this.takesURLClients = settings.clientMetadataURL !== undefined;
    this.revalidation = new Revalidation(network, settings.outbound.loginTimeoutMs);
  }

  /** What is known about the address already; nobody waits for an answer. */
  async known(address: Address): Promise<Instance | undefined> {
    const key = storeKey('instance', address.host);
    if (address.username === undefined) return this.usable(address, key, await this.store.cached(key));
    const { username, ...domain } = address;
    const ofHandle = handleKey(address, username);
    const [own, shared] = await Promise.all([this.store.cached(ofHandle), this.store.cached(key)]);
    return this.usable(address, ofHandle, own) ?? this.usable(domain, key, shared);
  }

  private usable(address: Address, key: string, record: unknown): Instance | undefined {
    // Another site that shares the store may have a URL to be known by, where this one has none.
    if (!this.isGood(record) || (record.registrationEndpoint === undefined && !this.takesURLClients)) {
      return undefined;
    }
    // What a server says of itself can only lead to itself.
    if (record.origin !== address.origin) this.revalidate(address, key, record);
    return record;
  }

  private isGood(record: unknown): record is Instance {
    return this.store.isPrivate ? record !== undefined : isInstance(record);
  }

  /**
   * By the handle's WebFinger, by trying the host itself, or by its host-meta.
   * @param network with what is left of the time for this login
   * @throws MastodonError `instance_unsupported` when nothing there speaks the Mastodon API.
   */
  async find(address: Address, network: Network): Promise<Instance> {
    const { instance, isOfHandle } = await this.lookFor(address, network);
    this.revalidation.note(address.host);
    // Kept for this handle only: one user's answer must not decide where the domain's others are sent.
    const key = isOfHandle ? handleKey(address, address.username ?? '') : storeKey('instance', address.host);
    const ttl = instance.origin === address.origin ? instanceTtlMs : ledTtlMs;
    await this.store.cache(key, instance, ttl);
    return instance;
  }

  private revalidate(address: Address, key: string, known: Instance): void {
    const find = async (network: Network) => (await this.lookFor(address, network)).instance;
    this.revalidation.use(address.host, known, find, () => this.store.drop(key));
  }

  private async lookFor(
    address: Address,
    network: Network,
  ): Promise<{ readonly instance: Instance; readonly isOfHandle: boolean }> {
    const scout = new Scout(network, address.origin, async (host) => {
      await this.policy.assertAllowed(host);
      this.visits.count(address.host, host);
    });
    // Most handles live where their domain says, so the host is tried while WebFinger is still asked.
    const here = this.exploring.run(address.origin, () => this.ask(scout, address.origin, false));
    here.catch(() => undefined);
    const led = address.username === undefined ? undefined : await this.byHandle(scout, address, here);
    if (led) return { instance: led, isOfHandle: true };
    const instance = await here.catch(async (error: unknown) => {
      if (!isElsewhere(error, address) || !scout.hasHeardFrom(address.origin)) throw error;
      const pointedTo = await this.byHostMeta(scout, address);
      if (pointedTo) return pointedTo;
      throw await namedByItsSoftware(scout, address.origin, error.at(address.host));
    });
    return { instance, isOfHandle: false };
  }

  /**
   * The server of a handle whose domain is only a name: where both sides agree on that; or, where there is no server
   * at the domain, where the domain alone says so. Whoever typed the handle chose the domain.
   */
  private async byHandle(
    scout: Scout,
    address: Address,
    here: Promise<Instance>,
  ): Promise<Instance | undefined> {
    const handle = `${address.username}@${address.host}`;
    const { developmentOrigins } = this.settings;
    const lead = await followHandle(scout, developmentOrigins, address.origin, handle);
    if (!lead || lead.origin === address.origin) return undefined;
    if (!lead.proved && (await here.catch(failedWith))?.origin !== undefined) return undefined;
    const found = await this.ask(scout, lead.origin, false).catch(failedWith);
    if (!found || !lead.proved) return found;
    const { host } = new URL(`https://${lead.proved.handle.slice(lead.proved.handle.lastIndexOf('@') + 1)}`);
    return { ...found, accountDomain: host };
  }

  private async byHostMeta(scout: Scout, address: Address): Promise<Instance | undefined> {
    const [origin] = await hostMetaOrigins(scout, this.settings.developmentOrigins, address.origin);
    // The first finding, that nothing is here, tells the visitor more than any failure on this way round.
    const found = origin === undefined ? undefined : await this.ask(scout, origin, false).catch(failedWith);
    return found && { ...found, accountDomain: found.accountDomain ?? address.host };
  }

  private async ask(scout: Scout, origin: string, wasLedHere: boolean): Promise<Instance> {
    const maxBytes = smallDocumentBytes;
    const [instance, document, nodeInfo] = await Promise.all([
      this.about(scout, origin),
      scout.get(`${origin}/.well-known/oauth-authorization-server`, { maxBytes }).catch(() => undefined),
      // Guessed, as nearly all servers have one of them; asking for the address first, or waiting for a redirect
      // from one to the other (Hollo), would cost a round trip.
      Promise.any(
        ['2.0', '2.1'].map((version) => this.present(scout, `${origin}/nodeinfo/${version}`)),
      ).catch(() => undefined),
    ]);
    // Redirects end here: from now on only the origin that answered counts.
    const pinned = instance.url.origin;
    if (pinned !== origin) {
      // Who redirects only names the server, which is asked for its own.
      if (wasLedHere) throw new MastodonError('instance_unsupported', { instance: new URL(origin).host });
      return this.ask(scout, pinned, true);
    }
    const metadata = documentOn(pinned, document);
    const first = wasLedHere ? undefined : metadata && namedOrigin(metadata, pinned);
    // A second name of a server: its accounts have their keys under the first one, if that is there.
    const underFirstName = first && (await this.ask(scout, first, true).catch(failedWith));
    if (underFirstName) return underFirstName;
    return readInstance(
      { origin: pinned, instance, metadata, nodeInfo: documentOn(pinned, nodeInfo) },
      this.takesURLClients,
    );
  }

  /** The old form, which all have; where it is broken or gone, the new one. */
  private async about(scout: Scout, origin: string): Promise<Answer> {
    const old = await scout.get(`${origin}/api/v1/instance`);
    if (![404, 410].includes(old.status) && old.status < 500) return old;
    const answer = await scout.get(`${origin}/api/v2/instance`).catch(() => old);
    return answer.status === 200 && isAbout(jsonObjectOrNone(answer)) ? answer : old;
  }

  private async present(scout: Scout, url: string): Promise<Answer> {
    const answer = await scout.get(url);
    if (answer.status !== 200) throw new Error(`${answer.status}`);
    return answer;
  }
}

/** Being led to a server that must not be asked is told; any other failure means that there is no way round. */
function failedWith(error: unknown): undefined {
  if (wasNotAsked(error)) throw error;
}

function handleKey(address: Address, username: string): string {
  return storeKey('handle', address.host, username);
}

/** What comes out of a store may be half a record or another program's. */
export function isInstance(value: unknown): value is Instance {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    isPinned(value) &&
    isOn(value.origin, record.authorizationEndpoint) &&
    (record.registrationEndpoint === undefined
      ? value.clientMetadata !== undefined
      : isOn(value.origin, record.registrationEndpoint)) &&
    (record.scopesSupported === undefined || Array.isArray(record.scopesSupported))
  );
}

/** The part of the record that a login in its second half needs. */
export function isPinned(value: unknown): value is PinnedInstance {
  const record = (value ?? {}) as Record<string, unknown>;
  const { origin } = record;
  const url = typeof origin === 'string' ? parsedURL(origin) : undefined;
  if (!url || typeof origin !== 'string' || url.origin !== origin) return false;
  return (
    record.host === url.host &&
    record.issuer === origin &&
    typeof record.promisesIssuer === 'boolean' &&
    isOn(origin, record.tokenEndpoint) &&
    ['undefined', 'html', 'json'].includes(String(record.clientMetadata)) &&
    // Only PKCE and the issuer tell the answers of such servers apart.
    (record.clientMetadata === undefined || record.promisesIssuer) &&
    (record.api === undefined || (record.api === 'misskey' && record.clientMetadata === 'html')) &&
    (record.revocationEndpoint === undefined
      ? record.api !== undefined
      : isOn(origin, record.revocationEndpoint)) &&
    ['undefined', 'string'].includes(typeof record.software) &&
    ['undefined', 'string'].includes(typeof record.accountDomain)
  );
}
