/** The bus of a bridge: it carries a result to the process that holds the client's socket. */

/** Publish and subscribe, as in Redis. */
export interface Bus {
  /**
   * Sends text to all subscribers of a channel. It may resolve to their number, as in Redis: 0 means that the other
   * process is gone. A number that does not count all processes, such as a Redis Cluster's, must not be returned.
   */
  publish(channel: string, text: string): Promise<unknown>;
  /** Resolves to a function that ends the subscription. */
  subscribe(channel: string, listener: (text: string) => void): Promise<() => unknown>;
}

/** A bus within one process. */
export function localBus(): Bus {
  const channels = new Map<string, Set<(text: string) => void>>();
  return {
    async publish(channel, text) {
      const listeners = channels.get(channel);
      for (const listener of listeners ?? []) listener(text);
      return listeners?.size ?? 0;
    },
    async subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) channels.delete(channel);
      };
    },
  };
}
