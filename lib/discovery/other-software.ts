/** Servers whose accounts cannot log in at other sites: whoever types one is told so by the name of what runs there. */

import { MastodonError } from '../errors.js';
import { jsonObjectOrNone } from '../http/json.js';
import type { Answer } from '../http/request.js';
import { isOn } from './metadata.js';
import { softwareOf } from './software.js';
import type { Fetcher } from './webfinger.js';

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
  const ask = (url: string, accept = 'application/json') =>
    fetcher
      .get(url, { accept }, (answer) => (answer.status === 200 ? answer : undefined))
      .catch(() => undefined);
  const [index, did] = await Promise.all([
    ask(`${origin}/.well-known/nodeinfo`),
    // How a name of Bluesky's network shows whose it is (AT Protocol, "Handle", HTTPS well-known method).
    ask(`${origin}/.well-known/atproto-did`, 'text/plain'),
  ]);
  const link = index && linkIn(index);
  const nodeInfo = link === undefined ? undefined : await ask(link);
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
