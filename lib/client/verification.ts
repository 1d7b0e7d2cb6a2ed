/** Verifies clients, and checks that an instance refuses invalid codes. */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import { assertFromServer, isFromProxy, isUnavailable, jsonObjectOrNone } from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import type { PinnedInstance } from '../options.js';
import { acceptsDeath, type Client, type ClientCredentials } from './client.js';
import type { ClientOf, Clients } from './clients.js';

/** @returns the updated client; `dead` if the instance does not know it */
export async function verifyClient(
  context: RequestContext,
  clients: Clients,
  instance: PinnedInstance,
  of: ClientOf,
  client: Client,
): Promise<Client> {
  const verified = { ...client, verifiedAt: Date.now() };
  // Written before the request, so that other processes do not verify at the same time.
  await clients.change(of, { verifiedAt: verified.verifiedAt });
  if (await isKnown(context, clients, instance, of, client)) {
    clients.starts.delete(of.appKey);
    return verified;
  }
  return (await declareDead(clients, of, verified)) ? { ...verified, state: 'dead' } : verified;
}

/**
 * Verifies client credentials with a client credentials grant (RFC 6749, section 4.4). On Mastodon 4.2.0 to 4.2.8 that
 * token also prevents the deletion of the app. A missing or ambiguous answer counts as known.
 */
export async function isKnown(
  context: RequestContext,
  clients: Clients,
  { tokenEndpoint }: PinnedInstance,
  of: ClientOf,
  { clientId, redirectURI, scope }: Pick<Client, 'clientId' | 'redirectURI' | 'scope'>,
): Promise<boolean> {
  const credentials = await clients.credentials(of);
  if (!credentials) return false;
  const form = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: credentials.clientSecret,
    redirect_uri: redirectURI,
    scope,
  };
  return postForm(context, tokenEndpoint, form, (answer) => !isUnknownClient(answer)).catch(() => true);
}

/**
 * Records the client as dead, so that the next start registers a new one. If the instance rejects one new client after
 * another, the client stays.
 * @returns whether the client is dead now
 */
export async function declareDead(clients: Clients, of: ClientOf, client: Client): Promise<boolean> {
  if (!acceptsDeath(client, Date.now())) return false;
  await clients.change(of, { state: 'dead' });
  return true;
}

/** Errors (RFC 6749, section 5.2) that servers send only to a known client. */
const recognised = new Set(['unsupported_grant_type', 'unauthorized_client', 'invalid_grant']);

/**
 * Whether a response of a token endpoint means that no login can succeed with this client. The client is unknown, or
 * its scope is no longer accepted (`invalid_scope`). The status is read first, the error's name second.
 */
export function isUnknownClient(answer: Answer): boolean {
  if ((answer.status !== 400 && answer.status !== 401) || isFromProxy(answer)) return false;
  const error = jsonObjectOrNone(answer)?.error;
  if (typeof error !== 'string') return true;
  // Mitra answers this grant with 401 and a sentence. Iceshrimp reports a missing code, although this grant has none,
  // so it did not check the client.
  return !recognised.has(error) && !/unsupported[ _]grant|\bcode\b/i.test(error);
}

/** The instance issued a token for an invalid code. This is not a temporary failure. */
export class UncheckedCodesError extends Error {}

/**
 * Runs the invalid-code check: sends a code that the instance never issued. A server that answers with a token would
 * let any visitor log in as another user, as snac does. So it is refused.
 * @throws MastodonError as `assertCodeRefused`; and the errors of a request, if there is no answer
 */
export function offerInvalidCode(
  context: RequestContext,
  { tokenEndpoint }: PinnedInstance,
  { clientId, clientSecret }: ClientCredentials,
  redirectURI: string,
): Promise<void> {
  const form = {
    grant_type: 'authorization_code',
    code: randomBytes(32).toString('base64url'),
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uri: redirectURI,
    code_verifier: randomBytes(32).toString('base64url'),
  };
  return postForm(context, tokenEndpoint, form, assertCodeRefused);
}

/**
 * Checks that the answer to an invalid code is a refusal.
 * @throws MastodonError `instance_insecure`; `instance_blocked` or `instance_unreachable` if the server has not read the code
 */
export function assertCodeRefused(answer: Answer): void {
  assertFromServer(answer);
  const { status } = answer;
  const instance = answer.url.host;
  const cause = `the token endpoint answered an invalid code with ${status}`;
  if (isUnavailable(status))
    throw new MastodonError('instance_unreachable', { instance, cause, reason: 'server_error' });
  if (!answer.ok) return;
  const document = jsonObjectOrNone(answer);
  const gaveToken = document?.access_token !== undefined;
  // A success status with an error in the body is a refusal. Every other success accepts the code.
  if (typeof document?.error === 'string' && !gaveToken) return;
  const why = 'its token endpoint does not refuse a code that it never issued';
  throw new MastodonError('instance_insecure', {
    instance,
    cause: gaveToken ? new UncheckedCodesError(why) : why,
  });
}
