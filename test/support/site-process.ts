/** One process of a site that runs in several, on one Redis. Its settings come as JSON; it tells its origin. */

import { KeyvSessions, redisKeyv } from './redis-keyv.js';
import { startSite } from './site.js';

interface Settings {
  readonly redis: string;
  readonly callbackURL: string;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
}

async function main(): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '') as Settings;
  const { keyv } = redisKeyv(settings.redis);
  const site = await startSite({
    instances: settings.instances,
    options: {
      callbackURL: settings.callbackURL,
      store: keyv,
      outbound: { timeoutMs: settings.timeoutMs ?? 30_000, startTimeoutMs: 60_000 },
    },
    session: { store: new KeyvSessions(keyv) },
  });
  process.on('message', (message) => {
    if (message !== 'report') return;
    site.errors.length = 0;
    process.send?.({ verified: site.verified.splice(0).length, memory: memory() });
  });
  // Whoever started this process has gone.
  process.on('disconnect', () => process.exit());
  process.send?.({ origin: site.origin });
}

/** Bytes in use, once what is garbage has been collected (where node runs with --expose-gc). */
function memory(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

void main();
