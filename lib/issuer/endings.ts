/** Ends tokens and sessions before their time: all of a grant, of a person at one client, or of a person. */

import { randomUUID } from 'node:crypto';
import type { IssuerStore, RecordName } from './store.js';

/** Whose tokens and sessions. */
export type EndingName = Readonly<
  ['grant', grantId: string] | ['client', accountId: string, clientId: string] | ['person', accountId: string]
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
    await this.store.set(recordOf(name), { generation: randomUUID() }, this.ttlMs);
  }

  /**
   * The current generation; empty before the first end.
   * @throws MastodonError `store_failed`
   */
  async generationOf(name: EndingName): Promise<string> {
    return (await this.store.get<{ generation: string }>(recordOf(name)))?.generation ?? '';
  }
}

/** An expired generation lived longer than anything of an earlier one. */
export function isCurrent(saved: string | undefined, current: string): boolean {
  return current === '' || current === saved;
}

function recordOf(name: EndingName): RecordName {
  return ['ended', ...name];
}
