/** Asks the instance whose token this is (GET /api/v1/accounts/verify_credentials). */

import { MastodonError } from '../errors.js';
import { isChallenge } from '../net/challenge.js';
import { jsonObject, type JsonObject } from '../net/json.js';
import type { Answer, Network } from '../net/network.js';
import type { PinnedInstance } from '../options.js';

export interface AccountAnswer {
  readonly raw: string;
  readonly json: JsonObject;
}

/**
 * @throws MastodonError `account_unusable`, `instance_unreachable`, `instance_blocked`, `response_invalid`,
 *   `response_too_large` or `timeout`
 */
export async function fetchAccount(
  network: Network,
  instance: PinnedInstance,
  accessToken: string,
): Promise<AccountAnswer> {
  const url = `${instance.origin}/api/v1/accounts/verify_credentials`;
  return readAccount(await network.get(url, { accessToken }), instance.host, instance.software);
}

/**
 * Mastodon refuses accounts that are disabled, moved, pending or unconfirmed with 403, tokens that were revoked
 * meanwhile with 401, those of apps with 422. GoToSocial says 401 to disabled accounts, too.
 */
export function readAccount(answer: Answer, instance: string, software?: string): AccountAnswer {
  const { status } = answer;
  const cause = new Error(`verify_credentials answered ${status}`);
  const isPage = /html/i.test(answer.contentType);
  // An account is refused in JSON; a page comes from what stands in front of the server.
  if (isChallenge(answer) || (status === 403 && isPage)) {
    throw new MastodonError('instance_blocked', { instance, cause });
  }
  if (status === 401 && software !== 'gotosocial') {
    throw new MastodonError('account_unusable', { instance, cause, status: 401, reason: 'login_ended' });
  }
  if ([401, 403, 422].includes(status)) throw new MastodonError('account_unusable', { instance, cause });
  if (status === 429) {
    throw new MastodonError('instance_unreachable', { instance, cause, status: 503, reason: 'server_busy' });
  }
  if (status >= 500) throw new MastodonError('instance_unreachable', { instance, cause });
  if (status !== 200) throw new MastodonError('response_invalid', { instance, cause });
  return { raw: answer.text, json: jsonObject(answer) };
}
