/** The application's bus, held to what the bridge needs of it: failures without secrets, within a time. */

import { MastodonError } from '../errors.js';
import { withoutDetails } from '../store.js';
import type { Bus } from '../stores/bus.js';

/**
 * Every failure is `store_failed`, and tells of its cause only what kind it is: drivers put a command's arguments, and
 * with them what was to be sent, into their errors.
 */
export function safeBus(bus: Bus, timeoutMs: number): Bus {
  const within = async <T>(operation: () => Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        operation(),
        new Promise<never>((_resolve, reject) => {
          timer = setTimeout(reject, timeoutMs, new DOMException('', 'TimeoutError'));
        }),
      ]);
    } catch (error) {
      throw new MastodonError('store_failed', { cause: withoutDetails(error, 'bus') });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    publish: (channel, text) => within(async () => bus.publish(channel, text)),
    async subscribe(channel, listener) {
      const unsubscribe = await within(async () => bus.subscribe(channel, listener));
      // A close has nothing to mend, and goes on.
      return () => within(async () => unsubscribe()).catch(() => undefined);
    },
  };
}
