/**
 * A process that runs beside others on one store: its settings come as JSON, it sends its origin, and reports on
 * request.
 */

import type { KeyValueStore } from '../../lib/options.js';
import { openStore, type Opener } from './open-store.js';

export async function processSettings<Settings extends { readonly store: Opener }>(): Promise<{
  settings: Settings;
  backend: KeyValueStore;
}> {
  const settings = JSON.parse(process.argv[2] ?? '') as Settings;
  const { backend } = await openStore(settings.store);
  if (!backend) throw new TypeError('processes cannot share what each of them has in memory');
  return { settings, backend };
}

/** @param report answers the parent's question; `memory` is added, in bytes after garbage collection (with --expose-gc) */
export function serveParent(origin: string, report: () => object): void {
  process.on('message', (message) => {
    if (message !== 'report') return;
    const reported = report();
    globalThis.gc?.();
    process.send?.({ ...reported, memory: process.memoryUsage().heapUsed });
  });
  // The program that started this process has ended.
  process.on('disconnect', () => process.exit());
  process.send?.({ origin });
}
