/** Lets any number of callers share one piece of work that is under way. */

import { MastodonError } from '../errors.js';
import type { RequestContext } from './context.js';

/**
 * The work is registered before its first await, so of two callers with one key exactly one starts it. It is forgotten when
 * it ends, well or badly: the next caller starts it anew.
 */
export class SingleFlight<T> {
  private readonly underWay = new Map<string, Promise<T>>();

  /** The work under way for a key, if there is any. */
  joined(key: string): Promise<T> | undefined {
    return this.underWay.get(key);
  }

  /**
   * Starts the work for a key, or joins the work under way. All callers share one result; each gets an error of its own.
   * @param context its deadline ends the caller's wait, and not the work
   * @param work gets a context of its own, with the time of a whole login
   * @throws MastodonError `timeout`; what the work throws
   */
  async join(key: string, context: RequestContext, work: (shared: RequestContext) => Promise<T>): Promise<T> {
    const started = this.run(key, async () => {
      const shared = context.detached();
      try {
        return await work(shared);
      } finally {
        shared.end();
      }
    });
    try {
      return await context.race(started);
    } catch (error) {
      throw error instanceof MastodonError ? error.with({}) : error;
    }
  }

  private run(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.underWay.get(key);
    if (running) return running;
    const started = (async () => work())().finally(() => this.underWay.delete(key));
    this.underWay.set(key, started);
    return started;
  }
}
