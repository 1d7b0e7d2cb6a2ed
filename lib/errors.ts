/** Error codes, what each one tells the person logging in, and the class that carries them. */

import { isHost } from './util/url.js';

interface Meaning {
  /** HTTP status of the answer when the application handles the failure no other way. */
  readonly status: number;
  /** Says what happened and what to do next; `%s` is the instance, where one is known. */
  readonly message: string;
}

const meanings = {
  instance_missing: {
    status: 400,
    message: 'Tell us where your account lives: type your server, for example mastodon.social.',
  },
  instance_invalid: {
    status: 400,
    message:
      'That is not the address of a server. Type something like mastodon.social or @you@mastodon.social.',
  },
  instance_not_allowed: {
    status: 403,
    message: 'Logging in with accounts of %s is not possible on this site.',
  },
  instance_unreachable: {
    status: 502,
    message: 'We could not reach %s. Check the address, or try again in a moment.',
  },
  instance_unsupported: {
    status: 422,
    message: 'We found no server at %s that offers a login with the Mastodon API.',
  },
  instance_insecure: {
    status: 403,
    message:
      'The login of %s is not safe enough: it does not prove who is logging in. Its operator can help.',
  },
  instance_blocked: {
    status: 502,
    message:
      'The server %s asks us to prove that we are no robot, which we cannot. Its operator can let this site in.',
  },
  registration_refused: {
    status: 502,
    message: 'The server %s did not accept this site. Its operator can help.',
  },
  registration_throttled: {
    status: 503,
    message: 'The server %s is taking no new sites just now. Try again in a few minutes.',
  },
  scope_refused: {
    status: 422,
    message: 'This site asks the server %s for more than it grants. The people who run this site can help.',
  },
  cross_site_start: {
    status: 403,
    message: 'Your browser did not confirm that you started this login on this site. Please start it here.',
  },
  prefetch_refused: {
    status: 503,
    message: 'Your browser asked for this page before you opened it. Please open it again to log in.',
  },
  login_expired: {
    status: 403,
    message:
      'This login has expired or was already used, or it was begun in another browser. Please log in again.',
  },
  login_mismatch: {
    status: 403,
    message: 'The answer does not belong to the login that was begun here. Please log in again.',
  },
  access_denied: { status: 403, message: 'The login was cancelled on %s.' },
  login_restart: {
    status: 401,
    message:
      'The server %s has forgotten this site. We will introduce ourselves again: please log in once more.',
  },
  token_refused: { status: 401, message: 'The server %s did not complete the login. Please log in again.' },
  account_unusable: {
    status: 403,
    message:
      'The server %s does not let this account log in. It may be disabled, moved, not yet confirmed, or without the two-factor login that the server requires.',
  },
  response_invalid: { status: 502, message: 'The server %s gave an answer that we do not understand.' },
  response_too_large: { status: 502, message: 'The server %s gave an answer that is too large.' },
  timeout: { status: 504, message: 'The server %s took too long to answer. Please try again in a moment.' },
  login_busy: {
    status: 503,
    message: 'Too many logins are under way here just now. Please try again in a moment.',
  },
  revocation_unsupported: {
    status: 422,
    message:
      'The server %s cannot end a single login from here. It can be ended in the settings of the account there.',
  },
  store_failed: {
    status: 503,
    message: 'The login could not be saved on our side. Please try again in a moment.',
  },
} as const satisfies Record<string, Meaning>;

/** One of the stable codes by which an application recognises a failure. `docs/errors.md` has a section for each. */
export type MastodonErrorCode = keyof typeof meanings;

/** What a code's own sentence would leave out, or get wrong. */
const particulars = {
  /** `instance_invalid`: a single word. */
  name_without_dot:
    'That is not the whole address of a server: it has a dot in it, as in mastodon.social. What does the address bar show when you are at home there?',
  /** `instance_invalid`: `@ada`. */
  user_without_server:
    'That is a user name without its server. Type both, as in @you@mastodon.social, or the server alone.',
  /** `instance_invalid`: `ada@gmail.com`. */
  email_address: 'That is an e-mail address. Your server is the website where you signed up.',
  /** `instance_unsupported`: Misskey or a relative. */
  speaks_misskey:
    'The server %s speaks the language of Misskey and not that of Mastodon, so its accounts cannot log in here.',
  /** `instance_unsupported`: Misskey or a relative whose only login for other sites is MiAuth. */
  misskey_too_old:
    'The server %s offers no login for other sites that is safe enough. Once it is updated to a version that does (Misskey 2023.9 or later), its accounts can log in here.',
  /** `instance_unsupported`: Sharkey, Firefish. */
  single_use_apps:
    'The server %s wants to meet a site anew for every single login, which we cannot do. Its accounts cannot log in here.',
  /** `instance_unsupported`: Lemmy, PeerTube and others, by the name of their software. */
  other_software:
    'The server %s runs on %p, which offers other sites no login like that of Mastodon. Its accounts cannot log in here.',
  /** `instance_unreachable`: expired, for another host, self-signed, or without its intermediate certificate. */
  certificate:
    'The certificate of %s is not valid, so we cannot connect to it safely. The operator of that server must fix it.',
  /** `instance_unreachable`: it answered 5xx, or it cannot be reached after the visitor has been there. */
  server_error: 'The server %s has a problem at the moment. Please try again in a few minutes.',
  /** `instance_unreachable`: it answered 429. */
  server_busy: 'The server %s has had too many requests just now. Please try again in a few minutes.',
  /** `account_unusable`: the token was revoked meanwhile. */
  login_ended: 'The server %s has ended this login already. Please log in again.',
  /** `token_refused`: what the option `scope` asks for. */
  scope_not_granted:
    'This site asks the server %s for more than it grants. The people who run this site can help.',
  /** `login_restart`: it knows none of the secrets that it gave. */
  secrets_forgotten:
    'The server %s does not know this site again, however often we introduce ourselves. Its operator can help.',
} as const;

/** Why, where one code has several reasons. New ones may be added. */
export type MastodonErrorReason = keyof typeof particulars;

/** For what came by way of a page or a session. */
export function isReason(text: string | undefined): text is MastodonErrorReason {
  return text !== undefined && Object.hasOwn(particulars, text);
}

/** Every code, by its own name: `ErrorCode.login_expired === 'login_expired'`. */
export const ErrorCode: { readonly [Code in MastodonErrorCode]: Code } = Object.freeze(
  Object.fromEntries(Object.keys(meanings).map((code) => [code, code])),
) as { readonly [Code in MastodonErrorCode]: Code };

export interface MastodonErrorDetails {
  /** Host of the instance concerned. */
  readonly instance?: string | undefined;
  /** For the operator. Must hold no secret, code or token, and no text that an instance sent. */
  readonly cause?: unknown;
  /** HTTP status, where another than the code's own fits better. */
  readonly status?: number | undefined;
  /** Gives the failure a more exact sentence. */
  readonly reason?: MastodonErrorReason | undefined;
  /** `other_software`: its name, as this package writes it. */
  readonly software?: string | undefined;
  /** The instance's name as the visitor typed it. Only `message` shows it: names in different scripts look alike. */
  readonly typedInstance?: string | undefined;
  /** The application's own state of the login that failed. */
  readonly state?: unknown;
}

/** Known to every copy of this module. */
const brand = Symbol.for('passport-mastodon-oauth2.MastodonError');

/**
 * A login that cannot go on. `message` is fit to be shown to a person; `cause` is for the operator.
 * Neither carries a secret or text of the other server.
 */
export class MastodonError extends Error {
  override readonly name = 'MastodonError';
  /** What happened, by a name that stays. */
  readonly code: MastodonErrorCode;
  /** HTTP status for the answer. */
  readonly status: number;
  /** Host of the instance concerned, where one is known. */
  readonly instance?: string;
  /** Why, where the code has several reasons. */
  readonly reason?: MastodonErrorReason;
  /** `other_software`: which. */
  readonly software?: string;
  /** The application's own state, where the login that failed is known. Not enumerable. */
  declare readonly state?: unknown;
  declare private readonly details: MastodonErrorDetails;

  constructor(code: MastodonErrorCode, details: MastodonErrorDetails = {}) {
    const { status, message } = meanings[code];
    const { cause, reason, software, state } = details;
    // A redirect may name nearly anything: only a host is shown.
    const instance =
      details.instance !== undefined && isHost(details.instance) ? details.instance : undefined;
    super(
      (reason ? particulars[reason] : message)
        .replace('%p', () => software ?? 'other software')
        .replace(/(the server )?%s/i, (_, theServer?: string) => {
          const shown = details.typedInstance ?? instance;
          return shown === undefined ? (theServer?.trim() ?? 'that server') : (theServer ?? '') + shown;
        }),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.status = details.status ?? status;
    if (instance !== undefined) this.instance = instance;
    if (reason !== undefined) this.reason = reason;
    if (software !== undefined) this.software = software;
    // Not enumerable: it appears in no serialised form.
    Object.defineProperty(this, 'details', { value: details });
    if (state !== undefined) Object.defineProperty(this, 'state', { value: state });
  }

  /** Headers for the answer, if the code needs any. Express, Koa and Fastify send the headers of an error that they answer. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.code === 'prefetch_refused' ? { 'Cache-Control': 'no-store' } : undefined;
  }

  get [brand](): true {
    return true;
  }

  /** Bundlers may load this module more than once (Next.js, for each route). An error of any copy is recognised. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== MastodonError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }

  /**
   * A new error for the same failure, with some details replaced. Errors are never changed after construction: several
   * callers of one operation may hold the same one.
   * @internal
   */
  with(changes: MastodonErrorDetails): MastodonError {
    return new MastodonError(this.code, { ...this.details, ...changes });
  }

  /**
   * The same failure about an instance, where the place of failure could not name one.
   * @internal
   */
  at(instance: string): MastodonError {
    return this.instance === undefined ? this.with({ instance }) : this;
  }
}

/** The plain facts of an error, to be kept: an object of its own, from which `errorOf` makes a new error. */
export interface FailureRecord {
  readonly code: MastodonErrorCode;
  readonly instance?: string;
  readonly reason?: MastodonErrorReason;
  readonly software?: string;
  readonly status?: number;
  readonly why?: string;
}

export function recordOf(error: MastodonError): FailureRecord {
  const { code, instance, reason, software, status, cause } = error;
  return {
    ...{ code, status },
    ...(instance !== undefined && { instance }),
    ...(reason !== undefined && { reason }),
    ...(software !== undefined && { software }),
    ...(cause instanceof Error && { why: cause.message }),
  };
}

export function errorOf({ code, why, ...details }: FailureRecord): MastodonError {
  return new MastodonError(code, { ...details, cause: new Error(`remembered: ${why ?? code}`) });
}

/**
 * The kind of an error, by its name and code: messages may quote what was sent. Many drivers leave the name at `Error` and
 * tell the kind by the class, as a Redis client's `ClientClosedError` does.
 */
export function kindOf(error: unknown): string {
  try {
    const { name, code, constructor } = Object(error) as Record<string, unknown>;
    const kind = name === 'Error' && typeof constructor === 'function' ? constructor.name : name;
    return [kind, code].filter((part) => typeof part === 'string').join(' ');
  } catch {
    // A getter of a driver's error may throw.
    return 'an error that cannot be read';
  }
}
