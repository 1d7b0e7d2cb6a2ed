/** A Keyv on Redis, as the README has it. */

import KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';

export interface RedisKeyv {
  readonly keyv: Keyv;
  close(): Promise<void>;
}

/** Its errors are noted by whoever uses it. */
export function redisKeyv(url: string, namespace = 'site'): RedisKeyv {
  const adapter = new KeyvRedis(url);
  const keyv = new Keyv({ store: adapter, namespace, useKeyPrefix: false });
  // Without a listener a lost connection would end the process.
  keyv.on('error', () => undefined);
  return { keyv, close: () => adapter.disconnect(true) };
}
