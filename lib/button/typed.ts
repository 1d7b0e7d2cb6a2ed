/**
 * Reads the text of the field: the server that it leads to, the servers that it may mean, and why it names none. The
 * site reads the text again and decides.
 */

import type { MastodonErrorCode, MastodonErrorReason } from '../errors.js';
import { closestName } from '../util/did-you-mean.js';
import { isEmailProvider } from '../util/email-providers.js';
import { parsedURL } from '../util/url.js';

export interface Typed {
  /** The text before the host, which stays when a suggestion is taken: `@alice@`, or nothing. */
  readonly before: string;
  /** The host, or the beginning of one: lower case, without scheme, path and final dot. */
  readonly host: string;
}

/** Invisible characters that are copied along with a handle. */
const invisible =
  /[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/gu;

/** The dot, and the full stops of Chinese and Japanese keyboards, which browsers read as dots in host names. */
const dot = /[.\u3002\uff0e\uff61]/u;

/** Letters of any script with dots in between. */
const hostName = /^(?=.{3,253}$)[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}.-]*[\p{L}\p{M}\p{N}])?$/u;

const loopbackHost = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/;

/** Shorter texts begin the names of too many servers. */
const shortestPartialName = 3;

/** Shorter texts are within two changes of unrelated names. */
const shortestMisspelling = 6;

/** @param host as `location.host` has it, with or without a port */
export function isLoopback(host: string): boolean {
  return loopbackHost.test(host);
}

export function readTyped(text: string): Typed {
  const cleaned = clean(text);
  const handle = /^((?:acct:|https?:\/\/)?@?[^@/:?#\s]+@)([^@/?#\s]*)\/?$/iu.exec(cleaned);
  const url = handle ? null : /^https?:\/\/([^/?#]*)/iu.exec(cleaned);
  const host = url?.[1] ?? handle?.[2] ?? cleaned.split(/[/?#]/u, 1)[0] ?? '';
  return { before: handle?.[1] ?? '', host: host.toLowerCase().replace(/\.$/u, '') };
}

/** Without the spaces that keyboards of phones put beside a dot: `Mastodon. social`. */
function clean(text: string): string {
  const parts = text.replace(invisible, '').replaceAll('\uff20', '@').split(dot);
  return parts.map((part) => part.trim()).join('.');
}

/** Why a text without a destination is refused. */
export function typedRefusal(text: string): {
  code: MastodonErrorCode;
  reason?: MastodonErrorReason | undefined;
} {
  return readTyped(text).host === ''
    ? { code: 'instance_missing' }
    : { code: 'instance_invalid', reason: reasonOf(text) };
}

function reasonOf(text: string): MastodonErrorReason | undefined {
  if (/^(?:acct:|@)[^@\s/]+$/iu.test(clean(text))) return 'user_without_server';
  const { host } = readTyped(text);
  if (isEmailProvider(host)) return 'email_address';
  return /^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(host) ? 'name_without_dot' : undefined;
}

/**
 * @param servers the site's own list, which may hold ports and single words
 * @param acceptsLoopback whether the page itself is on loopback: servers there are accepted, too
 * @returns the host that the form leads to; undefined where the text names none
 */
export function destinationOf(
  text: string,
  servers: readonly string[],
  acceptsLoopback = false,
): string | undefined {
  const { host } = readTyped(text);
  if (servers.includes(host) || (acceptsLoopback && isLoopback(host))) return host;
  if (!hostName.test(host) || !host.includes('.') || host.includes('..')) return undefined;
  // The last label of an IP address is a number; that of a host name is not.
  if (/\.[\p{N}]+$/u.test(host) || !parsedURL(`https://${host}`)) return undefined;
  return isEmailProvider(host) ? undefined : host;
}

/**
 * Servers that begin with the text, then those that contain it, otherwise the one with the most similar name.
 * @returns complete texts for the field
 */
export function suggestionsFor(text: string, servers: readonly string[], limit: number): string[] {
  const { before, host } = readTyped(text);
  const beginning = servers.filter((server) => server.startsWith(host));
  const containing = servers.filter((server) => !server.startsWith(host) && server.includes(host));
  const found = [...beginning, ...containing];
  return (found.length > 0 ? found : similarTo(host, servers))
    .slice(0, limit)
    .map((server) => before + server);
}

function similarTo(host: string, servers: readonly string[]): string[] {
  if (host.length < shortestMisspelling) return [];
  // Where no dot was typed yet, the first labels are compared: "mastodn" means mastodon.social.
  const names = servers.map((server) => (host.includes('.') ? server : (server.split('.', 1)[0] ?? '')));
  const name = closestName(host, names);
  return servers.filter((_server, index) => names[index] === name).slice(0, 1);
}

/** What a partial name such as `mast` most likely means: a complete text for the field. */
export function completionOf(text: string, servers: readonly string[]): string | undefined {
  const { host } = readTyped(text);
  return host.length < shortestPartialName || isEmailProvider(host)
    ? undefined
    : suggestionsFor(text, servers, 1)[0];
}
