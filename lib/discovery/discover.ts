/** Finds the server with the Mastodon API for an address. */

import { MastodonError } from '../errors.js';
import type { RequestContext } from '../http/context.js';
import { jsonObjectOrNone } from '../http/answer.js';
import { type Answer, Documents } from '../http/request.js';
import type { Instance } from '../options.js';
import type { Address } from './address.js';
import { isLocalRefusal } from './failures.js';
import { documentOn, isAbout, readInstance } from './instance-document.js';
import { namedOrigin } from './metadata.js';
import { namedByItsSoftware } from './software.js';
import { domainIn, followHandle, hostMetaOrigin } from './webfinger.js';

export interface Discovered {
  readonly instance: Instance;
  /** Whether the result is for this handle only. Other handles of the domain may have other servers. */
  readonly isOfHandle: boolean;
}

/** Returns the instance of an origin, from the store or from its documents. */
type InstanceAt = (origin: string) => Promise<Instance>;

/** What the address's own origin answered: an instance, or a failure. */
export interface OwnServer {
  readonly instance?: Instance;
  readonly failure?: unknown;
  /** The fetched documents. If the origin answered no request, further requests are useless. */
  readonly documents: Documents;
}

/**
 * Fetches the handle's WebFinger and the documents of the host, then the host's host-meta.
 * @param own the result of the address's own origin; concurrent callers may share it
 * @param known returns a stored instance, which needs fewer requests
 * @throws MastodonError `instance_unsupported` if no server with a supported API is found; and the errors of a request
 */
export async function discover(
  context: RequestContext,
  address: Address,
  own: Promise<OwnServer>,
  known: (origin: string) => Promise<Instance | undefined>,
): Promise<Discovered> {
  const documents = new Documents(context);
  const instanceAt: InstanceAt = async (origin) => (await known(origin)) ?? explore(documents, origin);
  // The server of most handles is at their domain. So WebFinger and the host's documents are fetched at the same time.
  const { username, host } = address;
  const ofHandle =
    username && (await findByHandle(documents, address.origin, `${username}@${host}`, own, instanceAt));
  if (ofHandle) return { instance: ofHandle, isOfHandle: true };
  const { instance, failure, documents: fetched } = await own;
  if (instance) return { instance, isOfHandle: false };
  if (!fetched.hasAnswered(address.origin) || !mayBeElsewhere(failure, address)) throw failure;
  documents.reuse(fetched);
  for (const originOf of [hostMetaOrigin, originOfInstanceActor]) {
    const origin = await originOf(documents, address.origin, address);
    // For the visitor, the failure of the own origin is more useful than one of another server.
    const found = origin === undefined ? undefined : await instanceAt(origin).catch(ignoreServerFailure);
    if (found) return { instance: { accountDomain: address.host, ...found }, isOfHandle: false };
  }
  throw await namedByItsSoftware(documents, address.origin, failure.at(address.host));
}

/**
 * Whether host-meta or WebFinger may still name another server of the domain. A domain whose documents redirect to a
 * server has named it, so a failure there is the result.
 */
function mayBeElsewhere(error: unknown, { host }: Address): error is MastodonError {
  if (!(error instanceof MastodonError)) return false;
  const isOfServer = ['instance_unreachable', 'instance_blocked', 'timeout'].includes(error.code);
  return error.code === 'instance_unsupported' || (isOfServer && error.instance === host);
}

/**
 * Finds the server of a handle, if the domain names another server. Both must agree. If the domain itself has no server, the
 * statement of the domain is sufficient, because the visitor chose the domain by typing the handle.
 */
async function findByHandle(
  documents: Documents,
  origin: string,
  handle: string,
  own: Promise<OwnServer>,
  instanceAt: InstanceAt,
): Promise<Instance | undefined> {
  const named = await followHandle(documents, origin, handle);
  if (!named || named.origin === origin) return undefined;
  const { confirmed, failure, refusal } = named;
  if (!confirmed) {
    const result = await own;
    // The account may be on either server.
    if (result.instance && refusal) throw refusal;
    if (result.instance) return undefined;
    if (isLocalRefusal(result.failure)) throw result.failure;
  }
  if (failure) throw failure;
  const found = await instanceAt(named.origin).catch((error: unknown) => {
    // Other failures are thrown. If the named server is unsupported, the domain may still have a server of its own.
    if (!confirmed && error instanceof MastodonError && error.code === 'instance_unsupported')
      return undefined;
    throw error;
  });
  if (!found || !confirmed) return found;
  return { ...found, accountDomain: domainIn(confirmed.handle) };
}

/**
 * The server of a domain that only redirects WebFinger to it. Mastodon and GoToSocial have an account of the server
 * itself, with the domain as its name.
 */
async function originOfInstanceActor(
  documents: Documents,
  origin: string,
  { host, username }: Address,
): Promise<string | undefined> {
  if (username !== undefined) return undefined;
  const named = await followHandle(documents, origin, `${host}@${host}`);
  if (named?.failure?.reason === 'server_error') throw named.failure;
  return named?.origin;
}

/** @throws MastodonError like every request, and as `readInstance` */
export async function explore(documents: Documents, origin: string, wasNamed = false): Promise<Instance> {
  const [about, metadata, nodeInfo] = await Promise.all([
    instanceDocument(documents, origin),
    documents.get(`${origin}/.well-known/oauth-authorization-server`, {}).catch(ignoreServerFailure),
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
    return explore(documents, pinned, true);
  }
  const ownMetadata = documentOn(pinned, metadata);
  // The server has a second name. The first name identifies its accounts, if it works.
  const first = wasNamed ? undefined : ownMetadata && namedOrigin(ownMetadata, pinned);
  const underFirstName = first && (await explore(documents, first, true).catch(ignoreServerFailure));
  if (underFirstName) return underFirstName;
  return readInstance(
    { origin: pinned, instance: about, metadata: ownMetadata, nodeInfo: documentOn(pinned, nodeInfo) },
    documents.context.settings.clientMetadataURL !== undefined,
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
