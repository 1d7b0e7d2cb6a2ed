/** Reads what a visitor typed: text in, host out, no network. */

import { domainToUnicode } from 'node:url';
import { MastodonError, type MastodonErrorReason } from '../errors.js';
import { isPublicAddress, isPublicHostname } from '../http/addresses.js';
import { isEmailProvider } from '../util/email-providers.js';
import { parsedURL } from '../util/url.js';

/** Where a visitor says their account lives. */
export interface Address {
  /** `https://mastodon.social`, or a listed development origin. */
  readonly origin: string;
  /** Lower case, punycode; with the port of a development origin. */
  readonly host: string;
  /** The user name, when a handle was typed. */
  readonly username?: string;
  /** The host in the script it was typed in, where `host` is written otherwise: to be shown to who typed it alone. */
  readonly typedHost?: string;
}

/** Why the address of a server that is not public was refused. */
export class UnlistedServer extends Error {
  /**
   * @param origin as it would be listed in `developmentInstances`
   * @param listed what is in that option
   */
  constructor(
    readonly origin: string,
    readonly listed: readonly string[],
  ) {
    super(
      'the server is not public, and not in developmentInstances; a server on your own network needs the option outbound.privateInstances',
    );
  }
}

/** Longer than any handle or profile URL that a person types or pastes. */
const maxInputLength = 2048;

/** Characters without a picture of their own that come along when a handle is copied. */
const invisible =
  /[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/gu;
/** These two belong into words of some scripts, and nowhere else. */
const strayJoiners = /(?<![^\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\0-\x7f])/gu;

const plainHost = /^[a-z0-9][a-z0-9.-]*(?::\d{1,5})?$/;

/** A handle, with or without what people and programs put in front of it. */
const handles = [
  /^(?:acct:)?@?([^@/:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
  /^https?:\/\/@([^@/:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
  // The credentials of a URL, if it is one: with a dot it may be a host that is put forward to deceive.
  /^https?:\/\/([^@./:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
];

/**
 * Understands a domain, `@user@domain`, `user@domain`, `acct:user@domain`, these behind `https://`, and profile or
 * home URLs; with spaces around, invisible marks anywhere, capitals, international names, a trailing dot or slash.
 * Refuses what is not a public host name: IP addresses in any notation, ports, credentials, single labels.
 * @throws MastodonError `instance_missing` or `instance_invalid`
 */
export function parseAddress(input: unknown, developmentOrigins: ReadonlySet<string>): Address {
  if (input === undefined || input === null) throw new MastodonError('instance_missing');
  if (typeof input !== 'string' || input.length > maxInputLength) throw invalid();
  // The usual input, from visitors, forms and suggestions: a plain host needs none of the following.
  if (plainHost.test(input)) return addressOf(input, undefined, developmentOrigins);
  const text = withoutSpacesAtDots(
    input.replace(invisible, '').replace(strayJoiners, '').trim().replaceAll('\uff20', '@'),
  );
  if (text === '') throw new MastodonError('instance_missing');

  const handle = handles.map((form) => form.exec(text)).find((found) => found !== null);
  if (handle) return addressOf(handle[2] ?? '', handle[1], developmentOrigins);
  // What people call themselves at Bluesky is a host name, and no user name without its server.
  const blueskyName = /^@([a-z0-9.-]+\.bsky\.social)$/iu.exec(text)?.[1];
  if (blueskyName !== undefined) return addressOf(blueskyName, undefined, developmentOrigins);
  if (/^(?:acct:|@)[^@\s/]+$/iu.test(text)) throw invalid('user_without_server');
  // A home or profile page of another server may follow in the path.
  const host = text.replace(/^https?:\/\//iu, '').replace(/[/?#].*/su, '');
  return addressOf(host, undefined, developmentOrigins);
}

/** Keyboards of phones put a space behind a dot: "Mastodon. social". */
function withoutSpacesAtDots(text: string): string {
  const parts = text.split(/[.\u3002\uff0e\uff61]/u);
  return parts.map((part) => part.trim()).join('.');
}

function addressOf(
  authority: string,
  username: string | undefined,
  developmentOrigins: ReadonlySet<string>,
): Address {
  if (/[@\\%\s]/u.test(authority)) throw invalid();
  // A typed port belongs to a development origin or is refused, 443 as well: no public instance has one.
  const withoutDot = authority.replace(/\.(?=:|$)/u, '');
  const user = username === undefined ? {} : { username };
  const listed = developmentOrigins.size > 0 ? listedServer(withoutDot, developmentOrigins) : undefined;
  if (listed) return { ...listed, ...user };
  const refused = (reason?: MastodonErrorReason) =>
    invalid(reason, unlistedServer(withoutDot, developmentOrigins));
  if (/^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(withoutDot)) throw refused('name_without_dot');
  const hostname = hostnameIn(withoutDot);
  if (hostname === undefined || !isPublicHostname(hostname)) throw refused();
  if (isEmailProvider(hostname)) throw refused('email_address');
  return { origin: `https://${hostname}`, host: hostname, ...user, ...asItWasTyped(withoutDot, hostname) };
}

function listedServer(
  authority: string,
  developmentOrigins: ReadonlySet<string>,
): Pick<Address, 'origin' | 'host'> | undefined {
  for (const scheme of ['https', 'http']) {
    const text = `${scheme}://${authority}`;
    if (developmentOrigins.has(text)) return { origin: text, host: authority };
    const url = parsedURL(text);
    if (url && developmentOrigins.has(url.origin)) return { origin: url.origin, host: url.host };
  }
  return undefined;
}

/** Of these the URL parser makes what they are: there is nothing to decode in them, and no address to read. */
const canonicalName = /^(?!.*xn--)(?:[a-z0-9-]+\.)+[a-z]+$/;

function hostnameIn(authority: string): string | undefined {
  if (canonicalName.test(authority)) return authority;
  return authority.includes(':') ? undefined : parsedURL(`https://${authority}`)?.hostname;
}

/** Names that people give to machines of their own (RFC 6761, 6762, 8375; ICANN's "internal"). */
const ownNames = /^(?:localhost|\[::1\]|.+\.(?:localhost|local|internal|home\.arpa))$/;

/** What a builder types to log in at a server of their own; a single word is a typing mistake. */
function unlistedServer(
  authority: string,
  developmentOrigins: ReadonlySet<string>,
): UnlistedServer | undefined {
  const url = parsedURL(`http://${authority}`);
  if (!url || isPublicHostname(url.hostname)) return undefined;
  // A mere number would be read as an address.
  const isInnerAddress = /^(?:\d+\.){3}\d+$/.test(authority) && !isPublicAddress(authority);
  const isOwn = isInnerAddress || /:\d+$/.test(authority) || ownNames.test(url.hostname);
  return isOwn ? new UnlistedServer(url.origin, [...developmentOrigins]) : undefined;
}

/** Who typed the ASCII form is shown that. */
function asItWasTyped(typed: string, host: string): Pick<Address, 'typedHost'> {
  if (!host.includes('xn--') || /xn--/i.test(typed)) return {};
  return { typedHost: inItsScript(host) };
}

/** An international name as it reads. Only for who wrote it so: those of different scripts look alike. */
export function inItsScript(host: string): string {
  return domainToUnicode(host);
}

function invalid(reason?: MastodonErrorReason, cause?: Error): MastodonError {
  return new MastodonError('instance_invalid', { reason, cause });
}
