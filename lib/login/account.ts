/** Asks the instance whose token this is: by GET /api/v1/accounts/verify_credentials, or by Misskey's POST /api/i. */

import { MastodonError } from '../errors.js';
import { isFromInFront, jsonObject, type JsonObject } from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { get, postJSON, type Answer } from '../http/request.js';
import type { PinnedInstance } from '../options.js';

export interface AccountAnswer {
  readonly raw: string;
  readonly json: JsonObject;
  /** The same in Mastodon's words, where the answer is in others. */
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
  if (instance.api === 'misskey') {
    return postJSON(context, `${origin}/api/i`, {}, { accessToken }, (answer) =>
      readMisskeyAccount(answer, instance),
    );
  }
  return get(context, `${origin}/api/v1/accounts/verify_credentials`, { accessToken }, (answer) =>
    readAccount(answer, host, software),
  );
}

/**
 * Mastodon refuses accounts that are disabled, moved, pending or unconfirmed with 403, tokens that were revoked
 * meanwhile with 401, those of apps with 422. GoToSocial says 401 to disabled accounts, too.
 */
export function readAccount(answer: Answer, instance: string, software?: string): AccountAnswer {
  const { status } = answer;
  const isBlocked = isFromInFront(answer);
  if (status === 200 && !isBlocked) return { raw: answer.text, json: jsonObject(answer) };
  const cause = new Error(`the question for the account was answered with ${status}`);
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
 * Misskey refuses suspended accounts with 403, tokens that ended with 401. It tells nothing of addresses: `url` and `uri`
 * are null for its own people, whose pages are at `/@name`; and `host` is, or the account is another server's.
 */
export function readMisskeyAccount(
  answer: Answer,
  { host: instance, origin }: PinnedInstance,
): AccountAnswer {
  const { raw, json } = readAccount(answer, instance);
  const { id, username, name, avatarUrl, host, isSuspended } = json;
  if (isSuspended === true) throw new MastodonError('account_unusable', { instance });
  if (typeof username !== 'string' || (host !== null && host !== undefined)) {
    throw new MastodonError('response_invalid', {
      instance,
      cause: new Error('the account is none of the server itself'),
    });
  }
  const url = `${origin}/@${encodeURIComponent(username)}`;
  return { raw, json, entity: { id, username, acct: username, display_name: name, avatar: avatarUrl, url } };
}
