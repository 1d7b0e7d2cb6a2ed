/** Parses answers that must be JSON objects. */

import { MastodonError } from '../errors.js';
import type { Answer } from './answer.js';

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
