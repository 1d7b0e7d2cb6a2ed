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
  try {
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(answer.contentType))
      throw invalid('not JSON by its type');
    return parsedOnce(answer);
  } catch (error) {
    throw error instanceof MastodonError ? error.at(answer.url.host) : error;
  }
}

const parsed = new WeakMap<Answer, JsonObject>();

/** Several look at one answer, each for something else. */
function parsedOnce(answer: Answer): JsonObject {
  const known = parsed.get(answer);
  if (known) return known;
  const object = parseObject(answer.text);
  parsed.set(answer, object);
  return object;
}

/** The same for an answer that may be something else: `undefined` instead of an error. */
export function jsonObjectOrNone(answer: Answer): JsonObject | undefined {
  return orNone(() => jsonObject(answer));
}

/**
 * The same for a file that people put on a web server by hand, WebFinger above all: static hosts call it
 * `application/octet-stream` or `text/plain`, or nothing. Only what says that it is a page is none.
 */
export function jsonObjectOfAnyType(answer: Answer): JsonObject | undefined {
  if (/html/i.test(answer.contentType)) return undefined;
  return orNone(() => parsedOnce(answer));
}

/** @throws MastodonError `response_invalid` */
export function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('malformed JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object');
  // One walk over what was parsed, where it may find something. A reviver would do the same at six to twenty times the cost
  // of parsing.
  const mayHaveProto = text.includes('__proto__') || text.includes('\\u');
  if (mayHaveProto || mayBeDeep(text)) tidy(value, 1, mayHaveProto);
  return value as JsonObject;
}

/** Whether there are brackets enough for it. */
function mayBeDeep(text: string): boolean {
  let brackets = 0;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++brackets > maxDepth) return true;
    }
  }
  return false;
}

/**
 * A key "__proto__" would change the prototype of whatever an application copies the object into. Looking for it in each of
 * ten thousand small objects costs more than parsing them, so that is done only where the text may spell it.
 */
function tidy(value: object, depth: number, mayHaveProto: boolean): void {
  if (depth > maxDepth) throw invalid('nested too deeply');
  if (Array.isArray(value)) {
    for (const inner of value as unknown[]) {
      if (typeof inner === 'object' && inner !== null) tidy(inner, depth + 1, mayHaveProto);
    }
    return;
  }
  if (mayHaveProto) delete (value as { ['__proto__']?: unknown })['__proto__'];
  // Without a list of the values, which doubles the cost. What JSON made has no others than its own.
  for (const key in value) {
    const inner = (value as JsonObject)[key];
    if (typeof inner === 'object' && inner !== null) tidy(inner, depth + 1, mayHaveProto);
  }
}

function orNone(read: () => JsonObject): JsonObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: new Error(`the answer is ${why}`) });
}
