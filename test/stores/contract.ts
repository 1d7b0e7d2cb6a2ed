/** What every store is held to: records first, then what is made of them, which is logins. */

import type { Store } from '../../lib/store.js';
import { BadStore } from '../support/bad-store.js';
import type { Opener, OpenStore } from '../support/open-store.js';
import { itHasLocks, itKeepsRecords } from './records.js';
import { itLogsVisitorsIn } from './logins.js';

export interface StoreKind {
  /** Whatever it opens is empty, or has records of other names only. */
  readonly opener: () => Opener;
  /** Other processes see what is in it. Default true. */
  readonly isShared?: boolean;
  /** It has locks of its own. Default false. */
  readonly hasLocks?: boolean;
  /** Whether the store removes expired records itself. Default true. */
  readonly forgets?: boolean;
  /** Characters of the longest value it takes; it says so of a longer one. Default: longer than any here. */
  readonly longestValue?: number;
}

export type Opened = OpenStore & { readonly kind: StoreKind };

/** @param skipped why it cannot be tried here */
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
