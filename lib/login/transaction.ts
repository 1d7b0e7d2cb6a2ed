/** A login that was begun: what is kept of it, and what the browser is sent away with. */

import { createHash, randomBytes } from 'node:crypto';
import { isInstance } from '../instance/discovery.js';
import type { Client } from '../instance/credentials.js';
import type { Instance, LoginTransaction } from '../options.js';

/** How long a person has for logging in at their instance. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`: some servers put `state` into a URL as it is. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

export function beginTransaction(
  instance: Instance,
  client: Client,
  applicationState: unknown,
): LoginTransaction {
  return {
    instance,
    clientId: client.clientId,
    credentialsKey: client.key,
    redirectURI: client.redirectURI,
    scope: client.scope,
    codeVerifier: randomToken(),
    ...(applicationState !== undefined && { applicationState }),
    expiresAt: Date.now() + loginTtlMs,
  };
}

/** Parameters of the authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3). */
export function authorizationRequest(login: LoginTransaction, state: string): Record<string, string> {
  return {
    response_type: 'code',
    client_id: login.clientId,
    redirect_uri: login.redirectURI,
    scope: login.scope,
    state,
    code_challenge: createHash('sha256').update(login.codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
}

/** Whether something that came out of a store is a login that can still be finished. */
export function isLiveTransaction(value: unknown): value is LoginTransaction {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    isInstance(record.instance) &&
    ['clientId', 'credentialsKey', 'redirectURI', 'scope', 'codeVerifier'].every(
      (name) => typeof record[name] === 'string',
    ) &&
    typeof record.expiresAt === 'number' &&
    record.expiresAt > Date.now()
  );
}
