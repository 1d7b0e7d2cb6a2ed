/** Asks the instance whose token this is (GET /api/v1/accounts/verify_credentials). */

import { MastodonError } from '../errors.js';
import { jsonObject, type JsonObject } from '../net/json.js';
import type { Answer, Network } from '../net/network.js';
import type { Instance } from '../options.js';

export interface AccountAnswer {
  readonly raw: string;
  readonly json: JsonObject;
}

/**
 * @throws MastodonError `account_unusable`, `instance_unreachable`, `response_invalid`, `response_too_large`
 *   or `timeout`
 */
export async function fetchAccount(
  network: Network,
  instance: Instance,
  accessToken: string,
): Promise<AccountAnswer> {
  const url = `${instance.origin}/api/v1/accounts/verify_credentials`;
  return readAccount(await network.get(url, { accessToken }), instance.host);
}

/** Mastodon refuses accounts that are disabled, moved, pending or unconfirmed with 403, other tokens with 401 or 422. */
export function readAccount(answer: Answer, instance: string): AccountAnswer {
  const { status } = answer;
  const cause = new Error(`verify_credentials answered ${status}`);
  if ([401, 403, 422].includes(status)) throw new MastodonError('account_unusable', { instance, cause });
  if (status >= 500 || status === 429) throw new MastodonError('instance_unreachable', { instance, cause });
  if (status !== 200) throw new MastodonError('response_invalid', { instance, cause });
  return { raw: answer.text, json: jsonObject(answer) };
}
