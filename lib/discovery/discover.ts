/** Finds the server with the Mastodon API for an address. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';
import type { RequestContext } from '../http/context.js';
import { jsonObjectOrNone } from '../http/answer.js';
import { smallDocumentBytes, type Answer, Documents } from '../http/request.js';
import type { Settings, Instance } from '../options.js';
import type { Address } from './address.js';
import { isLocalRefusal } from './failures.js';
import { documentOn, isAbout, readInstance } from './instance-document.js';
import { namedOrigin } from './metadata.js';
import { namedByItsSoftware } from './software.js';
import { domainIn, followHandle, hostMetaOrigins } from './webfinger.js';

export interface Discovered {
  readonly instance: Instance;
  /** Whether the result is for this handle only. Other handles of the domain may have other servers. */
  readonly isOfHandle: boolean;
}

/** The instance that was found at its own origin before. */
type KnownAt = (origin: string) => Promise<Instance | undefined>;

/** What one search has to look with. */
interface Search {
  readonly documents: Documents;
  readonly settings: Settings;
  readonly known: KnownAt;
}

/** The result of the address's own origin. */
export type Home =
  | { readonly instance: Instance }
  | {
      readonly instance: undefined;
      readonly failure: unknown;
      /** What was asked there. If the origin answered no request, further requests are useless. */
      readonly documents: Documents;
    };

/**
 * Fetches the handle's WebFinger and the documents of the host, then the host's host-meta.
 * @param home the result of the address's own origin; concurrent callers may share it
 * @param known returns a stored instance, which needs fewer requests
 * @throws MastodonError `instance_unsupported` if no server with a supported API is found; and as every request
 */
export async function discover(
  context: RequestContext,
  settings: Settings,
  address: Address,
  home: Promise<Home>,
  known: KnownAt,
): Promise<Discovered> {
  const documents = new Documents(context);
  const search = { documents, settings, known };
  // Most handles live where their domain says, so the host is explored while WebFinger is still asked.
  const led = await byHandle(search, address, home);
  if (led) return { instance: led, isOfHandle: true };
  const here = await home;
  if (here.instance) return { instance: here.instance, isOfHandle: false };
  const { failure } = here;
  if (!here.documents.hasAnswered(address.origin) || !mayBeElsewhere(failure, address)) throw failure;
  documents.reuse(here.documents);
  const named = await byHostMeta(search, address);
  if (named) return { instance: named, isOfHandle: false };
  const byActor = await byInstanceActor(search, address);
  if (byActor) return { instance: byActor, isOfHandle: false };
  throw await namedByItsSoftware(documents, address.origin, failure.at(address.host));
}

export async function exploreHome(
  context: RequestContext,
  settings: Settings,
  origin: string,
): Promise<Home> {
  const documents = new Documents(context);
  try {
    return { instance: await explore(documents, settings, origin) };
  } catch (failure) {
    return { instance: undefined, failure, documents };
  }
}

/** Failures of a domain's own site after which WebFinger or host-meta may still name its server. */
const mayBeElsewhereCodes: ReadonlySet<MastodonErrorCode> = new Set([
  'instance_unsupported',
  'instance_unreachable',
  'instance_blocked',
  'timeout',
]);

/**
 * Whether another server may serve the domain. The failure of a server that the domain redirects to does not exclude
 * that.
 */
function mayBeElsewhere(error: unknown, { host }: Address): error is MastodonError {
  if (!(error instanceof MastodonError) || !mayBeElsewhereCodes.has(error.code)) return false;
  return error.code === 'instance_unsupported' || error.instance === host;
}

/**
 * The server of a handle whose domain is on another server. Both must agree. If the domain itself has no server, the
 * statement of the domain is sufficient, because the visitor chose the domain by typing the handle.
 */
async function byHandle(
  search: Search,
  { username, host, origin }: Address,
  home: Promise<Home>,
): Promise<Instance | undefined> {
  if (username === undefined) return undefined;
  const lead = await followHandle(search.documents, origin, `${username}@${host}`);
  if (!lead || lead.origin === origin) return undefined;
  if (!lead.proved) {
    const here = await home;
    // The account may be on either server.
    if (here.instance && lead.refusal) throw lead.refusal;
    if (here.instance) return undefined;
    if (isLocalRefusal(here.failure)) throw here.failure;
  }
  if (lead.failure) throw lead.failure;
  const found = await knownOr(search, lead.origin).catch((error: unknown) => {
    // A failure of the server that the domain names is reported. `instance_unsupported` says nothing about the domain itself.
    if (!lead.proved && error instanceof MastodonError && error.code === 'instance_unsupported')
      return undefined;
    throw error;
  });
  if (!found || !lead.proved) return found;
  const { host: accountDomain } = new URL(`https://${domainIn(lead.proved.handle)}`);
  return { ...found, accountDomain };
}

async function byHostMeta(search: Search, address: Address): Promise<Instance | undefined> {
  const [origin] = await hostMetaOrigins(search.documents, address.origin);
  if (origin === undefined) return undefined;
  // That nothing is here tells the visitor more than any failure on this way round.
  const found = await knownOr(search, origin).catch(ignoreServerFailure);
  return found && { accountDomain: address.host, ...found };
}

/**
 * Finds the server of a domain that only redirects WebFinger to it. Mastodon and GoToSocial have an account of the
 * server itself, with the domain as its name.
 */
async function byInstanceActor(
  search: Search,
  { host, origin, username }: Address,
): Promise<Instance | undefined> {
  if (username !== undefined) return undefined;
  const lead = await followHandle(search.documents, origin, `${host}@${host}`);
  if (!lead || lead.origin === origin) return undefined;
  if (lead.failure?.reason === 'server_error') throw lead.failure;
  const found = await knownOr(search, lead.origin).catch(ignoreServerFailure);
  return found && { accountDomain: host, ...found };
}

async function knownOr({ documents, settings, known }: Search, origin: string): Promise<Instance> {
  return (await known(origin)) ?? explore(documents, settings, origin);
}

/** @throws MastodonError like every request, and as `readInstance` */
async function explore(
  documents: Documents,
  settings: Settings,
  origin: string,
  wasNamed = false,
): Promise<Instance> {
  const [about, metadata, nodeInfo] = await Promise.all([
    instanceDocument(documents, origin),
    documents
      .get(`${origin}/.well-known/oauth-authorization-server`, { maxBytes: smallDocumentBytes })
      .catch(ignoreServerFailure),
    // Guessed URLs, which nearly all servers have. Fetching the index first would cost a round trip.
    Promise.any(
      ['2.0', '2.1'].map(async (version) => {
        const answer = await documents.get(`${origin}/nodeinfo/${version}`, {});
        // A server may answer every other path with a page of its application.
        if (!documentOn(answer.url.origin, answer)) throw new Error('no NodeInfo');
        return answer;
      }),
    ).catch(({ errors }: AggregateError) => ignoreServerFailure(errors.find(isLocalRefusal))),
  ]);
  // From here on, only documents of the origin that answered are used.
  const pinned = about.url.origin;
  if (pinned !== origin) {
    if (wasNamed) throw new MastodonError('instance_unsupported', { instance: new URL(origin).host });
    return explore(documents, settings, pinned, true);
  }
  const ownMetadata = documentOn(pinned, metadata);
  // The server has a second name. The first name identifies its accounts, if it works.
  const first = wasNamed ? undefined : ownMetadata && namedOrigin(ownMetadata, pinned);
  const underFirstName =
    first && (await explore(documents, settings, first, true).catch(ignoreServerFailure));
  if (underFirstName) return underFirstName;
  return readInstance(
    { origin: pinned, instance: about, metadata: ownMetadata, nodeInfo: documentOn(pinned, nodeInfo) },
    settings.clientMetadataURL !== undefined,
  );
}

/** /api/v1/instance, which all servers have. If it fails, /api/v2/instance. */
async function instanceDocument(documents: Documents, origin: string): Promise<Answer> {
  const old = await documents.get(`${origin}/api/v1/instance`, {});
  if (![404, 410].includes(old.status) && old.status < 500) return old;
  const answer = await documents.get(`${origin}/api/v2/instance`, {}).catch(() => old);
  return answer.status === 200 && isAbout(jsonObjectOrNone(answer)) ? answer : old;
}

/** @throws only a refusal of this site to send the request. After a failure of the server, discovery goes on. */
function ignoreServerFailure(error: unknown): undefined {
  if (isLocalRefusal(error)) throw error;
}
