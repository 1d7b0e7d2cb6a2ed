/** The two questions about a client: whether its instance still knows it, and whether the instance refuses a code that it never issued. */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import {
  assertFromServer,
  isFromInFront,
  isSuccess,
  isUnavailable,
  jsonObjectOrNone,
} from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import type { PinnedInstance } from '../options.js';
import { believesDeath, type Client, type ClientCredentials } from './client.js';
import type { ClientOf, Clients } from './clients.js';

/** @returns the client as it stands now; `dead` where the instance does not know it */
export async function verifyClient(
  context: RequestContext,
  clients: Clients,
  instance: PinnedInstance,
  of: ClientOf,
  client: Client,
): Promise<Client> {
  const verified = { ...client, verifiedAt: Date.now() };
  // Written first: other processes see that the verification of this minute is under way.
  await clients.change(of, { verifiedAt: verified.verifiedAt });
  if (await isKnown(context, clients, instance, of, client)) {
    clients.verified(of.appKey);
    return verified;
  }
  return (await declareDead(clients, of, verified)) ? { ...verified, state: 'dead' } : verified;
}

/**
 * Asks for a client credentials token (RFC 6749, section 4.4). On Mastodon 4.2.0 to 4.2.8 that token also keeps the app from
 * being deleted. No answer, and no clear one, counts as known: only a clear no costs a registration.
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
 * The instance said that it does not know the client, so that the next start registers anew. Where it says so of one new
 * client after another, and none gets to be used, registering is no cure.
 * @returns whether that was believed
 */
export async function declareDead(clients: Clients, of: ClientOf, client: Client): Promise<boolean> {
  if (!believesDeath(client, Date.now())) return false;
  await clients.change(of, { state: 'dead' });
  return true;
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

/** The instance gave a token for an invalid code: no passing trouble. */
export class UncheckedCodesError extends Error {}

/**
 * Offers a code that was never issued. A server that gives a token for it would let any visitor in as another person (snac
 * does), so it cannot be used for a login.
 * @throws MastodonError `instance_insecure`; `instance_blocked`, and like every request, when there is no answer to judge
 */
export function offerInvalidCode(
  context: RequestContext,
  { host, tokenEndpoint }: PinnedInstance,
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
  return postForm(context, tokenEndpoint, form, (answer) => assertRefused(answer, host));
}

function assertRefused(answer: Answer, instance: string): void {
  const cause = new Error(`the token endpoint answered an invalid code with ${answer.status}`);
  // What stands in front of a server has not read the code, and a server that is overloaded has not judged it.
  assertFromServer(answer);
  if (isUnavailable(answer.status))
    throw new MastodonError('instance_unreachable', { instance, cause, reason: 'server_error' });
  if (!acceptedInvalidCode(answer)) return;
  const gaveToken = jsonObjectOrNone(answer)?.access_token !== undefined;
  const why = 'its token endpoint does not refuse a code that it never issued';
  throw new MastodonError('instance_insecure', {
    instance,
    cause: gaveToken ? new UncheckedCodesError(why) : new Error(why),
  });
}

export function acceptedInvalidCode(answer: Answer): boolean {
  if (!isSuccess(answer.status)) return false;
  const document = jsonObjectOrNone(answer);
  // An error inside a success status is a refusal. Any other success is none.
  return document === undefined || typeof document.error !== 'string' || document.access_token !== undefined;
}
