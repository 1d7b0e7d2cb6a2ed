/** Fetches the account of a token: GET /api/v1/accounts/verify_credentials, or POST /api/i on Misskey. */

import { MastodonError } from '../errors.js';
import { isFromProxy, jsonObject, type JsonObject } from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { get, postJSON, type Answer } from '../http/request.js';
import type { PinnedInstance } from '../options.js';

export interface AccountAnswer {
  readonly raw: string;
  readonly json: JsonObject;
  /** The account as a Mastodon entity, where the server uses the Misskey API. */
  readonly entity?: JsonObject;
}

/**
 * @throws MastodonError `account_unusable`, `instance_unreachable`, `instance_blocked`, `response_invalid`,
 *   `response_too_large` or `timeout`
 */
export function fetchAccount(
  context: RequestContext,
  instance: PinnedInstance,
  accessToken: string,
): Promise<AccountAnswer> {
  const { origin, host, software } = instance;
  if (instance.api === 'misskey')
    return postJSON(context, `${origin}/api/i`, {}, accessToken, (answer) =>
      readMisskeyAccount(answer, instance),
    );
  return get(context, `${origin}/api/v1/accounts/verify_credentials`, { accessToken }, (answer) =>
    readAccount(answer, host, software),
  );
}

/**
 * Mastodon answers 403 for a disabled, moved, pending or unconfirmed account. It answers 401 for a revoked token, and
 * 422 for a token of an app. GoToSocial also answers 401 for a disabled account.
 */
export function readAccount(answer: Answer, instance: string, software?: string): AccountAnswer {
  const { status } = answer;
  const isBlocked = isFromProxy(answer);
  if (status === 200 && !isBlocked) {
    const json = jsonObject(answer);
    // Mastodon's entity has `suspended`, and Misskey's `isSuspended`.
    if (json.suspended !== true && json.isSuspended !== true) return { raw: answer.text, json };
    throw new MastodonError('account_unusable', { instance, cause: 'the account is suspended' });
  }
  const cause = `the question for the account was answered with ${status}`;
  if (isBlocked) throw new MastodonError('instance_blocked', { instance, cause });
  if (status === 401 && software !== 'gotosocial') {
    throw new MastodonError('account_unusable', { instance, cause, status: 401, reason: 'login_ended' });
  }
  if ([401, 403, 422].includes(status)) throw new MastodonError('account_unusable', { instance, cause });
  if (status === 429) {
    throw new MastodonError('instance_unreachable', { instance, cause, status: 503, reason: 'server_busy' });
  }
  if (status >= 500) throw new MastodonError('instance_unreachable', { instance, cause });
  throw new MastodonError('response_invalid', { instance, cause });
}

/**
 * Misskey answers 403 for a suspended account, and 401 for an ended token. For local accounts `url`, `uri` and `host`
 * are null. Their pages are at `/@name`. An account with a `host` belongs to another server.
 */
export function readMisskeyAccount(
  answer: Answer,
  { host: instance, origin }: PinnedInstance,
): AccountAnswer {
  const { raw, json } = readAccount(answer, instance);
  const { id, username, name, avatarUrl, host } = json;
  if (typeof username !== 'string' || (host !== null && host !== undefined)) {
    const cause = 'the account is none of the server itself';
    throw new MastodonError('response_invalid', { instance, cause });
  }
  const url = `${origin}/@${encodeURIComponent(username)}`;
  return { raw, json, entity: { id, username, acct: username, display_name: name, avatar: avatarUrl, url } };
}
