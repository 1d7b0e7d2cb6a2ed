/** A Keyv on Redis, as docs/stores.md shows. */

import KeyvRedis from '@keyv/redis';
import { createClient } from '@redis/client';
import { Keyv } from 'keyv';

export interface RedisKeyv {
  readonly keyv: Keyv;
  close(): Promise<void>;
}

/**
 * Keyv's adapter connects again for a write after its end, such as a write in the background. Once the server is
 * gone, that client would try to connect for ever, and the test run would not end.
 */
export async function closeForGood(
  adapter: { disconnect(force: boolean): Promise<void> },
  client: { connect: unknown },
): Promise<void> {
  await adapter.disconnect(true);
  client.connect = () => Promise.reject(new Error('the store was closed'));
}

/** Its caller listens to its errors. */
export function redisKeyv(url: string, namespace = 'site'): RedisKeyv {
  return keyvOn(new KeyvRedis(createClient({ url }) as never), namespace);
}

/** With the adapter's own client, which assigns responses to the wrong requests after a restart of Redis. */
export function miscountingRedisKeyv(url: string): RedisKeyv {
  return keyvOn(new KeyvRedis(url), 'site');
}

function keyvOn(adapter: KeyvRedis<unknown>, namespace: string): RedisKeyv {
  const keyv = new Keyv({ store: adapter, namespace, useKeyPrefix: false });
  // Without a listener a lost connection would end the process.
  keyv.on('error', () => undefined);
  return { keyv, close: () => closeForGood(adapter, adapter.client) };
}
