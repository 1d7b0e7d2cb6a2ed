/**
 * Reads what stands in the field, as far as a page can: for suggestions, for saying where the button leads to, and for
 * refusing at once what can be no server. The server that takes the form reads it again, and decides.
 */

import type { MastodonErrorReason } from '../errors.js';
import { canParse } from '../util/url.js';

export interface Typed {
  /** What comes before the host and has to stay when a suggestion is taken: `@alice@`, or nothing. */
  readonly before: string;
  /** The host, or its beginning; lower case, without scheme, path and final dot. */
  readonly host: string;
}

/** Characters without a picture of their own that come along when a handle is copied. */
const invisible =
  /[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/gu;

/** Letters of any script, with a dot in between. What only a name server can tell is not asked here. */
const hostName = /^(?=.{3,253}$)[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}.-]*[\p{L}\p{M}\p{N}])?$/u;

export function readTyped(text: string): Typed {
  const cleaned = cleanedOf(text);
  const handle = /^((?:acct:|https?:\/\/)?@?[^@/:?#\s]+@)([^@/?#\s]*)\/?$/iu.exec(cleaned);
  const url = handle ? null : /^https?:\/\/([^/?#]*)/iu.exec(cleaned);
  const host = url?.[1] ?? handle?.[2] ?? cleaned.split(/[/?#]/u, 1)[0] ?? '';
  return { before: handle?.[1] ?? '', host: host.toLowerCase().replace(/\.$/u, '') };
}

function cleanedOf(text: string): string {
  return text.replace(invisible, '').trim().replaceAll('\uff20', '@');
}

/** Why what was typed can be no server, where that can be said in more than general words. */
export function reasonOf(text: string): MastodonErrorReason | undefined {
  if (/^(?:acct:|@)[^@\s/]+$/iu.test(cleanedOf(text))) return 'user_without_server';
  const { host } = readTyped(text);
  return /^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(host) ? 'name_without_dot' : undefined;
}

/**
 * The host that the form will lead to, or undefined when it can be none.
 * @param servers the site's own list, which is right also where it names a port or a single word
 */
export function destinationOf(text: string, servers: readonly string[]): string | undefined {
  const { host } = readTyped(text);
  if (servers.includes(host)) return host;
  if (!hostName.test(host) || !host.includes('.') || host.includes('..')) return undefined;
  // An IP address ends in a number, and no server's name does.
  return /\.[\p{N}]+$/u.test(host) || !canParse(`https://${host}`) ? undefined : host;
}

/** Servers that begin with what was typed, then those that contain it; as what the field would say. */
export function suggestionsFor(text: string, servers: readonly string[], limit: number): string[] {
  const { before, host } = readTyped(text);
  const beginning = servers.filter((server) => server.startsWith(host));
  const containing = servers.filter((server) => !server.startsWith(host) && server.includes(host));
  return [...beginning, ...containing].slice(0, limit).map((server) => before + server);
}
