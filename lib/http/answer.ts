/** Types of requests and responses, and functions that read a response. */

import { MastodonError } from '../errors.js';
import { isHost, parsedURL } from '../util/url.js';

/** Names in lower case. Of a request, those without a value are not sent. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Headers;
  readonly body: string | null;
  /** Maximum size of the response body after decompression. */
  readonly maxBytes: number;
}

/** A complete response, within the limits. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A response and its URL. */
export interface Answer extends HttpResponse {
  /** URL of the response, after redirects. */
  readonly url: URL;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  /** Header `Content-Type`, or an empty string. */
  readonly contentType: string;
}

/**
 * Whether a status means that the server is overloaded or unavailable: 429, and 502 and above. 500 is excluded, because
 * Takahē sends it for an invalid code.
 */
export function isUnavailable(status: number): boolean {
  return status === 429 || status > 501;
}

/** Anubis sends its page with status 200 by default, and sites can set another one. */
const anubis = /\bid="anubis_challenge"/;

const challengeWords =
  /challenge-platform|_cf_chl|captcha|ddos-guard|sucuri|are you (?:a )?human|not a robot|anubis/i;

/** Whether a response is the page of a bot check. */
export function isChallenge({ status, headers, contentType, text }: Answer): boolean {
  // Cloudflare; AWS WAF.
  if (headers['cf-mitigated'] !== undefined) return true;
  if (/challenge|captcha/i.test(headers['x-amzn-waf-action'] ?? '')) return true;
  if (!/html/i.test(contentType)) return false;
  return [401, 403, 405, 429, 503].includes(status) ? challengeWords.test(text) : anubis.test(text);
}

/** Whether a refusal comes from a proxy or firewall in front of the server. The server itself refuses in JSON. */
export function isFromProxy(answer: Answer): boolean {
  return isChallenge(answer) || (answer.status === 403 && /html/i.test(answer.contentType));
}

/**
 * Checks that a response comes from the server itself. Call it for token, revocation, account and verification
 * endpoints.
 * @throws MastodonError `instance_blocked` for the response of a bot check or firewall
 */
export function assertFromServer(answer: Answer): void {
  if (!isFromProxy(answer)) return;
  const cause = `a bot check or firewall answered ${answer.status} for ${answer.url.pathname}`;
  throw new MastodonError('instance_blocked', { instance: answer.url.host, cause });
}

/**
 * The target of a redirect, or `undefined` for another response.
 * @throws MastodonError `response_invalid` for an invalid URL; `instance_unreachable` for another scheme, or for a host
 *   with special characters
 */
export function redirectTarget({ status, headers, url }: Answer): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const target = parsedURL(location, url.href);
  if (!target)
    throw new MastodonError('response_invalid', {
      instance: url.host,
      cause: 'redirect to an unreadable URL',
    });
  // Other schemes, and some https hosts, may contain any text.
  if (/^https?:$/.test(target.protocol) && isHost(target.host)) return target;
  const cause = 'redirect to something else than a web site';
  throw new MastodonError('instance_unreachable', { instance: url.host, cause });
}

export type JsonObject = Record<string, unknown>;

/**
 * Maximum number of values in JSON. A large account has some 10,000. Empty objects take 20 times the memory of their text,
 * and their text compresses to a thousandth.
 */
const maxValues = 30_000;

/** Maximum nesting of JSON. APIs nest less, and recursive code such as serialisers stays within its limits. */
const maxDepth = 64;

/**
 * The JSON object of a response.
 * @throws MastodonError `response_invalid` for another content type, and for JSON that is malformed, too deeply nested
 *   or not an object; `response_too_large` for too many values
 */
export function jsonObject(answer: Answer): JsonObject {
  const instance = answer.url.host;
  const isJSON = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(answer.contentType);
  if (!isJSON) throw invalid('not JSON by its type', instance);
  return parseObject(answer.text, instance);
}

/** Like `jsonObject`, but returns `undefined` instead of throwing. */
export function jsonObjectOrNone(answer: Answer): JsonObject | undefined {
  try {
    return jsonObject(answer);
  } catch {
    return undefined;
  }
}

/**
 * Like `jsonObjectOrNone`, but accepts all content types except HTML. Static hosts serve files such as WebFinger as
 * `application/octet-stream` or `text/plain`, or without a type.
 */
export function jsonObjectOfAnyType(answer: Answer): JsonObject | undefined {
  const isPage = /html/i.test(answer.contentType);
  return isPage ? undefined : jsonObjectOrNone({ ...answer, contentType: 'application/json' });
}

/** @throws MastodonError `response_invalid`; `response_too_large` for too many values */
export function parseObject(text: string, instance?: string): JsonObject {
  // Before each value but the first stands one of these characters. Those inside of strings are counted too.
  if (text.length > maxValues && text.split(/[,[{]/, maxValues + 2).length > maxValues + 1)
    throw new MastodonError('response_too_large', { instance, cause: 'the answer has too many values' });
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
 * Whether values are nested at most `maxDepth` deep. It also removes keys `__proto__`, which would change the prototype
 * of an object that the value is copied into. A reviver of `JSON.parse` would be several times slower.
 */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > maxDepth) return false;
  if (Object.hasOwn(value, '__proto__')) delete (value as { ['__proto__']?: unknown })['__proto__'];
  for (const inner of Object.values(value)) if (!isShallow(inner, depth + 1)) return false;
  return true;
}

function invalid(why: string, instance: string | undefined): MastodonError {
  return new MastodonError('response_invalid', { instance, cause: `the answer is ${why}` });
}
