/** Remembers instances that cannot be used just now, so that asking again costs them and us nothing. */

import { lru } from 'tiny-lru';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import { storeKey, type Store } from '../store.js';

/** Findings worth sharing between processes; everything else may have passed a moment later. */
const verdictCodes: ReadonlySet<unknown> = new Set<MastodonErrorCode>([
  'instance_insecure',
  'registration_throttled',
]);

/** What a visitor's second try may cure by itself: it is remembered only when it goes on. */
const passing: ReadonlySet<MastodonErrorCode> = new Set([
  'instance_unreachable',
  'instance_unsupported',
  'registration_refused',
  'registration_throttled',
  'response_invalid',
  'response_too_large',
  'timeout',
]);

const failuresInARow = 3;
const rememberedHosts = 10_000;

export class Failures {
  private readonly streaks;

  constructor(
    private readonly store: Store,
    memoryMs: number,
  ) {
    this.streaks = lru<{ count: number; error: MastodonError }>(rememberedHosts, memoryMs, true);
  }

  /** @throws MastodonError what the last tries at the instance have failed with, if they did so in a row */
  assertNoStreak(host: string): void {
    const streak = this.streaks.get(host);
    if (streak && streak.count >= failuresInARow) throw streak.error;
  }

  /** Runs work at an instance, and remembers how it went. */
  async watch<T>(host: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.streaks.delete(host);
      return result;
    } catch (error) {
      if (error instanceof MastodonError && passing.has(error.code)) {
        this.streaks.set(host, { count: (this.streaks.get(host)?.count ?? 0) + 1, error });
      }
      throw error;
    }
  }

  /** @throws MastodonError the verdict that stands against the instance */
  async assertNoVerdict(host: string): Promise<void> {
    const { code, until } = ((await this.store.cached(storeKey('verdict', host))) ?? {}) as Record<
      string,
      unknown
    >;
    if (verdictCodes.has(code) && typeof until === 'number' && until > Date.now()) {
      throw new MastodonError(code as MastodonErrorCode, { instance: host, cause: new Error('remembered') });
    }
  }

  async remember(code: MastodonErrorCode, host: string, forMs: number): Promise<void> {
    await this.store.cache(storeKey('verdict', host), { code, until: Date.now() + forMs }, forMs);
  }
}
