/** Ends tokens and sessions early: those of a grant, of a session, of a person at one client, or of a person. */

import { randomUUID } from 'node:crypto';
import type { IssuerStore } from './store.js';

/** Whose tokens and sessions end. Also the name of the record. */
export type EndingName = Readonly<
  | ['GrantEnded', grantId: string]
  | ['SessionEnded', uid: string]
  | ['ClientEnded', accountId: string, clientId: string]
  | ['PersonEnded', accountId: string]
>;

/**
 * A token or a session is saved with the generations of its names and is good while they are current. An end begins a new
 * generation. So nothing has to be listed, and a slow request cannot bring an ended one back.
 */
export class Endings {
  /** @param ttlMs longer than any token or session lives */
  constructor(
    private readonly store: IssuerStore,
    private readonly ttlMs: number,
  ) {}

  /** @throws MastodonError `store_failed` */
  async end(name: EndingName): Promise<void> {
    await this.store.set(name, { generation: randomUUID() }, this.ttlMs);
  }

  /**
   * The current generation; empty before the first end.
   * @throws MastodonError `store_failed`
   */
  async generationOf(name: EndingName): Promise<string> {
    return (await this.store.get<{ generation: string }>(name))?.generation ?? '';
  }
}

/** An expired generation lived longer than anything of an earlier one. */
export function isCurrent(saved: string | undefined, current: string): boolean {
  return current === '' || current === saved;
}
