/** The contract of every store: first records, then logins that use them. */

import type { Store } from '../../lib/store.js';
import { BadStore } from '../support/bad-store.js';
import type { Opener, OpenStore } from '../support/open-store.js';
import { itHasLocks, itKeepsRecords } from './records.js';
import { itLogsVisitorsIn } from './logins.js';

export interface StoreKind {
  /** Its stores are empty, or have records of other names only. */
  readonly opener: () => Opener;
  /** Other processes see its records. Default true. */
  readonly isShared?: boolean;
  /** It has its own locks. Default false. */
  readonly hasLocks?: boolean;
  /** Whether the store removes expired records itself. Default true. */
  readonly forgets?: boolean;
  /**
   * Characters of the longest value that it accepts; it rejects a longer one with an error. Default: longer than
   * any here.
   */
  readonly longestValue?: number;
}

export type Opened = OpenStore & { readonly kind: StoreKind };

/** @param skipped the reason why it cannot be tested here */
export function itKeepsTheContract(name: string, kind: StoreKind, skipped?: string): void {
  const run = skipped === undefined ? describe : describe.skip;
  run(skipped === undefined ? name : `${name} (skipped: ${skipped})`, () => {
    itKeepsRecords(kind);
    itHasLocks(kind);
    itLogsVisitorsIn(kind);
  });
}

/** Keyv may hide that its adapter failed. @param around the store under test, over the adapter */
export function itReportsFailures(name: string, around: (inner: BadStore) => Store | Promise<Store>): void {
  it.each(['get', 'set', 'take'] as const)(
    `${name} does not hide that its adapter failed (%s)`,
    async (step) => {
      const inner = new BadStore();
      const store = await around(inner);
      await store.set('key', { n: 1 });
      const operation = step === 'take' ? 'delete' : step;
      inner.break(() => Promise.reject(new Error('of the adapter')), [operation]);
      const steps = {
        get: () => store.get('key'),
        set: () => store.set('key', {}),
        take: () => store.take('key'),
      };
      await expect(steps[step]()).rejects.toMatchObject({ code: 'store_failed' });
    },
  );
}
