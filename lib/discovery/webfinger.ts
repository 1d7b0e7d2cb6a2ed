/** WebFinger (RFC 7033): finds the actor of a handle, and checks that both servers confirm it. */

import { MastodonError } from '../errors.js';
import { isReachableURL } from '../http/addresses.js';
import { jsonObjectOfAnyType, parseObject, type JsonObject } from '../http/answer.js';
import type { Answer, Documents } from '../http/request.js';
import { addressIn } from './address.js';
import { isLocalRefusal } from './failures.js';
import { parsedURL } from '../util/url.js';

export interface ConfirmedHandle {
  /** `Alice@example.com`: the user in the spelling of the server, the domain normalised by the address parser. */
  readonly handle: string;
  /** ActivityPub actor URI. Its origin is the server of the account. */
  readonly actor: string;
  readonly origin: string;
}

/** The server that the domain of a handle names. */
export interface NamedServer {
  readonly origin: string;
  /** Set only if the named server confirms the handle. */
  readonly confirmed?: ConfirmedHandle;
  /** The domain redirects WebFinger to a server that currently fails. */
  readonly failure?: MastodonError;
  /** A limit or `allowInstance` prevents a request to the named server, so the handle is not verified. */
  readonly refusal?: MastodonError;
}

interface WebFingerSubject {
  /** `acct:` and `handle` in lower case, to compare accounts. */
  readonly subject: string;
  readonly handle: string;
  readonly actor: URL;
}

/** Fetches a document. */
export type Fetcher = Pick<Documents, 'developmentOrigins' | 'get'>;

/**
 * Asks the handle's domain for the actor, and the actor's server for the handle. The handle is confirmed only if both
 * agree: a domain alone could claim any actor, and a server alone any domain. A domain may also name an account of
 * another server that does not know the handle. Then the result is that server, without a confirmed handle.
 * @param domainOrigin origin of the handle's domain
 * @param handle `alice@example.com`; some servers distinguish `Alice` from `alice`
 */
export async function followHandle(
  fetcher: Fetcher,
  domainOrigin: string,
  handle: string,
): Promise<NamedServer | undefined> {
  let named = await fetchSubject(fetcher, fingerURL(domainOrigin, handle));
  if (!named) {
    // A domain without WebFinger may name another origin for it (RFC 6415, lrdd).
    const origin = await hostMetaOrigin(fetcher, domainOrigin);
    if (origin !== undefined) named = await fetchSubject(fetcher, fingerURL(origin, handle));
  }
  if (named instanceof MastodonError) {
    const { host } = new URL(domainOrigin);
    const target =
      named.instance === host ? undefined : addressIn(named.instance, fetcher.developmentOrigins);
    return target && { origin: target.origin, failure: named };
  }
  if (!named || !isReachableURL(named.actor, fetcher.developmentOrigins)) return undefined;
  const { origin } = named.actor;
  const url = fingerURL(origin, named.handle);
  // If the domain redirects to the actor's server, that server has answered already.
  const isFromBoth = origin === domainOrigin || named.url.href === url;
  const own = isFromBoth ? named : await fetchSubject(fetcher, url).catch(unlessBusy);
  if (own instanceof MastodonError && own.code === 'login_busy') return { origin, refusal: own };
  if (!own || own instanceof MastodonError) return { origin };
  if (own.subject !== named.subject || own.actor.href !== named.actor.href) return { origin };
  return { origin, confirmed: { handle: own.handle, actor: own.actor.href, origin } };
}

function unlessBusy(error: unknown): MastodonError {
  if (error instanceof MastodonError && error.code === 'login_busy') return error;
  throw error;
}

/**
 * The other origin in a domain's host-meta. Only the origin of its template is used, so the domain cannot choose the
 * requested path.
 */
export async function hostMetaOrigin(fetcher: Fetcher, domainOrigin: string): Promise<string | undefined> {
  const accept = 'application/xrd+xml, application/jrd+json, application/json';
  const url = `${domainOrigin}/.well-known/host-meta`;
  const answer = await fetcher.get(url, { accept }).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return lrddTargets(answer.text)
    .map(({ host }) => addressIn(host, fetcher.developmentOrigins)?.origin)
    .find((origin) => origin !== undefined && origin !== domainOrigin);
}

function fingerURL(origin: string, handle: string): string {
  return `${origin}/.well-known/webfinger?resource=${encodeURIComponent(`acct:${handle}`)}`;
}

/** @returns `undefined` for a response without a subject and an actor; the failure if there is no response */
async function fetchSubject(
  fetcher: Fetcher,
  url: string,
): Promise<(WebFingerSubject & Pick<Answer, 'url'>) | MastodonError | undefined> {
  try {
    const answer = await fetcher.get(url, { accept: 'application/jrd+json, application/json' });
    const { host } = answer.url;
    if (answer.status >= 500 && host !== new URL(url).host) {
      const cause = `WebFinger was answered with ${answer.status}`;
      return new MastodonError('instance_unreachable', { instance: host, cause, reason: 'server_error' });
    }
    const finger =
      answer.status === 200 ? readFinger(jsonObjectOfAnyType(answer), fetcher.developmentOrigins) : undefined;
    return finger && { ...finger, url: answer.url };
  } catch (error) {
    if (isLocalRefusal(error)) throw error;
    return error instanceof MastodonError ? error : undefined;
  }
}

/** The subject and the ActivityPub actor of a JRD, if it has both. */
export function readFinger(
  document: JsonObject | undefined,
  developmentOrigins: ReadonlySet<string> = new Set(),
): WebFingerSubject | undefined {
  const subject = document?.subject;
  const links = document?.links;
  if (typeof subject !== 'string' || !Array.isArray(links)) return undefined;
  // A lone surrogate cannot be part of a URL.
  const [, user = '', domain] = /^acct:([^@\s\p{Cs}]{1,500})@([^@\s]{1,300})$/u.exec(subject) ?? [];
  // The domain is normalised by the address parser, so that similar names cannot be passed on.
  const address = addressIn(domain, developmentOrigins);
  const actor = links.map(actorOf).find((url) => url !== undefined);
  if (!address || !actor) return undefined;
  const handle = `${user}@${address.host}`;
  return { subject: `acct:${handle.toLowerCase()}`, handle, actor };
}

/** The text after the last `@`. */
export function domainIn(handle: string): string {
  return handle.slice(handle.lastIndexOf('@') + 1);
}

function actorOf(link: unknown): URL | undefined {
  const { rel, type, href } = (link ?? {}) as Record<string, unknown>;
  const isActivity =
    typeof type === 'string' &&
    (type === 'application/activity+json' ||
      /^application\/ld\+json;\s*profile="[^"]*activitystreams/.test(type));
  const isPage = typeof href === 'string' && href.length <= 2048 && /^https?:\/\//i.test(href);
  return rel === 'self' && isActivity && isPage ? parsedURL(href) : undefined;
}

/**
 * The URLs of `lrdd` templates in XML or JSON. In XML, only attributes of `Link` elements are read, by linear regular
 * expressions. The caller validates the URLs.
 */
export function lrddTargets(text: string): URL[] {
  const links = text.trimStart().startsWith('{') ? linksInJSON(text) : linksInXML(text);
  return links
    .map(({ rel, template }) =>
      rel === 'lrdd' && typeof template === 'string'
        ? parsedURL(template.replaceAll('{uri}', ''))
        : undefined,
    )
    .filter((url) => url !== undefined)
    .slice(0, 3);
}

interface Link {
  readonly rel?: unknown;
  readonly template?: unknown;
}

function linksInXML(text: string): Link[] {
  return [...text.matchAll(/<(?:\w{1,20}:)?Link\s[^<>]{1,2000}>/g)].map(([link]) => ({
    rel: /\brel\s?=\s?["']([^"']*)["']/.exec(link)?.[1],
    template: /\btemplate\s?=\s?["']([^"']*)["']/.exec(link)?.[1]?.replaceAll('&amp;', '&'),
  }));
}

function linksInJSON(text: string): Link[] {
  try {
    const { links } = parseObject(text);
    return Array.isArray(links) ? links.map((link: Link | null) => link ?? {}) : [];
  } catch {
    return [];
  }
}
