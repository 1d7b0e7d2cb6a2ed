/** Typed events: what logins report to the site's option `log` and to the package's diagnostics channel. */

import { channel } from 'node:diagnostics_channel';
import { kindOf, MastodonError, type MastodonErrorCode } from './errors.js';

/**
 * What happens in a login, told apart by `event`. No event holds a secret, a code, a token, or more of a person than the host
 * of their server.
 */
export type LoginEvent =
  /** A visitor was sent to the instance. */
  | { readonly event: 'begun'; readonly instance: string; readonly software?: string }
  /** The login is complete. */
  | { readonly event: 'finished'; readonly instance: string; readonly software?: string }
  /** One half of a login ended with a code; `cause` is for the operator. */
  | {
      readonly event: 'refused';
      readonly code: MastodonErrorCode;
      readonly instance?: string;
      readonly cause?: string;
    }
  /**
   * An error without a code: a callback of the site rejected, or a bug. Of one half of a login only its kind, such as
   * `Error ECONNREFUSED`, because its message may quote what was to be stored; the caller receives the error itself.
   */
  | { readonly event: 'failed'; readonly error: unknown }
  /** A token that was to be revoked after a login is still valid: `revocation_unsupported`, or what kept the instance from it. */
  | { readonly event: 'revocation_failed'; readonly instance: string; readonly code: MastodonErrorCode }
  /** The site became an app of the instance. */
  | { readonly event: 'registered'; readonly instance: string }
  /** A request to an instance, with the status of the answer or the code of the failure. `path` is without the query. */
  | {
      readonly event: 'request';
      readonly method: string;
      readonly host: string;
      readonly path: string;
      readonly status?: number;
      readonly code?: string;
      readonly milliseconds: number;
    };

/** Events of the bridge: those of its logins, and what its clients do. */
export type BridgeEvent =
  | LoginEvent
  /** A client waits for a login. `id` is only as much of the request's ID as tells two apart. */
  | { readonly event: 'request_opened'; readonly id: string; readonly instance: string }
  /** `outcome` is `fulfilled`, `undelivered`, `abandoned`, or a code. */
  | {
      readonly event: 'request_ended';
      readonly id: string;
      readonly outcome: string;
      readonly instance?: string;
    }
  /** What a client named cannot be used. */
  | { readonly event: 'host_refused'; readonly code: MastodonErrorCode; readonly instance?: string }
  /** A connection was not taken. */
  | { readonly event: 'socket_refused'; readonly status: number; readonly reason: string }
  /** A connection was ended for another, as all were in use. */
  | { readonly event: 'socket_gave_way' }
  /** Something to set right, reported once. */
  | { readonly event: 'warning'; readonly hint: string };

/** Events of the issuer: those of its logins, and the clients that received one. */
export type IssuerEvent =
  | LoginEvent
  /** A client received a login. */
  | { readonly event: 'login'; readonly client: string; readonly instance: string }
  /** A client, its redirect URI, its secret or its grant was refused. `code` is the OAuth error. */
  | {
      readonly event: 'client_refused';
      readonly client?: string;
      readonly code?: string;
      readonly instance?: string;
      readonly reason?: string;
    }
  /** Something to set right, reported once. */
  | { readonly event: 'warning'; readonly hint: string };

/** A message of the channel `passport-mastodon-oauth2`: the event, and the entry point that it comes from. */
export type EventMessage = (BridgeEvent | IssuerEvent) & {
  readonly from: 'MastodonStrategy' | 'createLogin' | 'createBridge' | 'createIssuer' | 'MastodonLogin';
};

interface AnyEvent {
  readonly event: string;
}

/** Takes one event. */
export type EventLog<E extends AnyEvent> = (event: E) => unknown;

/** Reports an event, by its name and its other members. Never throws. */
export type Report<E extends AnyEvent> = <N extends E['event']>(
  event: N,
  fields?: Omit<Extract<E, { readonly event: N }>, 'event'>,
) => void;

/** Node.js keeps channels by their names, so copies of this module share it. */
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
      // A log that fails is the site's own matter.
    }
  };
}

function withoutErrors(event: AnyEvent): AnyEvent {
  const entries = Object.entries(event).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Error ? errorKind(value) : value,
  ]);
  return Object.fromEntries(entries) as AnyEvent;
}

/**
 * Messages of errors may quote what was sent; their kinds do not. The cause of a `MastodonError` is written for
 * operators and holds no secret, so it is included.
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
