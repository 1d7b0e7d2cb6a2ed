/** Finds the server with the Mastodon API for an address, and pins its origin. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';
import type { RequestContext } from '../http/context.js';
import { jsonObjectOrNone } from '../http/answer.js';
import { smallDocumentBytes, type Answer, Documents } from '../http/request.js';
import type { Settings, Instance } from '../options.js';
import type { Address } from './address.js';
import { wasNotAsked } from './failures.js';
import { documentOn, isAbout, readInstance } from './instance-document.js';
import { namedOrigin } from './metadata.js';
import { namedByItsSoftware } from './software.js';
import { followHandle, hostMetaOrigins } from './webfinger.js';

export interface Discovered {
  readonly instance: Instance;
  /** The handle led there, and not its domain: other handles of the domain may lead elsewhere. */
  readonly isOfHandle: boolean;
}

/** The instance that was found at its own origin before. */
export type KnownAt = (origin: string) => Promise<Instance | undefined>;

/** What the address's own origin turned out to be. */
export type Home =
  | { readonly instance: Instance }
  | {
      readonly instance: undefined;
      readonly failure: unknown;
      /** What was asked there. Where nothing came back, further requests would not help. */
      readonly documents: Documents;
    };

/**
 * Looks at the handle's WebFinger and at the host itself, then at the host's host-meta.
 * @param home the address's own origin, which callers with the same one may share
 * @param known what is remembered of the server that the address leads to, which is then sent fewer requests
 * @throws MastodonError `instance_unsupported` when nothing there has the Mastodon API; like every request
 */
export async function discover(
  context: RequestContext,
  settings: Settings,
  address: Address,
  home: Promise<Home>,
  known: KnownAt,
): Promise<Discovered> {
  const documents = new Documents(context);
  // Most handles live where their domain says, so the host is explored while WebFinger is still asked.
  const led = await byHandle(documents, settings, address, home, known);
  if (led) return { instance: led, isOfHandle: true };
  const here = await home;
  if (here.instance) return { instance: here.instance, isOfHandle: false };
  const { failure } = here;
  if (!here.documents.hasAnswered(address.origin) || !mayBeElsewhere(failure, address)) throw failure;
  documents.reuse(here.documents);
  const named = await byHostMeta(documents, settings, address, known);
  if (named) return { instance: named, isOfHandle: false };
  const byActor = await byInstanceActor(documents, settings, address, known);
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

/** A domain's own site may fail in these ways while the domain still says where its accounts are. */
const notHere: ReadonlySet<MastodonErrorCode> = new Set([
  'instance_unsupported',
  'instance_unreachable',
  'instance_blocked',
  'timeout',
]);

/** The failure of a server that the domain redirects to says nothing about another way. */
function mayBeElsewhere(error: unknown, { host }: Address): error is MastodonError {
  if (!(error instanceof MastodonError) || !notHere.has(error.code)) return false;
  return error.code === 'instance_unsupported' || error.instance === host;
}

/**
 * The server of a handle whose domain is only a name: where both sides agree; or, where no server is at the domain, where
 * the domain alone says so. The visitor who typed the handle chose the domain.
 */
async function byHandle(
  documents: Documents,
  settings: Settings,
  { username, host, origin }: Address,
  home: Promise<Home>,
  known: KnownAt,
): Promise<Instance | undefined> {
  if (username === undefined) return undefined;
  const { developmentOrigins } = settings;
  const lead = await followHandle(documents, developmentOrigins, origin, `${username}@${host}`);
  if (!lead || lead.origin === origin) return undefined;
  if (!lead.proved) {
    const here = await home;
    // Whether the account is there or here is then unknown.
    if (here.instance && lead.refusal) throw lead.refusal;
    if (here.instance) return undefined;
    if (wasNotAsked(here.failure)) throw here.failure;
  }
  if (lead.failure) throw lead.failure;
  const found = await knownOr(known, documents, settings, lead.origin).catch((error: unknown) => {
    // Trouble of the server that the domain names is told. That there is no server of Mastodon's kind is the domain's.
    if (!lead.proved && error instanceof MastodonError && error.code === 'instance_unsupported')
      return undefined;
    throw error;
  });
  if (!found || !lead.proved) return found;
  const { host: accountDomain } = new URL(`https://${domainIn(lead.proved.handle)}`);
  return { ...found, accountDomain };
}

async function byHostMeta(
  documents: Documents,
  settings: Settings,
  address: Address,
  known: KnownAt,
): Promise<Instance | undefined> {
  const [origin] = await hostMetaOrigins(documents, settings.developmentOrigins, address.origin);
  if (origin === undefined) return undefined;
  // That nothing is here tells the visitor more than any failure on this way round.
  const found = await knownOr(known, documents, settings, origin).catch(noneUnlessRefused);
  return found && { accountDomain: address.host, ...found };
}

/**
 * For a domain that has nothing but a redirect of WebFinger to its server: Mastodon and GoToSocial have an account of the
 * server itself, which is called like the domain.
 */
async function byInstanceActor(
  documents: Documents,
  settings: Settings,
  { host, origin, username }: Address,
  known: KnownAt,
): Promise<Instance | undefined> {
  if (username !== undefined) return undefined;
  const lead = await followHandle(documents, settings.developmentOrigins, origin, `${host}@${host}`);
  if (!lead || lead.origin === origin) return undefined;
  if (lead.failure?.reason === 'server_error') throw lead.failure;
  const found = await knownOr(known, documents, settings, lead.origin).catch(noneUnlessRefused);
  return found && { accountDomain: host, ...found };
}

async function knownOr(
  known: KnownAt,
  documents: Documents,
  settings: Settings,
  origin: string,
): Promise<Instance> {
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
      .get(`${origin}/.well-known/oauth-authorization-server`, { maxBytes: smallDocumentBytes }, complete)
      .catch(noneUnlessRefused),
    // Guessed, as nearly all servers have one of them. Asking for its address first would cost a round trip.
    Promise.any(
      ['2.0', '2.1'].map((version) => documents.get(`${origin}/nodeinfo/${version}`, {}, successful)),
    ).catch(({ errors }: AggregateError) => noneUnlessRefused(errors.find(wasNotAsked))),
  ]);
  // Redirects end here: from now on only the origin that answered counts, and it is asked for its own documents.
  const pinned = about.url.origin;
  if (pinned !== origin) {
    if (wasNamed) throw new MastodonError('instance_unsupported', { instance: new URL(origin).host });
    return explore(documents, settings, pinned, true);
  }
  const ownMetadata = documentOn(pinned, metadata);
  // A server under a second name: its accounts have their keys under the first one, if that is there.
  const first = wasNamed ? undefined : ownMetadata && namedOrigin(ownMetadata, pinned);
  const underFirstName = first && (await explore(documents, settings, first, true).catch(noneUnlessRefused));
  if (underFirstName) return underFirstName;
  return readInstance(
    { origin: pinned, instance: about, metadata: ownMetadata, nodeInfo: documentOn(pinned, nodeInfo) },
    settings.clientMetadataURL !== undefined,
  );
}

/** The old form, which all servers have; where it is broken or gone, the new one. */
async function instanceDocument(documents: Documents, origin: string): Promise<Answer> {
  const old = await documents.get(`${origin}/api/v1/instance`, {}, complete);
  if (![404, 410].includes(old.status) && old.status < 500) return old;
  const answer = await documents.get(`${origin}/api/v2/instance`, {}, complete).catch(() => old);
  return answer.status === 200 && isAbout(jsonObjectOrNone(answer)) ? answer : old;
}

function complete(answer: Answer): Answer {
  return answer;
}

function successful(answer: Answer): Answer {
  if (answer.status !== 200) throw new Error(`${answer.status}`);
  return answer;
}

/** That a server must not be asked is told; any other failure means that there is no way round. */
function noneUnlessRefused(error: unknown): undefined {
  if (wasNotAsked(error)) throw error;
}

function domainIn(handle: string): string {
  return handle.slice(handle.lastIndexOf('@') + 1);
}
