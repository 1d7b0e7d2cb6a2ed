/** One process of an issuer that runs in several, on one store. Its settings come as JSON; it sends its origin. */

import { createServer } from 'node:http';
import { createIssuer } from '../../lib/issuer/index.js';
import { processSettings, serveParent } from './child-process.js';
import { listenLocally } from './free-port.js';
import type { Opener } from './open-store.js';

interface Settings {
  readonly store: Opener;
  readonly issuerURL: string;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
}

async function main(): Promise<void> {
  const { settings, backend } = await processSettings<Settings>();
  const failures: Record<string, number> = {};
  const issuer = await createIssuer({
    issuerURL: settings.issuerURL,
    clientName: 'An issuer under load',
    clients: [
      {
        client_id: 'shop',
        client_secret: 'the secret of the shop, which is long',
        redirect_uris: ['http://client.localhost:1/callback'],
      },
    ],
    store: backend,
    developmentInstances: settings.instances.map(({ origin }) => origin),
    outbound: { timeoutMs: settings.timeoutMs ?? 30_000, loginTimeoutMs: 60_000 },
    log: (event) => {
      if (event.event !== 'failed') return;
      const { code, error } = event as { code?: string; error?: { code?: string } };
      const name = code ?? error?.code ?? String(error);
      failures[name] = (failures[name] ?? 0) + 1;
    },
  });
  const server = createServer(issuer.router);
  serveParent(`http://127.0.0.1:${await listenLocally(server)}`, () => ({ failures }));
}

void main();
