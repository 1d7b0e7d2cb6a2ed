/** Lets any number of callers share one piece of work that is under way. */

/**
 * The work is registered before its first await, and JavaScript runs nothing in between; so of two callers
 * with one key exactly one starts it. It is forgotten when it ends, well or badly: the next caller starts anew.
 */
export class SingleFlight<T> {
  private readonly underWay = new Map<string, Promise<T>>();

  /** The work under way for a key, for who must not go on without its outcome. */
  joined(key: string): Promise<T> | undefined {
    return this.underWay.get(key);
  }

  run(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.underWay.get(key);
    if (running) return running;
    const started = (async () => work())().finally(() => this.underWay.delete(key));
    this.underWay.set(key, started);
    return started;
  }
}
