/** One process of a site that runs in several, on one store. Its settings come as JSON; it tells its origin. */

import { openStore, type Opener } from './open-store.js';
import { startSite } from './site.js';
import { StoredSessions } from './stored-sessions.js';

interface Settings {
  readonly store: Opener;
  /** Of the sessions. Default: the same as `store`. */
  readonly sessions?: Opener;
  readonly callbackURL: string;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
}

async function main(): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '') as Settings;
  const { backend } = await openStore(settings.store);
  if (!backend) throw new TypeError('processes cannot share what each of them has in memory');
  const sessions = settings.sessions && (await openStore(settings.sessions)).backend;
  const site = await startSite({
    instances: settings.instances,
    options: {
      callbackURL: settings.callbackURL,
      store: backend,
      outbound: { timeoutMs: settings.timeoutMs ?? 30_000, loginTimeoutMs: 60_000 },
    },
    session: { store: new StoredSessions(sessions ?? backend) },
  });
  process.on('message', (message) => {
    if (message !== 'report') return;
    site.errors.length = 0;
    process.send?.({ verified: site.verified.splice(0).length, memory: memory() });
  });
  // The parent process has gone.
  process.on('disconnect', () => process.exit());
  process.send?.({ origin: site.origin });
}

/** Bytes in use, once what is garbage has been collected (where node runs with --expose-gc). */
function memory(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

void main();
