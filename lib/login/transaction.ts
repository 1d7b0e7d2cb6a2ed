/** A login that was begun: what is kept of it. */

import type { Address } from '../instance/address.js';
import { isPinned } from '../instance/discovery.js';
import type { Client } from '../instance/client.js';
import type { Instance, LoginTransaction } from '../options.js';
import { loginTtlMs, randomToken } from './state.js';

export function beginTransaction(
  instance: Instance,
  client: Client,
  audience: string,
  /** As the person wrote it, where that is not its ASCII form. */
  typed: Pick<Address, 'host' | 'typedHost'>,
  applicationState: unknown,
): LoginTransaction {
  const { origin, host, tokenEndpoint, revocationEndpoint, issuer, promisesIssuer } = instance;
  const { software, accountDomain, api, clientDocument } = instance;
  return {
    instance: {
      ...{ origin, host, tokenEndpoint, issuer, promisesIssuer },
      ...(revocationEndpoint !== undefined && { revocationEndpoint }),
      ...(software !== undefined && { software }),
      ...(accountDomain !== undefined && { accountDomain }),
      ...(api !== undefined && { api }),
      ...(clientDocument !== undefined && { clientDocument }),
    },
    audience,
    ...(typed.typedHost !== undefined && typed.host === host && { isInItsScript: true }),
    clientId: client.clientId,
    credentialsKey: client.key,
    redirectURI: client.redirectURI,
    scope: client.scope,
    codeVerifier: randomToken(),
    ...(applicationState !== undefined && { applicationState }),
    expiresAt: Date.now() + loginTtlMs,
  };
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
