/** What is remembered of who logged in, for as long as a client may ask. */

import type { Store } from '../store.js';
import { placeholderEmail, type Claims } from './claims.js';
import type { RecordKeys } from './records.js';

export class Accounts {
  constructor(
    private readonly store: Store,
    private readonly keys: RecordKeys,
    /** Longer than any session, and any token of its last moment. Milliseconds. */
    private readonly ttlMs: number,
  ) {}

  /** @throws MastodonError `store_failed` */
  async remember(subject: string, claims: Claims): Promise<void> {
    await this.store.save(this.keys.of('account', subject), { claims }, this.ttlMs);
  }

  /** @throws MastodonError `store_failed` */
  async find(subject: string): Promise<Claims | undefined> {
    const found = (await this.store.read(this.keys.of('account', subject))) as { claims: Claims } | undefined;
    return found?.claims;
  }
}

/** The claims as one client gets them. */
export function claimsFor(
  client: Readonly<Record<string, unknown>>,
  subject: string,
  claims: Claims,
): Claims & { readonly sub: string } {
  const placeholder = client.placeholder_email === true && placeholderEmail(subject);
  return { ...claims, ...placeholder, sub: subject };
}
