/** What every request to an instance needs: a deadline, the site's `allowInstance`, and the limits on third parties. */

import type { Settings } from '../options.js';

export interface ContextOptions {
  /** Milliseconds until the work of this context has to be over. */
  readonly timeoutMs: number;
  /**
   * Host that the visitor typed (or, in the second half of a login, the one that was typed for it). Requests to hosts of
   * another domain are counted as referred by it.
   */
  readonly typed?: string | undefined;
}

export class RequestContext {
  constructor(
    readonly settings: Settings,
    readonly options: ContextOptions,
  ) {}

  /** Aborted at the deadline, and by `end`. */
  get signal(): AbortSignal {
    throw new Error('not yet');
  }

  get remainingMs(): number {
    throw new Error('not yet');
  }

  /** @throws MastodonError `timeout` once the deadline has passed */
  throwIfOver(): void {
    throw new Error('not yet');
  }

  /** The result of work that may go on without this caller. @throws MastodonError `timeout` at the deadline */
  race<T>(_work: PromiseLike<T>): Promise<T> {
    throw new Error('not yet');
  }

  /** Asks the site, once for each host. @throws MastodonError `instance_not_allowed`; what `allowInstance` throws */
  assertAllowed(_host: string): Promise<void> {
    throw new Error('not yet');
  }

  /** Requests to this host do not count as referred: a login was finished there. */
  exempt(_host: string): void {
    throw new Error('not yet');
  }

  /** Ends the timer, and what is still under way. */
  end(): void {
    throw new Error('not yet');
  }
}
