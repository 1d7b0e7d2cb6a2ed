/** A login that was begun: what is kept of it. */

import type { Address } from '../discovery/address.js';
import { isPinned } from '../discovery/discovery.js';
import type { Client } from '../client/client.js';
import type { Instance, LoginTransaction, PinnedInstance } from '../options.js';
import { loginTtlMs, randomToken } from './state.js';

export function beginTransaction(
  instance: Instance,
  client: Client,
  audience: string,
  /** As the person wrote it, where that is not its ASCII form. */
  typed: Pick<Address, 'host' | 'typedHost'>,
  applicationState: unknown,
): LoginTransaction {
  const login: LoginTransaction = {
    instance: pinnedOf(instance),
    audience,
    clientId: client.clientId,
    credentialsKey: client.key,
    redirectURI: client.redirectURI,
    scope: client.scope,
    codeVerifier: randomToken(),
    expiresAt: Date.now() + loginTtlMs,
  };
  const isInItsScript = typed.typedHost !== undefined && typed.host === instance.host;
  if (!isInItsScript && applicationState === undefined) return login;
  return {
    ...login,
    ...(isInItsScript && { isInItsScript }),
    ...(applicationState !== undefined && { applicationState }),
  };
}

/** Of instances that nobody can change, which many logins are begun at. */
const pinned = new WeakMap<Instance, PinnedInstance>();

function pinnedOf(instance: Instance): PinnedInstance {
  const known = pinned.get(instance);
  if (known) return known;
  const { origin, host, tokenEndpoint, revocationEndpoint, issuer, promisesIssuer } = instance;
  const { software, accountDomain, api, clientMetadata } = instance;
  // No spread at its beginning: V8 gives each object that begins so, and is frozen, a hidden class of its own, of 500 bytes.
  const made = Object.freeze({
    origin,
    host,
    tokenEndpoint,
    issuer,
    promisesIssuer,
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(software !== undefined && { software }),
    ...(accountDomain !== undefined && { accountDomain }),
    ...(api !== undefined && { api }),
    ...(clientMetadata !== undefined && { clientMetadata }),
  });
  if (Object.isFrozen(instance)) pinned.set(instance, made);
  return made;
}

/** Whether something that came out of a store is a login that can still be finished. */
export function isLiveTransaction(value: unknown): value is LoginTransaction {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    isPinned(record.instance) &&
    ['audience', 'clientId', 'credentialsKey', 'redirectURI', 'scope', 'codeVerifier'].every(
      (name) => typeof record[name] === 'string',
    ) &&
    typeof record.expiresAt === 'number' &&
    record.expiresAt > Date.now()
  );
}
