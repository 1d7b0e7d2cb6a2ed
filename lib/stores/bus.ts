/** Carries results between processes: the login may end on another one than holds the client's socket. */

/** Publish and subscribe, as Redis has it. A channel's name and what is sent are text. */
export interface Bus {
  /**
   * May answer how many heard it, as Redis does: 0 means that the other process is gone. A count that is not of all
   * processes, such as a Redis cluster's, must not be answered.
   */
  publish(channel: string, text: string): Promise<unknown>;
  /** Answers how to unsubscribe. */
  subscribe(channel: string, listener: (text: string) => void): Promise<() => unknown>;
}

/** Within one process. */
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
