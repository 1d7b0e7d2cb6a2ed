/** WebFinger (RFC 7033): finds the actor of a handle, and checks that both servers confirm it. */

import { MastodonError } from '../errors.js';
import { isReachableURL } from '../http/addresses.js';
import { jsonObjectOfAnyType, parseObject, type JsonObject } from '../http/answer.js';
import { smallDocumentBytes, type Answer } from '../http/request.js';
import { parseAddress, type Address } from './address.js';
import { wasNotAsked } from './failures.js';
import { parsedURL } from '../util/url.js';

export interface ProvedHandle {
  /** `Alice@example.com`: the user in the spelling of the server, the domain normalised by the address parser. */
  readonly handle: string;
  /** ActivityPub actor URI. Its origin is the server of the account. */
  readonly actor: string;
  readonly origin: string;
}

/** The server that the domain of a handle names. */
export interface Lead {
  readonly origin: string;
  /** Set only if the named server confirms the handle. */
  readonly proved?: ProvedHandle;
  /** The domain redirects WebFinger to a server that currently fails. */
  readonly failure?: MastodonError;
  /** A limit or `allowInstance` prevents a request to the named server, so the handle is not verified. */
  readonly refusal?: MastodonError;
}

interface Finger {
  /** `acct:` and `handle` in lower case, to compare accounts. */
  readonly subject: string;
  readonly handle: string;
  readonly actor: URL;
}

/** Fetches a document and reads it. */
export interface Fetcher {
  get<T>(
    url: string,
    options: { readonly accept?: string; readonly maxBytes?: number; readonly redirects?: number },
    read: (answer: Answer) => T,
  ): Promise<T>;
}

/**
 * Verifies a handle. The handle's domain must name the actor, and the actor's server must name the handle. Each alone
 * could claim a foreign account. Resolves to `undefined` if the handle is not verified, for any reason.
 * @param domainOrigin origin of the handle's domain
 * @param handle `alice@example.com`; some servers distinguish `Alice` from `alice`
 */
export async function proveHandle(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  domainOrigin: string,
  handle: string,
): Promise<ProvedHandle | undefined> {
  return (await followHandle(fetcher, developmentOrigins, domainOrigin, handle))?.proved;
}

/**
 * Finds the server of a handle, verified or not. A domain may have its own handle for an account elsewhere, unknown to
 * that server. Such a handle is not verified.
 */
export async function followHandle(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  domainOrigin: string,
  handle: string,
): Promise<Lead | undefined> {
  const finger = async (origin: string, resource: string) =>
    ask(fetcher, developmentOrigins, fingerURL(origin, resource));
  const answered = await finger(domainOrigin, `acct:${handle}`);
  const there =
    answered ??
    (await byHostMeta(fetcher, developmentOrigins, domainOrigin, (origin) =>
      finger(origin, `acct:${handle}`),
    ));
  if (there instanceof MastodonError) {
    const { host } = new URL(domainOrigin);
    const passedOnTo = there.instance === host ? undefined : addressOf(there.instance, developmentOrigins);
    return passedOnTo && { origin: passedOnTo.origin, failure: there };
  }
  if (!there || !isReachableURL(there.actor, developmentOrigins)) return undefined;
  const { origin } = there.actor;
  const question = fingerURL(origin, `acct:${there.handle}`);
  // The domain redirects to the actor's server, so this response is already that server's.
  const isBoth = origin === domainOrigin || there.url.href === question;
  const here = isBoth ? there : await ask(fetcher, developmentOrigins, question).catch(unlessBusy);
  if (here instanceof MastodonError && here.code === 'login_busy') return { origin, refusal: here };
  if (!here || here instanceof MastodonError) return { origin };
  if (here.subject !== there.subject || here.actor.href !== there.actor.href) return { origin };
  return { origin, proved: { handle: here.handle, actor: here.actor.href, origin } };
}

function unlessBusy(error: unknown): MastodonError {
  if (error instanceof MastodonError && error.code === 'login_busy') return error;
  throw error;
}

/** Queries the servers that the domain's host-meta names (RFC 6415, lrdd), for a domain without WebFinger. */
async function byHostMeta<T>(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  domainOrigin: string,
  work: (origin: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  const [origin] = await hostMetaOrigins(fetcher, developmentOrigins, domainOrigin);
  return origin === undefined ? undefined : work(origin);
}

/**
 * The other origins in a domain's host-meta. Only the origins of its templates are used, so the domain cannot choose
 * the requested path.
 */
export async function hostMetaOrigins(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  domainOrigin: string,
): Promise<string[]> {
  const accept = 'application/xrd+xml, application/jrd+json, application/json';
  try {
    const options = { accept, maxBytes: smallDocumentBytes };
    return await fetcher.get(`${domainOrigin}/.well-known/host-meta`, options, ({ status, text }) =>
      (status === 200 ? lrddTargets(text) : [])
        .map(({ host }) => addressOf(host, developmentOrigins)?.origin)
        .filter((origin): origin is string => origin !== undefined && origin !== domainOrigin),
    );
  } catch {
    return [];
  }
}

function addressOf(host: unknown, developmentOrigins: ReadonlySet<string>): Address | undefined {
  try {
    return parseAddress(host, developmentOrigins);
  } catch {
    return undefined;
  }
}

function fingerURL(origin: string, resource: string): string {
  return `${origin}/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;
}

interface Found extends Finger {
  /** URL of the response. */
  readonly url: URL;
}

/**
 * Sends a WebFinger query. `undefined` for a response without a subject and an actor. A failure if there is no
 * response.
 */
async function ask(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  url: string,
): Promise<Found | MastodonError | undefined> {
  try {
    const options = { accept: 'application/jrd+json, application/json', maxBytes: smallDocumentBytes };
    return await fetcher.get(url, options, (answer) => {
      const { host } = answer.url;
      if (answer.status >= 500 && host !== new URL(url).host) {
        const cause = new Error(`WebFinger was answered with ${answer.status}`);
        return new MastodonError('instance_unreachable', { instance: host, cause, reason: 'server_error' });
      }
      const finger =
        answer.status === 200 ? readFinger(jsonObjectOfAnyType(answer), developmentOrigins) : undefined;
      return finger && { ...finger, url: answer.url };
    });
  } catch (error) {
    if (wasNotAsked(error)) throw error;
    return error instanceof MastodonError ? error : undefined;
  }
}

/** The subject and the ActivityPub actor of a JRD, if it has both. */
export function readFinger(
  document: JsonObject | undefined,
  developmentOrigins: ReadonlySet<string> = new Set(),
): Finger | undefined {
  const subject = document?.subject;
  const links = document?.links;
  if (typeof subject !== 'string' || !Array.isArray(links)) return undefined;
  const [, user = '', domain] = /^acct:([^@\s]{1,500})@([^@\s]{1,300})$/.exec(subject) ?? [];
  // The domain is normalised by the address parser, so that similar names cannot be passed on.
  const address = addressOf(domain, developmentOrigins);
  const actor = links.map(actorOf).find((url) => url !== undefined);
  if (!address || !actor) return undefined;
  const handle = `${user}@${address.host}`;
  return { subject: `acct:${handle.toLowerCase()}`, handle, actor };
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
    .filter(isLrdd)
    .map(({ template }) => parsedURL(template.replaceAll('{uri}', '')))
    .filter((url) => url !== undefined)
    .slice(0, 3);
}

interface Link {
  readonly rel?: unknown;
  readonly template?: unknown;
}

function isLrdd(link: Link): link is { readonly template: string } {
  return link.rel === 'lrdd' && typeof link.template === 'string';
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
