/** Judges whether an answer is a JSON object that is safe to hand on. */

import { MastodonError } from '../errors.js';
import type { Answer } from './network.js';

export type JsonObject = Record<string, unknown>;

/** Deeper nesting than any API answers; recursive code (serialisers, comparisons) stays clear of its limits. */
const maxDepth = 64;

/**
 * The JSON object in an answer.
 * @throws MastodonError `response_invalid` for another content type, malformed, too deeply nested or not an object.
 */
export function jsonObject(answer: Answer): JsonObject {
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(answer.contentType))
    throw invalid('not JSON by its type');
  return parseObject(answer.text);
}

/** The same for an answer that may be something else: `undefined` instead of an error. */
export function jsonObjectOrNone(answer: Answer): JsonObject | undefined {
  try {
    return jsonObject(answer);
  } catch {
    return undefined;
  }
}

export function parseObject(text: string): JsonObject {
  if (isTooDeep(text)) throw invalid('nested too deeply');
  let value: unknown;
  try {
    // A key "__proto__" would change the prototype of whatever an application copies the object into.
    value = JSON.parse(text, (key, inner: unknown) => (key === '__proto__' ? undefined : inner));
  } catch {
    throw invalid('malformed JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object');
  return value as JsonObject;
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      if (++depth > maxDepth) return true;
    } else if (char === '}' || char === ']') depth--;
  }
  return false;
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: new Error(`the answer is ${why}`) });
}
