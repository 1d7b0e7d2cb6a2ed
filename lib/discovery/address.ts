/** Parses the address that a visitor typed. Sends no request. */

import { domainToUnicode } from 'node:url';
import { MastodonError, type MastodonErrorReason } from '../errors.js';
import { isPublicAddress, isPublicHostname } from '../http/addresses.js';
import { isEmailProvider } from '../util/email-providers.js';
import { parsedURL } from '../util/url.js';

/** The server that a visitor typed. */
export interface Address {
  /** `https://mastodon.social`, or a listed development origin. */
  readonly origin: string;
  /** Lower case, punycode; with the port of a development origin. */
  readonly host: string;
  /** The user name, when a handle was typed. */
  readonly username?: string;
  /** The host in the script that the visitor typed, if `host` differs. Shown only to that visitor. */
  readonly typedHost?: string;
}

/** The address is not public, and is not listed in `developmentInstances`. */
export class UnlistedServer extends Error {
  /**
   * @param origin to add to `developmentInstances`
   * @param listed the current value of that option
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

/** Maximum length of the input. Handles and profile URLs are shorter. */
const maxInputLength = 2048;

/** Invisible characters that are copied with a handle. */
const invisible =
  /[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/gu;
/** Zero-width joiners outside of non-ASCII words. Some scripts need them inside of words. */
const strayJoiners = /(?<![^\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\0-\x7f])/gu;

/** Handles, with the prefixes that visitors and programs add. */
const handles = [
  /^(?:acct:)?@?([^@/:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
  /^https?:\/\/@([^@/:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
  // The user name of a URL. A name with a dot is refused, because it may be a deceptive host.
  /^https?:\/\/([^@./:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu,
];

/**
 * Parses a domain, `@user@domain`, `user@domain`, `acct:user@domain`, each also behind `https://`, and profile or home
 * URLs. Ignores surrounding spaces, invisible characters, case, a trailing dot and a trailing slash. Accepts
 * international names. Refuses hosts that are not public names: IP addresses in any notation, ports, credentials,
 * single labels.
 * @throws MastodonError `instance_missing` or `instance_invalid`
 */
export function parseAddress(input: unknown, developmentOrigins: ReadonlySet<string>): Address {
  if (input === undefined || input === null) throw new MastodonError('instance_missing');
  if (typeof input !== 'string' || input.length > maxInputLength) throw invalid();
  const visible = input.replace(invisible, '').replace(strayJoiners, '').replaceAll('\uff20', '@');
  // Phone keyboards insert spaces at dots: "Mastodon. social".
  const parts = visible.split(/[.\u3002\uff0e\uff61]/u).map((part) => part.trim());
  const text = parts.join('.');
  if (text === '') throw new MastodonError('instance_missing');

  let handle: RegExpExecArray | null = null;
  for (const form of handles) handle ??= form.exec(text);
  if (handle) return addressOf(handle[2] ?? '', handle[1], developmentOrigins);
  // A Bluesky name such as `@ada.bsky.social` is a host name.
  const blueskyName = /^@([a-z0-9.-]+\.bsky\.social)$/iu.exec(text)?.[1];
  if (blueskyName !== undefined) return addressOf(blueskyName, undefined, developmentOrigins);
  if (/^(?:acct:|@)[^@\s/]+$/iu.test(text)) throw invalid('user_without_server');
  // The path may contain the address of a page on another server.
  const host = text.replace(/^https?:\/\//iu, '').replace(/[/?#].*/su, '');
  return addressOf(host, undefined, developmentOrigins);
}

/** Like `parseAddress`, but returns `undefined` instead of throwing. */
export function addressIn(input: unknown, developmentOrigins: ReadonlySet<string>): Address | undefined {
  try {
    return parseAddress(input, developmentOrigins);
  } catch {
    return undefined;
  }
}

function addressOf(
  authority: string,
  username: string | undefined,
  developmentOrigins: ReadonlySet<string>,
): Address {
  if (/[@\\%\s]/u.test(authority)) throw invalid();
  // A port is valid only for a development origin. Public instances have none, so 443 is refused too.
  const withoutDot = authority.replace(/\.(?=:|$)/u, '');
  const user = username === undefined ? {} : { username };
  for (const scheme of ['https', 'http']) {
    const listed = parsedURL(`${scheme}://${withoutDot}`);
    if (listed && developmentOrigins.has(listed.origin))
      return { origin: listed.origin, host: listed.host, ...user };
  }
  const refused = (reason?: MastodonErrorReason) =>
    invalid(reason, unlistedServer(withoutDot, developmentOrigins));
  if (/^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(withoutDot)) throw refused('name_without_dot');
  const hostname = withoutDot.includes(':') ? undefined : parsedURL(`https://${withoutDot}`)?.hostname;
  if (hostname === undefined || !isPublicHostname(hostname)) throw refused();
  if (isEmailProvider(hostname)) throw refused('email_address');
  const isInScript = hostname.includes('xn--') && !/xn--/i.test(withoutDot);
  return {
    ...{ origin: `https://${hostname}`, host: hostname, ...user },
    ...(isInScript && { typedHost: domainToUnicode(hostname) }),
  };
}

/** Names of private machines (RFC 6761, 6762, 8375; ICANN's "internal"). */
const privateNames = /^(?:localhost|\[::1\]|.+\.(?:localhost|local|internal|home\.arpa))$/;

/** Whether a developer typed the address of a private server. A single word is a typing error. */
function unlistedServer(
  authority: string,
  developmentOrigins: ReadonlySet<string>,
): UnlistedServer | undefined {
  const url = parsedURL(`http://${authority}`);
  if (!url || isPublicHostname(url.hostname)) return undefined;
  // The URL parser would read a number as an address.
  const isInnerAddress = /^(?:\d+\.){3}\d+$/.test(authority) && !isPublicAddress(authority);
  const isOwn = isInnerAddress || /:\d+$/.test(authority) || privateNames.test(url.hostname);
  return isOwn ? new UnlistedServer(url.origin, [...developmentOrigins]) : undefined;
}

function invalid(reason?: MastodonErrorReason, cause?: Error): MastodonError {
  return new MastodonError('instance_invalid', { reason, cause });
}
