/** A Keyv on Redis, as docs/stores.md has it. */

import KeyvRedis from '@keyv/redis';
import { createClient } from '@redis/client';
import { Keyv } from 'keyv';

export interface RedisKeyv {
  readonly keyv: Keyv;
  close(): Promise<void>;
}

/** Its caller listens to its errors. */
export function redisKeyv(url: string, namespace = 'site'): RedisKeyv {
  return keyvOn(new KeyvRedis(createClient({ url }) as never), namespace);
}

/** With the client that the adapter brings: its answers may come to who asked for others, once Redis was restarted. */
export function miscountingRedisKeyv(url: string): RedisKeyv {
  return keyvOn(new KeyvRedis(url), 'site');
}

function keyvOn(adapter: KeyvRedis<unknown>, namespace: string): RedisKeyv {
  const keyv = new Keyv({ store: adapter, namespace, useKeyPrefix: false });
  // Without a listener a lost connection would end the process.
  keyv.on('error', () => undefined);
  return { keyv, close: () => adapter.disconnect(true) };
}
