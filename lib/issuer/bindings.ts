/** Which browser an authorization request belongs to, and how its last try to log in ended. */

import { digest } from '../util/digest.js';
import { type Store } from '../store.js';
import type { RecordKeys } from './records.js';

export interface Refusal {
  /** Fit to be shown to the visitor. */
  readonly message: string;
  readonly typed?: string;
}

export interface Binding {
  /** Digest of the browser's key, so that the store alone is no use for going on in its place. */
  readonly browser: string;
  readonly refusal?: Refusal;
}

/**
 * The library knows a request by cookies with a path of their own, which another host of the domain could plant; the
 * browser's key it could not.
 */
export class Bindings {
  constructor(
    private readonly store: Store,
    private readonly keys: RecordKeys,
    private readonly ttlMs: number,
  ) {}

  /** @throws MastodonError `store_failed` */
  async bind(uid: string, browserKey: string, refusal?: Refusal): Promise<void> {
    const binding: Binding = { browser: digest(browserKey), ...(refusal && { refusal }) };
    await this.store.save(this.keys.of('browser', uid), binding, this.ttlMs);
  }

  /**
   * The binding, if it is this browser's.
   * @throws MastodonError `store_failed`
   */
  async find(uid: string, browserKey: string | undefined): Promise<Binding | undefined> {
    if (browserKey === undefined) return undefined;
    const binding = (await this.store.read(this.keys.of('browser', uid))) as Binding | undefined;
    return binding?.browser === digest(browserKey) ? binding : undefined;
  }
}
