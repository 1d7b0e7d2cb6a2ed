/** What is sent to a server, its complete answer, and what that tells before its body is parsed. */

import { MastodonError } from '../errors.js';
import { parsedURL } from '../util/url.js';

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer's body, counted after decompression. */
  readonly maxBytes: number;
}

/** What came back on one connection, complete and within the limits. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A reply and its origin. */
export interface Answer extends Reply {
  /** URL that the answer came from, after redirects. */
  readonly url: URL;
  /** Header `Content-Type`, or an empty string. */
  readonly contentType: string;
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

/**
 * Whether a server could not process the request: 429 and 502 and above. Not 500, with which Takahe answers a wrong code,
 * and not 501.
 */
export function isUnavailable(status: number): boolean {
  return status === 429 || status > 501;
}

/** Anubis sends its page with 200 by default; sites may set another status. */
const anubis = /\bid="anubis_challenge"/;

const challengeWords =
  /challenge-platform|_cf_chl|captcha|ddos-guard|sucuri|are you (?:a )?human|not a robot|anubis/i;

/** Whether an answer is the page of a bot check in front of the server. */
export function isChallenge({ status, headers, contentType, text }: Answer): boolean {
  // Cloudflare; AWS WAF.
  if (headers['cf-mitigated'] !== undefined) return true;
  if (/challenge|captcha/i.test(headers['x-amzn-waf-action'] ?? '')) return true;
  if (!/html/i.test(contentType)) return false;
  return [401, 403, 405, 429, 503].includes(status) ? challengeWords.test(text) : anubis.test(text);
}

/** Whether an answer of an API, which refuses in JSON, comes from something in front of the server. */
export function isFromInFront(answer: Answer): boolean {
  return isChallenge(answer) || (answer.status === 403 && /html/i.test(answer.contentType));
}

/**
 * For every endpoint of an API whose answer counts as the server's own: token, revocation, account, verification.
 * @throws MastodonError `instance_blocked` for the answer of a bot check or firewall
 */
export function assertFromServer(answer: Answer): void {
  if (!isFromInFront(answer)) return;
  const cause = new Error(`a bot check or firewall answered ${answer.status} for ${answer.url.pathname}`);
  throw new MastodonError('instance_blocked', { instance: answer.url.host, cause });
}

/**
 * The URL that an answer redirects to, or `undefined` where it is no redirect.
 * @throws MastodonError `response_invalid` for a URL that cannot be read; `instance_unreachable` for one of another scheme, or
 *   whose host is not plain text
 */
export function redirectTarget({ status, headers, url }: Answer): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const target = parsedURL(location, url.href);
  if (!target)
    throw new MastodonError('response_invalid', {
      instance: url.host,
      cause: new Error('redirect to an unreadable URL'),
    });
  // URLs of other schemes, and some hosts of https, hold any text.
  if (/^https?:$/.test(target.protocol) && /^[a-z0-9.:[\]-]{1,260}$/.test(target.host)) return target;
  const cause = new Error('redirect to something else than a web site');
  throw new MastodonError('instance_unreachable', { instance: url.host, cause });
}

export type JsonObject = Record<string, unknown>;

/** Deeper nesting than any API answers; recursive code (serialisers, comparisons) stays clear of its limits. */
const maxDepth = 64;

/**
 * The JSON object in an answer.
 * @throws MastodonError `response_invalid` for another content type, malformed, too deeply nested or not an object.
 */
export function jsonObject(answer: Answer): JsonObject {
  const instance = answer.url.host;
  const isJSON = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(answer.contentType);
  if (!isJSON) throw invalid('not JSON by its type', instance);
  return parseObject(answer.text, instance);
}

/** Like `jsonObject`, but `undefined` for an answer that is something else. */
export function jsonObjectOrNone(answer: Answer): JsonObject | undefined {
  return orNone(() => jsonObject(answer));
}

/**
 * Like `jsonObjectOrNone`, for a file that people put on a web server by hand, such as WebFinger: static hosts call it
 * `application/octet-stream` or `text/plain`, or nothing. Only an HTML page is refused by its type.
 */
export function jsonObjectOfAnyType({ contentType, text }: Answer): JsonObject | undefined {
  return /html/i.test(contentType) ? undefined : orNone(() => parseObject(text));
}

/** @throws MastodonError `response_invalid` */
export function parseObject(text: string, instance?: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('malformed JSON', instance);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('not an object', instance);
  }
  if (!isShallow(value, 1)) throw invalid('nested too deeply', instance);
  return value as JsonObject;
}

/**
 * Whether values are nested at most `maxDepth` deep. Removes keys `__proto__` on the way, which would change the prototype of
 * the object that an application copies the value into. A reviver of `JSON.parse` would do the same at a multiple of the cost.
 */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > maxDepth) return false;
  if (Array.isArray(value)) return value.every((inner) => isShallow(inner, depth + 1));
  if (Object.hasOwn(value, '__proto__')) delete (value as { ['__proto__']?: unknown })['__proto__'];
  return Object.values(value).every((inner) => isShallow(inner, depth + 1));
}

function orNone(read: () => JsonObject): JsonObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function invalid(why: string, instance: string | undefined): MastodonError {
  return new MastodonError('response_invalid', { instance, cause: new Error(`the answer is ${why}`) });
}
