/** The software of an instance, and its consequences for a login. */

import { MastodonError } from '../errors.js';
import { jsonObjectOrNone, type JsonObject } from '../http/answer.js';
import type { Answer } from '../http/request.js';
import { isOn } from '../util/url.js';
import type { Fetcher } from './webfinger.js';

/** Name of the software in lower case, from NodeInfo, else from the version in /api/v1/instance. */
export function softwareOf(nodeInfo: JsonObject | undefined, version: unknown): string | undefined {
  const name = (nodeInfo?.software as { name?: unknown } | null | undefined)?.name;
  if (typeof name === 'string' && /^[\w.-]{1,64}$/.test(name)) return name.toLowerCase();
  if (typeof version !== 'string' || version.length > 200) return undefined;
  // "2.7.2 (compatible; Pleroma 2.9.0)", "4.0.0 (not true; really snac/2.75)"
  const really = /\((?:compatible; |not true; really )([\w.-]{1,64}?)[ /)]/.exec(version);
  // "WordPress/6.1, ActivityPub/7.6.0, EMA/1.6.0"
  return (really ?? /^([a-z][\w.-]{0,63})\/\d[\w.]*,/i.exec(version))?.[1]?.toLowerCase();
}

/** Undefined, for unknown software, is in none of the sets. */
type Names = ReadonlySet<string | undefined>;

/** Software whose apps serve one login. The client ID is a URL, and its token is the code. Such apps cannot be shared. */
export const singleUseApps: Names = new Set(['sharkey', 'firefish']);

/**
 * Software that needs `force_login`. Without it Pleroma may send a logged-in browser back with a token instead of a code.
 * Akkoma may send a used code.
 */
export const needsForcedLogin: Names = new Set(['pleroma', 'akkoma']);

/** Software whose denials may have no `state`. */
export const deniesWithoutState: Names = new Set(['hollo', undefined]);

/** Software known to accept invalid codes. The invalid-code check runs for all other servers. */
export const acceptsAnyCode: Names = new Set(['snac']);

/** Software that grants a client credentials token to any client (Takahē), so that verification gives no information. */
export const grantsTokensToAnyClient: Names = new Set(['takahe']);

/** Software that cannot revoke one token. snac deletes the app with it, and Friendica the app's tokens of all users. */
export const revokesMoreThanOneToken: Names = new Set(['snac', 'friendica']);

/** Misskey and forks with other names. The ones above support the Mastodon API too. */
const misskeyNames: Names = new Set(
  'misskey cherrypick foundkey calckey meisskey yojo-art rumisskey'.split(' '),
);

/**
 * Whether a server has only the Misskey API: by its name, or by its error for an unknown endpoint (`/api/v1/instance`).
 */
export function speaksMisskey(software: string | undefined, aboutInstance: JsonObject | undefined): boolean {
  const error = aboutInstance?.error as { code?: unknown } | null | undefined;
  return misskeyNames.has(software) || error?.code === 'UNKNOWN_API_ENDPOINT';
}

/** Like `singleUseApps`, but recognised by the client ID, which is a URL in base64. */
export function isSingleUseClientId(clientId: string): boolean {
  return /^https?:\/\//.test(Buffer.from(clientId, 'base64').toString('latin1'));
}

/**
 * Software without the Mastodon API and without Misskey's login. Only these fixed names are shown to visitors. NodeInfo has
 * them in lower case and without other characters.
 */
const otherNames = new Map(
  `BookWyrm Calckey diaspora* Discourse FoundKey Funkwhale Gancio Ghost Hubzilla /kbin Lemmy Mbin Mobilizon Owncast
  PeerTube PieFed Plume Threads WordPress WriteFreely`
    .split(/\s+/)
    .map((name) => [name.toLowerCase().replace(/[^a-z]/g, ''), name]),
);

/** Networks of one operator, which do not report their software. */
const networks: readonly (readonly [host: RegExp, name: string])[] = [
  [/^(?:www\.)?threads\.(?:net|com)$/, 'Threads'],
  [/^(?:bsky\.app|(?:.+\.)?bsky\.social)$/, 'Bluesky'],
];

/** @param software name in NodeInfo, in lower case */
export function otherSoftware(software: string | undefined): string | undefined {
  return otherNames.get(software ?? '');
}

/**
 * Adds the name of the software to a refusal, if that is more specific. NodeInfo is fetched only here. Supported
 * servers are read from a guessed URL, so their logins do not wait for it.
 */
export async function namedByItsSoftware(
  fetcher: Fetcher,
  origin: string,
  refusal: MastodonError,
): Promise<MastodonError> {
  const { code, instance, cause, reason } = refusal;
  if (reason !== undefined) return refusal;
  const { hostname } = new URL(origin);
  const network = networks.find(([hosts]) => hosts.test(hostname));
  const software =
    network?.[1] ?? (code === 'instance_unsupported' ? await nameAt(fetcher, origin) : undefined);
  if (software === undefined) return refusal;
  return new MastodonError('instance_unsupported', { instance, cause, reason: 'other_software', software });
}

async function nameAt(fetcher: Fetcher, origin: string): Promise<string | undefined> {
  const ask = async (url: string, options: Parameters<Fetcher['get']>[1]) => {
    const answer = await fetcher.get(url, options).catch(() => undefined);
    return answer?.status === 200 ? answer : undefined;
  };
  const [index, did] = await Promise.all([
    ask(`${origin}/.well-known/nodeinfo`, {}),
    // Identifies a Bluesky handle (AT Protocol, "Handle", HTTPS well-known method).
    ask(`${origin}/.well-known/atproto-did`, { accept: 'text/plain' }),
  ]);
  const link = index && linkIn(index);
  // The server chose this path, so redirects to other servers are not followed.
  const nodeInfo = link === undefined ? undefined : await ask(link, { redirects: 0 });
  const software = otherSoftware(softwareOf(nodeInfo && jsonObjectOrNone(nodeInfo), undefined));
  return software ?? (did && /^did:(?:plc|web):\S+\s*$/.test(did.text) ? 'Bluesky' : undefined);
}

/**
 * The URL of a NodeInfo document on the server's own origin. The type of `rel` is checked, because the `toString` of a
 * stranger's object may be no function.
 */
function linkIn(index: Answer): string | undefined {
  const { links } = jsonObjectOrNone(index) ?? {};
  if (!Array.isArray(links)) return undefined;
  return (links as unknown[])
    .map((link) => (link ?? {}) as Record<string, unknown>)
    .filter(({ rel }) => typeof rel === 'string' && /nodeinfo\.diaspora\.software\/ns\/schema\/2\./.test(rel))
    .map(({ href }) => href)
    .find((href): href is string => isOn(index.url.origin, href));
}
