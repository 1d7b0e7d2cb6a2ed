/** What software an instance runs, and what follows from that for a login. */

import type { Instance } from '../options.js';
import { MastodonError } from '../errors.js';
import { jsonObjectOrNone, type JsonObject } from '../http/answer.js';
import type { Answer } from '../http/request.js';
import { isOn } from '../util/url.js';
import type { Fetcher } from './webfinger.js';

/** The software's name in lower case, from NodeInfo, else from the version that /api/v1/instance tells. */
export function softwareOf(nodeInfo: JsonObject | undefined, version: unknown): string | undefined {
  const name = (nodeInfo?.software as { name?: unknown } | null | undefined)?.name;
  if (typeof name === 'string' && /^[\w.-]{1,64}$/.test(name)) return name.toLowerCase();
  if (typeof version !== 'string' || version.length > 200) return undefined;
  // "2.7.2 (compatible; Pleroma 2.9.0)", "4.0.0 (not true; really snac/2.75)"
  const really = /\((?:compatible; |not true; really )([\w.-]{1,64}?)[ /)]/.exec(version);
  // "WordPress/6.1, ActivityPub/7.6.0, EMA/1.6.0"
  return (really ?? /^([a-z][\w.-]{0,63})\/\d[\w.]*,/i.exec(version))?.[1]?.toLowerCase();
}

/** What tells no name is in none of them. */
type Names = ReadonlySet<string | undefined>;

/** Their apps serve one login: the client id is an address whose token is the code. They cannot be shared. */
const singleUseApps: Names = new Set(['sharkey', 'firefish']);

export function hasSingleUseApps(software: string | undefined): boolean {
  return singleUseApps.has(software);
}

/** Misskey and what calls itself otherwise; of these, the ones above offer Mastodon's API beside their own. */
const speakMisskey: Names = new Set([
  'misskey',
  'cherrypick',
  'foundkey',
  'calckey',
  'meisskey',
  'yojo-art',
  'rumisskey',
]);

/** By its name, or by how every fork of Misskey answers what it does not know (`/api/v1/instance`). */
export function speaksMisskey(software: string | undefined, aboutInstance: JsonObject | undefined): boolean {
  const error = aboutInstance?.error as { code?: unknown } | null | undefined;
  return speakMisskey.has(software) || error?.code === 'UNKNOWN_API_ENDPOINT';
}

/** The same as `hasSingleUseApps`, told by a client id that is such an address in base64. */
export function isSingleUseClientId(clientId: string): boolean {
  return /^https?:\/\//.test(Buffer.from(clientId, 'base64').toString('latin1'));
}

/** Servers known to take `read:accounts`; others answer it with an error, or grant it and then refuse. */
const takesReadAccounts: Names = new Set(['mastodon', 'gotosocial', 'hollo', 'pleroma', 'akkoma']);

/** The least scope that opens /api/v1/accounts/verify_credentials on this server. */
export function leastScope(instance: Pick<Instance, 'scopesSupported' | 'software'>): string {
  if (instance.scopesSupported?.includes('profile')) return documentScope;
  return takesReadAccounts.has(instance.software) ? 'read:accounts' : 'read';
}

/** The same where a document says beforehand what will be asked for, so that it must be alike on all such servers. */
export const documentScope = 'profile';

/** The least that opens `/api/i`. */
export const misskeyScope = 'read:account';

/**
 * Without it Pleroma may answer a browser that is logged in there with a token instead of a code, and Akkoma
 * with a code that was used before.
 */
export function needsForcedLogin(software: string | undefined): boolean {
  return software === 'pleroma' || software === 'akkoma';
}

/** snac gives a token for any code. Nothing rests on the name: every server is asked. */
export function checksNoCodes(software: string | undefined): boolean {
  return software === 'snac';
}

/** Takahe gives a client credentials token to every client, so it cannot be asked whether it knows a client. */
export function grantsTokensToAnyClient(software: string | undefined): boolean {
  return software === 'takahe';
}

/** Revoking one token there takes down the app (snac) or every user's tokens of the app (Friendica). */
export function canRevokeTokens(software: string | undefined): boolean {
  return software !== 'snac' && software !== 'friendica';
}

/** By their names in NodeInfo, in lower case. None has Mastodon's API, or Misskey's login; texts of ours alone are shown. */
const names: ReadonlyMap<string, string> = new Map([
  ['bookwyrm', 'BookWyrm'],
  ['calckey', 'Calckey'],
  ['diaspora', 'diaspora*'],
  ['discourse', 'Discourse'],
  ['foundkey', 'FoundKey'],
  ['funkwhale', 'Funkwhale'],
  ['gancio', 'Gancio'],
  ['ghost', 'Ghost'],
  ['hubzilla', 'Hubzilla'],
  ['kbin', '/kbin'],
  ['lemmy', 'Lemmy'],
  ['mbin', 'Mbin'],
  ['mobilizon', 'Mobilizon'],
  ['owncast', 'Owncast'],
  ['peertube', 'PeerTube'],
  ['piefed', 'PieFed'],
  ['plume', 'Plume'],
  ['threads', 'Threads'],
  ['wordpress', 'WordPress'],
  ['writefreely', 'WriteFreely'],
]);

/** Networks of one operator, who says nothing of software. */
const places: readonly (readonly [host: RegExp, name: string])[] = [
  [/^(?:www\.)?threads\.(?:net|com)$/, 'Threads'],
  [/^(?:bsky\.app|(?:.+\.)?bsky\.social)$/, 'Bluesky'],
];

/** @param software as NodeInfo tells it, in lower case */
export function otherSoftware(software: string | undefined): string | undefined {
  return names.get(software ?? '');
}

/**
 * The same refusal, with the name of what is there, where that says more. Only now is it asked for: who can be used tells
 * it at a place that is guessed, and a start is not to wait for more.
 */
export async function namedByItsSoftware(
  fetcher: Fetcher,
  origin: string,
  refusal: MastodonError,
): Promise<MastodonError> {
  const { code, instance, cause, reason } = refusal;
  if (reason !== undefined) return refusal;
  const { hostname } = new URL(origin);
  const place = places.find(([hosts]) => hosts.test(hostname));
  const software =
    place?.[1] ?? (code === 'instance_unsupported' ? await nameAt(fetcher, origin) : undefined);
  if (software === undefined) return refusal;
  return new MastodonError('instance_unsupported', { instance, cause, reason: 'other_software', software });
}

async function nameAt(fetcher: Fetcher, origin: string): Promise<string | undefined> {
  const ask = (url: string, accept = 'application/json', redirects = 3) =>
    fetcher
      .get(url, { accept, redirects }, (answer) => (answer.status === 200 ? answer : undefined))
      .catch(() => undefined);
  const [index, did] = await Promise.all([
    ask(`${origin}/.well-known/nodeinfo`),
    // How a name of Bluesky's network shows whose it is (AT Protocol, "Handle", HTTPS well-known method).
    ask(`${origin}/.well-known/atproto-did`, 'text/plain'),
  ]);
  const link = index && linkIn(index);
  // The server has chosen this path, so that it must lead to no other server.
  const nodeInfo = link === undefined ? undefined : await ask(link, undefined, 0);
  const software = otherSoftware(softwareOf(nodeInfo && jsonObjectOrNone(nodeInfo), undefined));
  return software ?? (/^did:(?:plc|web):\S+\s*$/.test(did?.text ?? '') ? 'Bluesky' : undefined);
}

/** The NodeInfo document that a server names, on its own origin. */
function linkIn(index: Answer): string | undefined {
  const links = jsonObjectOrNone(index)?.links;
  if (!Array.isArray(links)) return undefined;
  return (links as unknown[])
    .map((link) => (link ?? {}) as Record<string, unknown>)
    .filter(({ rel }) => typeof rel === 'string' && /nodeinfo\.diaspora\.software\/ns\/schema\/2\./.test(rel))
    .map(({ href }) => href)
    .find((href): href is string => isOn(index.url.origin, href));
}
