/** Finds the server that speaks the Mastodon API for an address, and pins its origin. */

import { MastodonError } from '../errors.js';
import { jsonObject, jsonObjectOrNone, type JsonObject } from '../net/json.js';
import type { Answer, Network } from '../net/network.js';
import { SingleFlight } from '../net/single-flight.js';
import type { Instance, PinnedInstance, Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import { parseAddress, type Address } from './address.js';
import { lrddTargets } from './host-meta.js';
import { readMetadata, type Metadata } from './metadata.js';
import { hasSingleUseApps, softwareOf } from './software.js';
import { proveHandle } from './webfinger.js';

/** How long it is remembered where a domain's API is. Milliseconds. */
const instanceTtlMs = 24 * 60 * 60 * 1000;

export class Discovery {
  private readonly exploring = new SingleFlight<Instance>();

  constructor(
    private readonly network: Network,
    private readonly store: Store,
    private readonly settings: Settings,
  ) {}

  /** What is known about the address already; asks nobody. */
  async known(address: Address): Promise<Instance | undefined> {
    const keys = [storeKey('instance', address.host)];
    if (address.username !== undefined) keys.unshift(handleKey(address, address.username));
    const found = await Promise.all(keys.map((key) => this.store.cached(key)));
    return found.find(isInstance);
  }

  /**
   * By the handle's WebFinger, by trying the host itself, or by its host-meta.
   * @throws MastodonError `instance_unsupported` when nothing there speaks the Mastodon API.
   */
  async find(address: Address): Promise<Instance> {
    // Most handles live where their domain says, so the host is tried while WebFinger is still asked.
    const here = this.explore(address.origin);
    if (address.username !== undefined) {
      here.catch(() => undefined);
      const elsewhere = await this.byHandle(address, address.username, here);
      if (elsewhere) return elsewhere;
    }
    const found = await here.catch(async (error: unknown) => {
      if (!(error instanceof MastodonError) || error.code !== 'instance_unsupported') throw error;
      const pointedTo = await this.byHostMeta(address);
      if (pointedTo) return pointedTo;
      throw error.at(address.host);
    });
    await this.store.cache(storeKey('instance', address.host), found, instanceTtlMs);
    return found;
  }

  /** The server of a handle whose domain is only a name: where both sides agree on that. */
  private async byHandle(
    address: Address,
    user: string,
    here: Promise<Instance>,
  ): Promise<Instance | undefined> {
    const { developmentOrigins } = this.settings;
    const handle = `${user}@${address.host}`;
    const proved = await proveHandle(this.network, developmentOrigins, address.origin, handle);
    if (!proved || proved.origin === address.origin) return undefined;
    try {
      const atHome = await here.catch(() => undefined);
      const found = atHome?.origin === proved.origin ? atHome : await this.explore(proved.origin);
      // Kept for this handle only: one user's answer must not decide where the domain's others are sent.
      const instance = { ...found, accountDomain: found.accountDomain ?? address.host };
      await this.store.cache(handleKey(address, user), instance, instanceTtlMs);
      return instance;
    } catch {
      return undefined;
    }
  }

  private async byHostMeta(address: Address): Promise<Instance | undefined> {
    try {
      const accept = 'application/xrd+xml, application/jrd+json, application/json';
      const answer = await this.network.get(`${address.origin}/.well-known/host-meta`, { accept });
      if (answer.status !== 200) return undefined;
      for (const target of lrddTargets(answer.text)) {
        const { origin } = parseAddress(target.host, this.settings.developmentOrigins);
        if (origin !== address.origin) return await this.explore(origin);
      }
    } catch {
      // The first finding, that nothing is here, tells the visitor more than any failure on this way round.
    }
    return undefined;
  }

  private explore(origin: string): Promise<Instance> {
    return this.exploring.run(origin, () => this.ask(origin, false));
  }

  private async ask(origin: string, wasLedHere: boolean): Promise<Instance> {
    const [instance, metadata, nodeInfo] = await Promise.all([
      this.network.get(`${origin}/api/v1/instance`),
      this.optional(`${origin}/.well-known/oauth-authorization-server`),
      // Guessed, as nearly all servers have one of them; asking for the address first, or waiting for a redirect
      // from one to the other (Hollo), would cost a round trip.
      Promise.any(['2.0', '2.1'].map((version) => this.present(`${origin}/nodeinfo/${version}`))).catch(
        () => undefined,
      ),
    ]);
    // Redirects end here: from now on only the origin that answered counts.
    const pinned = instance.url.origin;
    if (pinned !== origin) {
      // Who redirects chooses among all the documents there, those that its users upload too: so it only names the
      // server, which is asked for its own.
      if (wasLedHere) throw new MastodonError('instance_unsupported', { instance: new URL(origin).host });
      return this.ask(pinned, true);
    }
    return readInstance({
      origin: pinned,
      instance,
      metadata: documentOn(pinned, metadata),
      nodeInfo: documentOn(pinned, nodeInfo),
    });
  }

  private async present(url: string): Promise<Answer> {
    const answer = await this.network.get(url);
    if (answer.status !== 200) throw new Error(`${answer.status}`);
    return answer;
  }

  private async optional(url: string): Promise<Answer | undefined> {
    return this.network.get(url).catch(() => undefined);
  }
}

interface Findings {
  readonly origin: string;
  /** Answer of /api/v1/instance. */
  readonly instance: Answer;
  readonly metadata: JsonObject | undefined;
  readonly nodeInfo: JsonObject | undefined;
}

/**
 * Judges what a host told about itself.
 * @throws MastodonError `instance_unsupported`, `instance_insecure`, `instance_unreachable` or `response_invalid`
 */
export function readInstance(findings: Findings): Instance {
  const { origin } = findings;
  const { host } = new URL(origin);
  const metadata = findings.metadata && readMetadata(findings.metadata, origin);
  const about = readAbout(findings, metadata, host);
  const software = softwareOf(findings.nodeInfo, about.version);
  if (hasSingleUseApps(software)) {
    throw new MastodonError('instance_unsupported', {
      instance: host,
      cause: new Error(`apps of ${software} serve a single login`),
    });
  }
  const accountDomain = domainOf(about.account_domain) ?? domainOf(about.uri);
  return {
    origin,
    host,
    authorizationEndpoint: metadata?.authorizationEndpoint ?? `${origin}/oauth/authorize`,
    tokenEndpoint: metadata?.tokenEndpoint ?? `${origin}/oauth/token`,
    registrationEndpoint: metadata?.registrationEndpoint ?? `${origin}/api/v1/apps`,
    revocationEndpoint: metadata?.revocationEndpoint ?? `${origin}/oauth/revoke`,
    issuer: metadata?.issuer ?? origin,
    promisesIssuer: metadata?.promisesIssuer ?? false,
    ...(metadata?.scopesSupported && { scopesSupported: metadata.scopesSupported }),
    ...(software !== undefined && { software }),
    ...(accountDomain !== undefined && { accountDomain }),
  };
}

/** What /api/v1/instance says; or nothing, where it is closed to the public but the rest shows what it is. */
function readAbout(findings: Findings, metadata: Metadata | undefined, instance: string): JsonObject {
  const { status } = findings.instance;
  if (status >= 500 || status === 429) {
    throw new MastodonError('instance_unreachable', {
      instance,
      cause: new Error(`/api/v1/instance answered ${status}`),
    });
  }
  if (status === 200 && /json/i.test(findings.instance.contentType)) {
    const about = jsonObject(findings.instance);
    if ([about.uri, about.domain, about.version].some((value) => typeof value === 'string')) return about;
  }
  // Mastodon in limited federation mode answers 401 here.
  const closed = (status === 401 || status === 403) && jsonObjectOrNone(findings.instance) !== undefined;
  if (metadata?.registrationEndpoint !== undefined || (closed && findings.nodeInfo)) return {};
  throw new MastodonError('instance_unsupported', {
    instance,
    cause: new Error(`/api/v1/instance answered ${status} without an instance`),
  });
}

function documentOn(origin: string, answer: Answer | undefined): JsonObject | undefined {
  return answer?.status === 200 && answer.url.origin === origin ? jsonObjectOrNone(answer) : undefined;
}

/** Mastodon tells a domain, Akkoma and GoToSocial a URL. */
function domainOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 300) return undefined;
  const text = /^https?:\/\//i.test(value) ? value : `https://${value}`;
  return URL.canParse(text) ? new URL(text).host : undefined;
}

function handleKey(address: Address, username: string): string {
  return storeKey('handle', address.host, username.toLowerCase());
}

/** What comes out of a store may be half a record or another program's. */
export function isInstance(value: unknown): value is Instance {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    isPinned(value) &&
    ['authorizationEndpoint', 'registrationEndpoint'].every((name) => isOn(value.origin, record[name])) &&
    (record.scopesSupported === undefined || Array.isArray(record.scopesSupported))
  );
}

/** The part of the record that a login in its second half needs. */
export function isPinned(value: unknown): value is PinnedInstance {
  const record = (value ?? {}) as Record<string, unknown>;
  const { origin } = record;
  if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin) return false;
  return (
    record.host === new URL(origin).host &&
    record.issuer === origin &&
    typeof record.promisesIssuer === 'boolean' &&
    ['tokenEndpoint', 'revocationEndpoint'].every((name) => isOn(origin, record[name])) &&
    ['undefined', 'string'].includes(typeof record.software) &&
    ['undefined', 'string'].includes(typeof record.accountDomain)
  );
}

function isOn(origin: string, endpoint: unknown): boolean {
  return typeof endpoint === 'string' && URL.canParse(endpoint) && new URL(endpoint).origin === origin;
}
