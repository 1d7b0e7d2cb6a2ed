/** WebFinger (RFC 7033): finds the actor of a handle, and checks that both servers confirm it. */

import { MastodonError } from '../errors.js';
import { isReachableURL } from '../http/addresses.js';
import { jsonObjectOfAnyType, parseObject, type JsonObject } from '../http/answer.js';
import { smallDocumentBytes, type Answer } from '../http/request.js';
import { parseAddress, type Address } from './address.js';
import { isLocalRefusal } from './failures.js';
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

/** Fetches a document. */
export interface Fetcher {
  readonly developmentOrigins: ReadonlySet<string>;
  get(
    url: string,
    options: { readonly accept?: string; readonly maxBytes?: number; readonly redirects?: number },
  ): Promise<Answer>;
}

/**
 * Asks the handle's domain for the actor, and the actor's server for the handle. The handle is confirmed only if both
 * agree: a domain alone could claim any actor, and a server alone any domain. A domain may also give an account
 * elsewhere a name that its server does not know. Such an answer leads to the server, and confirms no handle.
 * @param domainOrigin origin of the handle's domain
 * @param handle `alice@example.com`; some servers distinguish `Alice` from `alice`
 */
export async function followHandle(
  fetcher: Fetcher,
  domainOrigin: string,
  handle: string,
): Promise<Lead | undefined> {
  let there = await ask(fetcher, fingerURL(domainOrigin, handle));
  if (!there) {
    // A domain that has no WebFinger of its own may say who answers for it (RFC 6415, lrdd).
    const [origin] = await hostMetaOrigins(fetcher, domainOrigin);
    if (origin !== undefined) there = await ask(fetcher, fingerURL(origin, handle));
  }
  if (there instanceof MastodonError) {
    const { host } = new URL(domainOrigin);
    const passedOnTo =
      there.instance === host ? undefined : addressOf(there.instance, fetcher.developmentOrigins);
    return passedOnTo && { origin: passedOnTo.origin, failure: there };
  }
  if (!there || !isReachableURL(there.actor, fetcher.developmentOrigins)) return undefined;
  const { origin } = there.actor;
  const question = fingerURL(origin, there.handle);
  // Where the domain passes the question on to the actor's server, that server has spoken already.
  const isBoth = origin === domainOrigin || there.url.href === question;
  const here = isBoth ? there : await ask(fetcher, question).catch(unlessBusy);
  if (here instanceof MastodonError && here.code === 'login_busy') return { origin, refusal: here };
  if (!here || here instanceof MastodonError) return { origin };
  if (here.subject !== there.subject || here.actor.href !== there.actor.href) return { origin };
  return { origin, proved: { handle: here.handle, actor: here.actor.href, origin } };
}

function unlessBusy(error: unknown): MastodonError {
  if (error instanceof MastodonError && error.code === 'login_busy') return error;
  throw error;
}

/**
 * The other origins in a domain's host-meta. Only the origins of its templates are used, so the domain cannot choose
 * the requested path.
 */
export async function hostMetaOrigins(fetcher: Fetcher, domainOrigin: string): Promise<string[]> {
  const accept = 'application/xrd+xml, application/jrd+json, application/json';
  try {
    const options = { accept, maxBytes: smallDocumentBytes };
    const { status, text } = await fetcher.get(`${domainOrigin}/.well-known/host-meta`, options);
    return (status === 200 ? lrddTargets(text) : [])
      .map(({ host }) => addressOf(host, fetcher.developmentOrigins)?.origin)
      .filter((origin): origin is string => origin !== undefined && origin !== domainOrigin);
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

function fingerURL(origin: string, handle: string): string {
  return `${origin}/.well-known/webfinger?resource=${encodeURIComponent(`acct:${handle}`)}`;
}

interface Found extends Finger {
  /** URL of the response. */
  readonly url: URL;
}

/** `undefined` for an answer without a subject and an actor, and the failure where there is no answer. */
async function ask(fetcher: Fetcher, url: string): Promise<Found | MastodonError | undefined> {
  try {
    const options = { accept: 'application/jrd+json, application/json', maxBytes: smallDocumentBytes };
    const answer = await fetcher.get(url, options);
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

/** What follows the @. */
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
