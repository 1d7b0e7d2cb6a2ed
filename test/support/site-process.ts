/** One process of a site that runs in several, on one store. Its settings come as JSON; it sends its origin. */

import { processSettings, serveParent } from './child-process.js';
import { openStore, type Opener } from './open-store.js';
import { startSite } from './site.js';
import { StoredSessions } from './stored-sessions.js';

interface Settings {
  readonly store: Opener;
  /** The store of the sessions. Default: the same as `store`. */
  readonly sessions?: Opener;
  readonly callbackURL: string;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
}

async function main(): Promise<void> {
  const { settings, backend } = await processSettings<Settings>();
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
  serveParent(site.origin, () => {
    site.errors.length = 0;
    return { verified: site.verified.splice(0).length };
  });
}

void main();
