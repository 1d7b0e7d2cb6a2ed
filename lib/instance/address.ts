/** Reads what a visitor typed: text in, host out, no network. */

import { MastodonError } from '../errors.js';
import { isPublicHostname } from '../net/addresses.js';

/** Where a visitor says their account lives. */
export interface Address {
  /** `https://mastodon.social`, or a listed development origin. */
  readonly origin: string;
  /** Lower case, punycode; with the port of a development origin. */
  readonly host: string;
  /** The user name, when a handle was typed. */
  readonly username?: string;
}

/** Longer than any handle or profile URL that a person types or pastes. */
const maxInputLength = 2048;

/** Characters without a picture of their own that come along when a handle is copied. */
const invisible = '[\\s\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]';
const invisibleEnds = new RegExp(`^${invisible}+|${invisible}+$`, 'gu');

/**
 * Understands a domain, `@user@domain`, `user@domain`, `acct:user@domain`, and profile or home URLs; with
 * spaces around, capitals, international names, a trailing dot or slash. Refuses what is not a public host
 * name: IP addresses in any notation, ports, credentials, single labels.
 * @throws MastodonError `instance_missing` or `instance_invalid`
 */
export function parseAddress(input: unknown, developmentOrigins: ReadonlySet<string>): Address {
  if (input === undefined || input === null) throw new MastodonError('instance_missing');
  if (typeof input !== 'string' || input.length > maxInputLength) throw new MastodonError('instance_invalid');
  const text = input.replace(invisibleEnds, '').replaceAll('\uff20', '@');
  if (text === '') throw new MastodonError('instance_missing');

  const url = /^https?:\/\/(.*)$/isu.exec(text);
  if (url) return addressOf(hostOfURL(url[1] ?? ''), undefined, developmentOrigins);

  const handle = /^(?:acct:)?@?([^@/:?#\s\\\p{C}]+)@([^@/?#\s]+)\/?$/iu.exec(text);
  if (handle) return addressOf(handle[2] ?? '', handle[1], developmentOrigins);

  return addressOf(hostOfURL(text), undefined, developmentOrigins);
}

/** What stands before the path. A home or profile page of another server may follow in the path. */
function hostOfURL(rest: string): string {
  return rest.split(/[/?#]/u, 1)[0] ?? '';
}

function addressOf(
  authority: string,
  username: string | undefined,
  developmentOrigins: ReadonlySet<string>,
): Address {
  if (authority === '' || /[@\\%\s]/u.test(authority)) throw new MastodonError('instance_invalid');
  // A typed port belongs to a development origin or is refused, 443 as well: no public instance has one.
  const withoutDot = authority.replace(/\.(?=:|$)/u, '');
  const user = username === undefined ? {} : { username };
  for (const scheme of ['https', 'http']) {
    const typed = `${scheme}://${withoutDot}`;
    const origin = URL.canParse(typed) ? new URL(typed).origin : undefined;
    if (origin !== undefined && developmentOrigins.has(origin)) {
      return { origin, host: new URL(origin).host, ...user };
    }
  }
  if (withoutDot.includes(':') || !URL.canParse(`https://${withoutDot}`))
    throw new MastodonError('instance_invalid');
  const { hostname } = new URL(`https://${withoutDot}`);
  if (!isPublicHostname(hostname)) throw new MastodonError('instance_invalid');
  return { origin: `https://${hostname}`, host: hostname, ...user };
}
