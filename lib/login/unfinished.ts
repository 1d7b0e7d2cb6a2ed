/** Logins that were begun and never finished: a hint that something is wrong at an instance. */

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
export const unfinishedTtlMs = 60 * 60 * 1000;

/** The logins that a browser began at an instance, one after another, without ever coming back. */
export interface Unfinished {
  /** When each was begun, the last one first. Milliseconds since the epoch. */
  readonly begunAt: readonly number[];
  /** The application's own state of the last one, as long as that lasts. Asked for only where somebody needs it. */
  readonly applicationState?: () => Promise<unknown>;
}

/** What is asked of the times is only whether there was one, or more than one. */
const maxTimes = 3;

/** The record of it, one for each browser and instance. */
export interface Hint {
  readonly begunAt: number;
  /** The times before that. Mostly there are none. */
  readonly before?: readonly number[];
  /** Key of the last login's own record. */
  readonly login: string;
}

/**
 * @param login key of the login that is being begun
 * @param before the hint that is there already, whatever it is
 */
export function hintOf(login: string, before: unknown): Hint {
  const begunAt = Date.now();
  if (!isHint(before)) return { begunAt, login };
  return { begunAt, before: Object.freeze(timesIn(before).slice(0, maxTimes - 1)), login };
}

/** The last one first. */
export function timesIn({ begunAt, before = [] }: Hint): number[] {
  return [begunAt, ...before];
}

export function isHint(value: unknown): value is Hint {
  const { begunAt, before = [], login } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof begunAt === 'number' &&
    Array.isArray(before) &&
    before.every((at) => typeof at === 'number') &&
    typeof login === 'string'
  );
}
