/** WebFinger (RFC 7033): from a handle to its actor, and the proof that both sides agree. */

import { MastodonError } from '../errors.js';
import { isReachableURL } from '../http/addresses.js';
import { jsonObjectOfAnyType, parseObject, type JsonObject } from '../http/answer.js';
import { smallDocumentBytes, type Answer } from '../http/request.js';
import { parseAddress, type Address } from './address.js';
import { wasNotAsked } from './failures.js';
import { parsedURL } from '../util/url.js';

export interface ProvedHandle {
  /** `Alice@example.com`: the user as the account's server spells it, the domain as the address parser does. */
  readonly handle: string;
  /** ActivityPub actor URI; its origin is where the account is served. */
  readonly actor: string;
  readonly origin: string;
}

/** Where a handle's domain says that the account is. */
export interface Lead {
  readonly origin: string;
  /** Only where the server there says the same. */
  readonly proved?: ProvedHandle;
  /** The domain passes the question on to a server that fails at the moment. */
  readonly failure?: MastodonError;
  /** This site may not ask the server there just now, so that there is no proof. */
  readonly refusal?: MastodonError;
}

interface Finger {
  /** `acct:` and `handle` in lower case: two of them are about the same account, or not. */
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
 * Asks the handle's domain for the actor, and the actor's server for the handle. Only where the two agree is
 * the handle proved: the domain alone could claim anyone's actor, the server alone anyone's domain.
 * Resolves to `undefined` wherever there is no such proof, whatever the reason.
 * @param domainOrigin origin of the handle's domain
 * @param handle `alice@example.com`; some servers tell `Alice` from `alice`
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
 * The same for who only wants to be led to the account: a domain may also give an account elsewhere a name of its
 * own, of which the server there knows nothing. That leads, and proves nothing.
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
  // Where the domain passes the question on to the actor's server, that server has spoken already.
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

/** For a domain that has no WebFinger of its own, but says who answers for it (RFC 6415, lrdd). */
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
 * The other origins that a domain's host-meta points to. Of its templates only the origin counts: its author
 * must not choose what is requested there.
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
  /** Where the answer came from. */
  readonly url: URL;
}

/** `undefined` for an answer without a subject and an actor, and the failure where there is no answer. */
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
  // One spelling of the domain, the parser's: others that look like it, or lead to it, are not told on.
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
 * The URLs that the document's `lrdd` templates point to. It is XML or JSON; of the XML only the attributes of
 * `Link` elements are read, each by a pattern that looks at every character once. Judging the URLs is the
 * caller's part.
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
