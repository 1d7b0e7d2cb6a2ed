/** Finds out whether an instance still knows an app, without a person getting stuck on its error page. */

import { isFromInFront } from '../http/challenge.js';
import { jsonObjectOrNone } from '../http/json.js';
import type { Answer, Network } from '../http/network.js';
import type { PinnedInstance } from '../options.js';
import type { ClientCredentials } from './registration.js';

/**
 * Asks for a client credentials token (RFC 6749, section 4.4). On Mastodon 4.2.0 to 4.2.8 that token also
 * keeps the app from being cleaned away. No answer counts as alive: only a clear no costs a registration.
 */
export async function isClientAlive(
  network: Network,
  instance: PinnedInstance,
  client: ClientCredentials & { readonly redirectURI: string; readonly scope: string },
): Promise<boolean> {
  const form = {
    grant_type: 'client_credentials',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: client.redirectURI,
    scope: client.scope,
  };
  return network.post(instance.tokenEndpoint, form).then(
    (answer) => !isUnknownClient(answer),
    () => true,
  );
}

/** Errors (RFC 6749, section 5.2) that only a client which was recognised gets to see. */
const recognised = new Set(['unsupported_grant_type', 'unauthorized_client', 'invalid_grant']);

/**
 * Whether a token endpoint says that no login can succeed with this client: it does not know it, or takes its scope no
 * longer (`invalid_scope`). By status first, by the error's name second.
 */
export function isUnknownClient(answer: Answer): boolean {
  if ((answer.status !== 400 && answer.status !== 401) || isFromInFront(answer)) return false;
  const error = jsonObjectOrNone(answer)?.error;
  if (typeof error !== 'string') return true;
  // Mitra answers 401 to this grant with a sentence instead of the error's name.
  // Iceshrimp speaks of a code, which this grant has not: it looked at nothing else.
  return !recognised.has(error) && !/unsupported[ _]grant|\bcode\b/i.test(error);
}
