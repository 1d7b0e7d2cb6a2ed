/** Reads and writes the messages of the protocol, which is that of the Generic Mastodon Authenticator. */

import type { MastodonErrorCode } from '../errors.js';
import type { MastodonProfile } from '../login/profile.js';

/** The errors between a program and the bridge. A login's own errors have the codes of `lib/errors.ts`. */
const meanings = {
  message_invalid:
    'That message is not understood. Send JSON as text, not binary: {"type":"auth","parameters":{"host":"mastodon.social"}}.',
  message_too_large: 'That message is too large.',
  too_many_messages: 'Too many messages. Connect again in a minute.',
  too_many_requests: 'Too many logins are waiting on this connection. Finish one of them first.',
  server_busy: 'Too many logins are waiting. Try again in a few minutes.',
  server_closing: 'The service is being restarted. Connect again in a moment.',
  server_failed: 'Something went wrong on our side. Try again in a moment.',
} as const;

/** The stable codes of the bridge itself. */
export type BridgeErrorCode = keyof typeof meanings;

/** Characters; longer display names are cut, so that a program needs no large buffer. */
const maxNameLength = 200;

/** The account that logged in: the profile, without the instance's raw answer. */
export type Account = Omit<MastodonProfile, 'provider' | 'localId' | 'instance' | '_raw' | '_json'>;

/** @returns the host, which may be any JSON value; `undefined` for a text that is not a message of the protocol */
export function readMessage(text: string): { readonly host: unknown } | undefined {
  let message: unknown;
  try {
    // Some libraries write a byte order mark (RFC 8259, section 8.1).
    message = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
  if (own(message, 'type') !== 'auth') return undefined;
  const parameters = own(message, 'parameters');
  return { host: own(parameters, 'host') ?? own(parameters, 'hostname') };
}

export function invalidHost(code: MastodonErrorCode, message: string): string {
  return frame('invalid-host', { code, message });
}

/**
 * Programs for the Generic Mastodon Authenticator read `arguments`; every other message has `parameters`. The program and
 * the page at `url` show `code`. `expires` is in milliseconds since the epoch.
 */
export function setId(parameters: { id: string; url: string; code: string; expires: number }): string {
  return JSON.stringify({ type: 'set-id', arguments: { id: parameters.id }, parameters });
}

export function fulfill(id: string, token: string, scope: string, profile: MastodonProfile): string {
  const { username, displayName, profileUrl, photos, handle, handleVerified, actor, instance } = profile;
  const account: Account = {
    ...{ id: profile.id, username, photos, handle, handleVerified },
    displayName: [...displayName].slice(0, maxNameLength).join(''),
    ...(profileUrl !== undefined && { profileUrl }),
    ...(actor !== undefined && { actor }),
  };
  return frame('fulfill', { id, token, scope, account, instance });
}

export function loginError(code: string, message: string, id?: string): string {
  return frame('error', { id, code, message });
}

export function bridgeError(code: BridgeErrorCode, id?: string): string {
  return loginError(code, meanings[code], id);
}

function frame(type: string, parameters: object): string {
  return JSON.stringify({ type, parameters }, wellFormed);
}

/** Half of a surrogate pair, which an instance may send, makes strict readers of JSON refuse the whole message. */
function wellFormed(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value;
}

function own(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, name)) return undefined;
  return (record as Record<string, unknown>)[name];
}
