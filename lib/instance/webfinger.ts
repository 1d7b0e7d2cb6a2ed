/** WebFinger (RFC 7033): from a handle to its actor, and the proof that both sides agree. */

import { isReachableURL } from '../net/addresses.js';
import { jsonObjectOrNone, type JsonObject } from '../net/json.js';
import type { Network } from '../net/network.js';

export interface ProvedHandle {
  /** `alice@example.com`, in lower case, as both servers name it. */
  readonly handle: string;
  /** ActivityPub actor URI; its origin is where the account is served. */
  readonly actor: string;
  readonly origin: string;
}

interface Finger {
  readonly subject: string;
  readonly actor: URL;
}

/**
 * Asks the handle's domain for the actor, and the actor's server for the handle. Only where the two agree is
 * the handle proved: the domain alone could claim anyone's actor, the server alone anyone's domain.
 * Resolves to `undefined` wherever there is no such proof, whatever the reason.
 * @param domainOrigin origin of the handle's domain
 * @param handle `alice@example.com`
 */
export async function proveHandle(
  network: Network,
  developmentOrigins: ReadonlySet<string>,
  domainOrigin: string,
  handle: string,
): Promise<ProvedHandle | undefined> {
  const there = await finger(network, domainOrigin, `acct:${handle}`);
  if (!there || !isReachableURL(there.actor, developmentOrigins)) return undefined;
  const { origin } = there.actor;
  const here = origin === domainOrigin ? there : await finger(network, origin, there.subject);
  if (!here || here.subject !== there.subject || here.actor.href !== there.actor.href) return undefined;
  return { handle: here.subject.slice('acct:'.length), actor: here.actor.href, origin };
}

async function finger(network: Network, origin: string, resource: string): Promise<Finger | undefined> {
  const url = `${origin}/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;
  try {
    const answer = await network.get(url, { accept: 'application/jrd+json, application/json' });
    return answer.status === 200 ? readFinger(jsonObjectOrNone(answer)) : undefined;
  } catch {
    return undefined;
  }
}

/** The subject (lower case) and the ActivityPub actor of a JRD, if it has both. */
export function readFinger(document: JsonObject | undefined): Finger | undefined {
  const subject = document?.subject;
  const links = document?.links;
  if (typeof subject !== 'string' || !/^acct:[^@\s]{1,500}@[^@\s]{1,300}$/.test(subject)) return undefined;
  if (!Array.isArray(links)) return undefined;
  const self = (links as unknown[]).find(isActorLink);
  return self && { subject: subject.toLowerCase(), actor: new URL(self.href) };
}

function isActorLink(link: unknown): link is { readonly href: string } {
  const { rel, type, href } = (link ?? {}) as Record<string, unknown>;
  const isActivity =
    typeof type === 'string' &&
    (type === 'application/activity+json' ||
      /^application\/ld\+json;\s*profile="[^"]*activitystreams/.test(type));
  return (
    rel === 'self' &&
    isActivity &&
    typeof href === 'string' &&
    href.length <= 2048 &&
    /^https?:\/\//i.test(href) &&
    URL.canParse(href)
  );
}
