/** Typed events for the option `log` and the diagnostics channel of this package, and process warnings. */

import { channel } from 'node:diagnostics_channel';
import { MastodonError, type MastodonErrorCode } from './errors.js';
import { kindOf } from './util/error-kind.js';

/**
 * An event of a login; `event` is its type. Events contain no secret, code or token. Of the visitor they contain only
 * the server's host.
 */
export type LoginEvent =
  /** The visitor was redirected to the instance. */
  | { readonly event: 'begun'; readonly instance: string; readonly software?: string }
  /** The login is complete. */
  | { readonly event: 'finished'; readonly instance: string; readonly software?: string }
  /** `begin` or `finish` failed with a code. `cause` is for the operator. */
  | {
      readonly event: 'refused';
      readonly code: MastodonErrorCode;
      readonly instance?: string;
      readonly cause?: string;
    }
  /**
   * An error without a code: a callback of the site failed, or this package has a bug. For a failed `begin` or
   * `finish`, `error` is only the kind, such as `Error ECONNREFUSED`, because a message may quote stored values. The
   * caller receives the error itself.
   */
  | { readonly event: 'failed'; readonly error: unknown }
  /** The revocation of a token after a login failed, so the token is still valid. `code` is the reason. */
  | { readonly event: 'revocation_failed'; readonly instance: string; readonly code: MastodonErrorCode }
  /** The site registered its app at the instance. */
  | { readonly event: 'registered'; readonly instance: string }
  /** A request to an instance, with the response status or the error code. `path` is without the query. */
  | {
      readonly event: 'request';
      readonly method: string;
      readonly host: string;
      readonly path: string;
      readonly status?: number;
      readonly code?: string;
      readonly milliseconds: number;
    };

/** Events of the bridge: those of its logins, and those of its clients. */
export type BridgeEvent =
  | LoginEvent
  /** A client requested a login. `id` is a prefix of the request's ID. */
  | { readonly event: 'request_opened'; readonly id: string; readonly instance: string }
  /** `outcome` is `fulfilled`, `undelivered`, `abandoned`, or a code. */
  | {
      readonly event: 'request_ended';
      readonly id: string;
      readonly outcome: string;
      readonly instance?: string;
    }
  /** The server that a client requested cannot be used. */
  | { readonly event: 'host_refused'; readonly code: MastodonErrorCode; readonly instance?: string }
  /** A connection was rejected. `origin` is the page's, where pages of it may not connect. */
  | {
      readonly event: 'socket_refused';
      readonly status: number;
      readonly reason: string;
      readonly origin?: string;
    }
  /** A connection was closed to accept a new one, because all connections were in use. */
  | { readonly event: 'socket_gave_way' }
  /** A configuration problem, reported once. */
  | { readonly event: 'warning'; readonly hint: string };

/** Events of the issuer: those of its logins, and those of its clients. */
export type IssuerEvent =
  | LoginEvent
  /** A client received a login. */
  | { readonly event: 'login'; readonly client: string; readonly instance: string }
  /** The issuer refused a client, its redirect URI, its secret or its grant. `code` is the OAuth error. */
  | {
      readonly event: 'client_refused';
      readonly client?: string;
      readonly code?: string;
      readonly instance?: string;
      readonly reason?: string;
    }
  /** A configuration problem, reported once. */
  | { readonly event: 'warning'; readonly hint: string };

/** A message of the channel `passport-mastodon-oauth2`: the event and its entry point. */
export type EventMessage = (BridgeEvent | IssuerEvent) & {
  readonly from: 'MastodonStrategy' | 'createLogin' | 'createBridge' | 'createIssuer' | 'MastodonLogin';
};

interface AnyEvent {
  readonly event: string;
}

/** Receives one event. */
export type EventLog<E extends AnyEvent> = (event: E) => unknown;

/** Reports an event. Never throws. */
export type Report<E extends AnyEvent> = <N extends E['event']>(
  event: N,
  fields?: Omit<Extract<E, { readonly event: N }>, 'event'>,
) => void;

/** Node.js identifies channels by name, so all copies of this module share it. */
const events = channel('passport-mastodon-oauth2');

/**
 * @param from the entry point, as messages name it
 * @param log the site's; its failures are ignored
 * @throws TypeError for a function with two parameters, the form of earlier versions
 */
export function eventLog<E extends AnyEvent>(from: string, log: EventLog<E> | undefined): Report<E> {
  if (log !== undefined && log.length > 1) {
    throw new TypeError(
      `${from}: log takes one event, and this function declares ${log.length} parameters. Write ` +
        'log: (event) => …, where event.event is the name and its other members are the fields',
    );
  }
  return (name, fields?: object) => {
    const event = { event: name, ...fields };
    if (events.hasSubscribers) events.publish({ from, ...withoutErrors(event) });
    if (log === undefined) return;
    try {
      void Promise.resolve(log(event as unknown as E)).catch(() => undefined);
    } catch {
      // Failures of the log are ignored.
    }
  };
}

/**
 * The default log of bridge and issuer: what the operator has to repair becomes a warning of the process.
 * @param entryPoint as in imports
 */
export function warnOperator(entryPoint: string): EventLog<BridgeEvent | IssuerEvent> {
  return (event) => {
    const text = event.event === 'failed' ? event.error : event.event === 'warning' ? event.hint : undefined;
    if (text !== undefined) process.emitWarning(`passport-mastodon-oauth2/${entryPoint}: ${String(text)}`);
  };
}

function withoutErrors(event: AnyEvent): AnyEvent {
  const entries = Object.entries(event).map(([name, value]: [string, unknown]) =>
    value instanceof Error ? [name, errorKind(value)] : [name, value],
  );
  return Object.fromEntries(entries) as AnyEvent;
}

/**
 * The kind of an error and of its causes. Messages are left out, because they may quote secrets. The cause of a
 * `MastodonError` contains no secret, so its message is included.
 */
export function errorKind(error: unknown): string {
  const kind = kindOf(error);
  try {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof Error)) return kind;
    return `${kind}: ${error instanceof MastodonError ? cause.message : errorKind(cause)}`;
  } catch {
    return kind;
  }
}

/** The warnings that this process has emitted. Tests clear it. */
export const emittedWarnings = new Set<string>();

/**
 * Emits a process warning, once for each code.
 * @param code `MASTODON_…`; docs/errors.md has a row for each
 * @param text names the entry point or option, the value found, and the fix
 * @param about one of a small set; the warning is emitted once for each of them
 */
export function warnOnce(code: string, text: string, about = ''): void {
  const key = `${code} ${about}`;
  if (emittedWarnings.has(key)) return;
  emittedWarnings.add(key);
  process.emitWarning(text, { code });
}

/** Whether `NODE_ENV` is unset or `development`. Only then may visitors cause warnings about what they sent. */
export function isDevelopment(): boolean {
  const { NODE_ENV = '' } = process.env;
  return NODE_ENV === '' || NODE_ENV === 'development';
}
