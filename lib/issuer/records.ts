/** The issuer's records in the store: their keys, so that two issuers on one store never meet. */

import { storeKey } from '../store.js';

export class RecordKeys {
  constructor(private readonly issuerURL: string) {}

  /** What follows `kind` is hashed: a listing of the store's keys shows no token and no code. */
  of(kind: string, ...rest: readonly string[]): string {
    return storeKey(`issuer-${kind}`, '', this.issuerURL, ...rest);
  }
}
