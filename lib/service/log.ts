/** The service's log: one JSON line for each event, without secrets. */

import { errorKind } from '../events.js';

export type LogFields = Readonly<Record<string, unknown>>;
export type Log = (event: string, fields?: LogFields) => void;

/** Fields with these names are never written. */
const secretNames = /token|secret|authorization|cookie|state|verifier|password|stack/i;
/** A request ID gives access to a pending login, so only a prefix is written, which distinguishes the lines of different requests. */
const shownOfId = 6;
const maxLength = 300;

export function createLog(write: (line: string) => void, now: () => Date = () => new Date()): Log {
  return (event, fields = {}) => {
    const safe = Object.entries(fields).flatMap(([name, value]) => {
      const shown = secretNames.test(name) ? undefined : shownValue(name, value);
      return shown === undefined ? [] : [[name, shown]];
    });
    write(JSON.stringify({ time: now().toISOString(), event, ...Object.fromEntries(safe) }));
  };
}

function shownValue(name: string, value: unknown): string | number | boolean | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Error) return errorKind(value);
  if (typeof value !== 'string') return undefined;
  return /^(request_?)?id$/i.test(name) ? value.slice(0, shownOfId) : value.slice(0, maxLength);
}
