/** The invalid-code check: no visitor is logged in at an instance before it has refused a code that it never issued. */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import { assertFromServer, jsonObjectOrNone, isSuccess, isUnavailable } from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import type { PinnedInstance } from '../options.js';
import type { ClientCredentials } from './client.js';

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
  if (isUnavailable(answer.status)) throw new MastodonError('instance_unreachable', { instance, cause });
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
