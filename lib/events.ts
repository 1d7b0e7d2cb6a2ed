/** What happens, told to the site's own log and to whoever in the process listens on the package's diagnostics channel. */

import { channel } from 'node:diagnostics_channel';
import { kindOf, MastodonError } from './errors.js';

/** Takes one line about something that happened. */
export type EventLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** One message of the channel `passport-mastodon-oauth2`. */
export interface EventMessage {
  /** What the site has called: `MastodonStrategy`, `createLogin`, `createBridge` or `createIssuer`. */
  readonly from: string;
  readonly event: string;
  /** Text, numbers and truth values; no secret, and no more of a person than their server. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One for the package, however many copies of this module a process has: Node keeps channels by their names. */
const events = channel('passport-mastodon-oauth2');

/** @param log may fail: that is the site's own matter, and in nobody's way */
export function eventLog(from: string, log: EventLog | undefined): EventLog {
  return (event, fields = {}) => {
    // Without a listener no message is made.
    if (events.hasSubscribers) {
      events.publish({ from, event, fields: withoutErrors(fields) } satisfies EventMessage);
    }
    if (log === undefined) return;
    try {
      void Promise.resolve(log(event, fields)).catch(() => undefined);
    } catch {
      // As above.
    }
  };
}

function withoutErrors(fields: Readonly<Record<string, unknown>>): EventMessage['fields'] {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Error ? errorKind(value) : value]),
  );
}

/**
 * Messages of errors may quote what was sent; their kinds do not. The cause of a `MastodonError` is written for
 * operators, by its own rule without anything secret, and is told.
 */
export function errorKind(error: Error): string {
  const kind = kindOf(error);
  try {
    const { cause } = error;
    if (!(cause instanceof Error)) return kind;
    return `${kind}: ${error instanceof MastodonError ? cause.message : errorKind(cause)}`;
  } catch {
    return kind;
  }
}
