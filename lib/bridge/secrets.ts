/**
 * Values that are derived from a request's ID or from the browser's key. The program and the browser know the ID; the store
 * and the bus do not. A reader of the store cannot open a request's page, and a listener on the bus can neither read nor forge
 * its result.
 */

import { hash, randomBytes } from 'node:crypto';
import { decrypt, digest, encrypt } from '../util/crypto.js';

/** RFC 8628, section 6.1: no vowels, so no words, and no letters that look alike. */
const codeLetters = 'BCDFGHJKLMNPQRSTVWXZ';

const resultPurpose = 'passport-mastodon-oauth2 bridge result';
const requestPurpose = 'passport-mastodon-oauth2 bridge request';

export function newID(): string {
  return randomBytes(18).toString('base64url');
}

export function isID(text: string): boolean {
  return /^[\w-]{24}$/.test(text);
}

/** The request's name on the bus. */
export function busNameOf(id: string): string {
  return digest(`request:${id}`);
}

/** Six of twenty letters, as in `WDJ-BMJ`. Not a secret: it distinguishes requests that are pending at the same time. */
export function codeFor(id: string): string {
  const bytes = hash('sha256', `code:${id}`, 'buffer').subarray(0, 6);
  const letters = Array.from(bytes, (byte) => codeLetters[byte % codeLetters.length]).join('');
  return `${letters.slice(0, 3)}-${letters.slice(3)}`;
}

/** The prefix of an ID, for logs: it distinguishes two requests, and does not open the page. */
export function loggedID(id: string): string {
  return id.slice(0, 6);
}

export function encryptResult(id: string, text: string): string {
  return encrypt(id, resultPurpose, text);
}

/** @returns `undefined` for a text that was not encrypted with this ID */
export function decryptResult(id: string, text: string): string | undefined {
  return decrypt(id, resultPurpose, text);
}

/** The browser's secret for one request: a form is sent with a proof of it, and the request's claim holds its digest. */
export function requestSecret(browserKey: string, id: string): string {
  return digest(`${browserKey}:${id}`);
}

/** A request's ID as the state of a pending login: a reader of the store cannot decrypt it. */
export function stateOf(browserKey: string, id: string): string {
  return encrypt(browserKey, requestPurpose, id);
}

/** @returns `undefined` for a state that was not made for this browser */
export function idIn(state: unknown, browserKey: string | undefined): string | undefined {
  if (browserKey === undefined || typeof state !== 'string') return undefined;
  return decrypt(browserKey, requestPurpose, state);
}
