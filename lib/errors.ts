/** Error codes, the visitor message of each code, and the class `MastodonError`. */

import { isHost } from './util/url.js';

/** Default HTTP status; what happened and what to do. `%s` is the instance, where one is known. */
type Meaning = readonly [status: number, message: string];

const meanings = {
  instance_missing: [400, 'No server was entered. Type your server, for example mastodon.social.'],
  instance_invalid: [
    400,
    'That is not the address of a server. Type something like mastodon.social or @you@mastodon.social.',
  ],
  instance_not_allowed: [
    403,
    'Logging in with accounts of %s is not possible on this site. Use an account on another server.',
  ],
  instance_unreachable: [502, 'We could not reach %s. Check the address, or try again in a moment.'],
  instance_unsupported: [422, 'We found no server at %s that offers a login with the Mastodon API.'],
  instance_insecure: [
    403,
    'The login of %s is not safe: it does not reliably identify the user. Its operator can help.',
  ],
  instance_blocked: [
    502,
    'The server %s is behind a bot check, so we cannot contact it. Its operator can allow this site.',
  ],
  registration_refused: [502, 'The server %s did not accept this site. Its operator can help.'],
  registration_throttled: [
    503,
    'The server %s does not accept new sites at the moment. Try again in a few minutes.',
  ],
  scope_refused: [
    422,
    'This site requests more permissions than the server %s grants. The operator of this site can help.',
  ],
  cross_site_start: [
    403,
    'Your browser did not confirm that you started this login on this site. Please start it here.',
  ],
  prefetch_refused: [
    503,
    'Your browser asked for this page before you opened it. Please open it again to log in.',
  ],
  login_expired: [
    403,
    'This login has expired or was already used, or it was started in another browser. Please log in again.',
  ],
  login_mismatch: [
    403,
    'The response does not belong to the login that you started here. Please log in again.',
  ],
  access_denied: [403, 'The login was cancelled on %s. If that was a mistake, please log in again.'],
  login_restart: [
    401,
    'The server %s no longer recognises this site. Please log in again, and we will register there again.',
  ],
  token_refused: [401, 'The server %s did not complete the login. Please log in again.'],
  account_unusable: [
    403,
    'The server %s does not let this account log in. It may be disabled, moved, not yet confirmed, or without the two-factor login that the server requires.',
  ],
  response_invalid: [502, 'The server %s sent a response that we cannot read. Its operator can help.'],
  response_too_large: [502, 'The server %s sent a response that is too large. Its operator can help.'],
  timeout: [504, 'The server %s took too long to answer. Please try again in a moment.'],
  login_busy: [503, 'This site is processing too many logins. Please try again in a moment.'],
  revocation_unsupported: [
    422,
    'The server %s does not let this site end a login. You can end it in your account settings there.',
  ],
  store_failed: [503, 'The login could not be saved on our side. Please try again in a moment.'],
} as const satisfies Record<string, Meaning>;

/** A stable code that identifies a failure. `docs/errors.md` has a row for each code. */
export type MastodonErrorCode = keyof typeof meanings;

/** Messages that replace the message of the code, by reason. */
const reasonMessages = {
  /** `instance_invalid`: a single word. */
  name_without_dot:
    'That is not the whole address of a server. The address contains a dot, as in mastodon.social. Your browser shows it in the address bar when you visit your server.',
  /** `instance_invalid`: `@ada`. */
  user_without_server:
    'That is a user name without its server. Type both, as in @you@mastodon.social, or the server alone.',
  /** `instance_invalid`: `ada@gmail.com`. */
  email_address: 'That is an e-mail address. Your server is the website where you signed up.',
  /** `instance_unsupported`: Misskey or a fork of it. */
  speaks_misskey:
    'The server %s supports the Misskey API but not the Mastodon API, so its accounts cannot log in here.',
  /** `instance_unsupported`: Misskey or a fork whose only login for other sites is MiAuth. */
  misskey_too_old:
    'The login that the server %s offers to other sites is not safe enough. After an update to a version with a safe login (Misskey 2023.9 or later), its accounts can log in here.',
  /** `instance_unsupported`: Sharkey, Firefish. */
  single_use_apps:
    'The server %s requires a new registration of this site for every login, which we do not support. Its accounts cannot log in here.',
  /** `instance_unsupported`: Lemmy, PeerTube and others. `%p` is the name of the software. */
  other_software:
    'The server %s runs on %p, which offers other sites no login like that of Mastodon. Its accounts cannot log in here.',
  /** `instance_unreachable`: the certificate is expired, self-signed, for another host, or lacks its intermediate. */
  certificate:
    'The certificate of %s is not valid, so we cannot connect to it safely. The operator of that server must fix it.',
  /** `instance_unreachable`: the server answered 5xx, or it became unreachable after the visitor visited it. */
  server_error: 'The server %s has a problem at the moment. Please try again in a few minutes.',
  /** `instance_unreachable`: the server answered 429. */
  server_busy: 'The server %s is receiving too many requests. Please try again in a few minutes.',
  /** `account_unusable`: the token was revoked during the login. */
  login_ended: 'The server %s has ended this login already. Please log in again.',
  /** `token_refused`: the server does not grant the scope that the site requests. */
  scope_not_granted:
    'This site requests more permissions than the server %s grants. The operator of this site can help.',
  /** `login_restart`: the server rejects the credentials of one new registration after another. */
  secrets_forgotten:
    'The server %s does not recognise this site, even after a new registration. Its operator can help.',
} as const;

/** Identifies the cause where one code has several causes. New reasons may be added. */
export type MastodonErrorReason = keyof typeof reasonMessages;

/** Whether a text from a URL or a session is a known reason. */
export function isReason(text: string | undefined): text is MastodonErrorReason {
  return text !== undefined && Object.hasOwn(reasonMessages, text);
}

/** All codes as constants: `ErrorCode.login_expired === 'login_expired'`. */
export const ErrorCode: { readonly [Code in MastodonErrorCode]: Code } = Object.freeze(
  Object.fromEntries(Object.keys(meanings).map((code) => [code, code])),
) as { readonly [Code in MastodonErrorCode]: Code };

export interface MastodonErrorDetails {
  /** Host of the instance concerned. */
  readonly instance?: string | undefined;
  /** For the operator; a text stands for an error. Must hold no secret, code or token, and no text that an instance sent. */
  readonly cause?: unknown;
  /** HTTP status. Default: the status of the code. */
  readonly status?: number | undefined;
  /** Selects a more specific message. */
  readonly reason?: MastodonErrorReason | undefined;
  /** `other_software`: the display name of the software. */
  readonly software?: string | undefined;
  /**
   * The instance's name as the visitor typed it. Only `message` contains it, because names in different scripts look
   * alike.
   */
  readonly typedInstance?: string | undefined;
  /** The application's `state` of the failed login. */
  readonly state?: unknown;
}

/** Shared by all copies of this module. */
const brand = Symbol.for('passport-mastodon-oauth2.MastodonError');

/**
 * A failed login. `message` is for the visitor, `cause` is for the operator. Neither contains a secret or text of
 * another server.
 */
export class MastodonError extends Error {
  override readonly name = 'MastodonError';
  /** Identifies the failure. Codes do not change between versions. */
  readonly code: MastodonErrorCode;
  /** HTTP status for the response. */
  readonly status: number;
  /** Host of the instance concerned, where one is known. */
  readonly instance?: string;
  /** Identifies the cause where the code has several causes. */
  readonly reason?: MastodonErrorReason;
  /** `other_software`: the display name of the software. */
  readonly software?: string;
  /** The application's `state`, if the failed login was found. Not enumerable. */
  declare readonly state?: unknown;
  declare private readonly details: MastodonErrorDetails;

  constructor(code: MastodonErrorCode, details: MastodonErrorDetails = {}) {
    const [status, message] = meanings[code];
    const { reason, software, state } = details;
    const cause = typeof details.cause === 'string' ? new Error(details.cause) : details.cause;
    // A redirect may name nearly anything: only a host is shown.
    const instance =
      details.instance !== undefined && isHost(details.instance) ? details.instance : undefined;
    const shown = details.typedInstance ?? instance;
    const text = (reason ? reasonMessages[reason] : message).split('%p').join(software ?? 'other software');
    super(
      shown === undefined
        ? text.replace(/(the server) %s/i, '$1').replace('%s', 'that server')
        : text.split('%s').join(shown),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.status = details.status ?? status;
    if (instance !== undefined) this.instance = instance;
    if (reason !== undefined) this.reason = reason;
    if (software !== undefined) this.software = software;
    // Not enumerable: it appears in no serialised form.
    Object.defineProperty(this, 'details', { value: { ...details, cause } });
    if (state !== undefined) Object.defineProperty(this, 'state', { value: state });
  }

  /** Headers for the response, if the code needs any. The error handlers of Express, Koa and Fastify send them. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.code === 'prefetch_refused' ? { 'Cache-Control': 'no-store' } : undefined;
  }

  get [brand](): true {
    return true;
  }

  /** Recognises errors of all copies of this module. Bundlers may load several, such as Next.js one per route. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== MastodonError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }

  /**
   * Returns a new error with some details replaced. Errors are immutable, because callers of shared work may hold the
   * same one.
   * @internal
   */
  with(changes: MastodonErrorDetails): MastodonError {
    return new MastodonError(this.code, { ...this.details, ...changes });
  }

  /** Returns the error with an instance, if it has none. @internal */
  at(instance: string): MastodonError {
    return this.instance === undefined ? this.with({ instance }) : this;
  }
}

/** An error as plain data. `errorOf` makes a new error from it. */
export type FailureRecord = Pick<MastodonErrorDetails, 'instance' | 'reason' | 'software' | 'status'> & {
  readonly code: MastodonErrorCode;
  readonly why: string;
};

export function recordOf({ code, cause, instance, reason, software, status }: MastodonError): FailureRecord {
  return { code, instance, reason, software, status, why: cause instanceof Error ? cause.message : code };
}

export function errorOf({ code, why, ...details }: FailureRecord): MastodonError {
  return new MastodonError(code, { ...details, cause: `remembered: ${why}` });
}
