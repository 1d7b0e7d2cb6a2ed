/** What every store is held to: records first, then what is made of them, which is logins. */

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
