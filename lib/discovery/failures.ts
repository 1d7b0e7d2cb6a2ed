/** Caches recent failures by handle, origin or app, so that the request is not repeated at once. */

import { errorOf, MastodonError, recordOf, type FailureRecord, type MastodonErrorCode } from '../errors.js';
import { storeKey, type Store } from '../store.js';
import { boundedMap } from '../util/memory.js';

/** Number of failures in a row before requests stop. A single failure may be temporary. */
const failuresInARow = 3;

/** Failures that are also stored for other processes. */
const verdicts: ReadonlySet<unknown> = new Set<MastodonErrorCode>([
  'instance_insecure',
  'registration_throttled',
]);

const longestVerdictMs = 60 * 60 * 1000;

export class Failures {
  private readonly streaks;

  constructor(
    private readonly store: Store,
    cooldownMs: number,
  ) {
    this.streaks = boundedMap<{ readonly count: number; readonly failure: FailureRecord }>(
      10_000,
      cooldownMs,
    );
  }

  /** @throws MastodonError a copy of the last failure, after several in a row */
  assertNone(what: string): void {
    const streak = this.streaks.get(what);
    if (streak && streak.count >= failuresInARow) throw errorOf(streak.failure);
  }

  failed(what: string, error: unknown): void {
    // Other failures are not caused by the server.
    if (!(error instanceof MastodonError) || isLocalRefusal(error) || error.code === 'store_failed') return;
    const count = (this.streaks.get(what)?.count ?? 0) + 1;
    this.streaks.set(what, { count, failure: recordOf(error) });
  }

  succeeded(what: string): void {
    this.streaks.delete(what);
  }

  /** @throws MastodonError the unexpired failure of the host that a process stored */
  async assertNoVerdict(host: string): Promise<void> {
    const code = await this.verdict(host);
    if (code) throw new MastodonError(code, { instance: host, cause: 'remembered' });
  }

  /** The code of the unexpired failure of the host that a process stored. */
  async verdict(host: string): Promise<MastodonErrorCode | undefined> {
    const verdict = (await this.store.cached(storeKey('verdict', host))) ?? {};
    const { code, until } = verdict as { readonly code?: unknown; readonly until?: unknown };
    const leftMs = Number(until) - Date.now();
    // Some stores expire nothing. A much later end comes from a wrong clock: the host would be refused until then.
    const isValid = verdicts.has(code) && leftMs > 0 && leftMs < 2 * longestVerdictMs;
    return isValid ? (code as MastodonErrorCode) : undefined;
  }

  async remember(
    code: 'instance_insecure' | 'registration_throttled',
    host: string,
    forMs: number,
  ): Promise<void> {
    const ttlMs = Math.min(forMs, longestVerdictMs);
    await this.store.cache(storeKey('verdict', host), { code, until: Date.now() + ttlMs }, ttlMs);
  }
}

const refusals: ReadonlySet<MastodonErrorCode> = new Set(['instance_not_allowed', 'login_busy']);

/** Whether no request was sent, because of `allowInstance` or a limit. */
export function isLocalRefusal(error: unknown): boolean {
  return error instanceof MastodonError && refusals.has(error.code);
}
