/**
 * Logins for programs that are not web sites: a client waits on a WebSocket while its user logs in with a browser.
 * Needs the package ws, which is loaded with this file only.
 */

// To TypeScript from version 6, no types are there that nobody names.
/// <reference types="node" preserve="true" />

import './needs-ws.js';
import type { Server } from 'node:http';
import { addressesBelow } from '../login/door.js';
import { MastodonLogin } from '../login/login.js';
import { digest } from '../util/digest.js';
import { Store } from '../store.js';
import { Conversation } from './conversation.js';
import { BrowserCookies } from './cookies.js';
import { BridgeHints } from './hints.js';
import { bridgeChecks, readBridgeOptions, type BridgeOptions } from './options.js';
import { Requests } from './requests.js';
import { Pages, type Router } from './router.js';
import { Sockets } from './server.js';

export { redisBus } from '../stores/redis-bus.js';
export { limitDefaults } from './options.js';
export type { Bus } from '../stores/bus.js';
export type { RedisPublisher, RedisSubscriber } from '../stores/node-redis.js';
export type { Account, BridgeErrorCode } from './messages.js';
export type { BridgeLimits, BridgeLog, BridgeOptions } from './options.js';
export type { Router } from './router.js';

/** What is mounted on a server, and how it is ended. */
export interface Bridge {
  /**
   * Serves `/auth/:id`, `/callback/:instance` and `/client/:instance` below `publicURL`; anything else is `next`'s, or 404.
   */
  readonly router: Router;
  /** Takes WebSocket upgrades of this server at `path`, and leaves other paths alone. */
  attach(server: Server): void;
  /** Connections, and logins that are waiting, in this process. */
  status(): { readonly sockets: number; readonly pending: number };
  /** Tells every client and ends its connection. Resolves when all are gone, after two seconds at most. */
  close(): Promise<void>;
}

/**
 * The other end of the clients' WebSockets, and the pages on which their users log in.
 * @throws TypeError that names the option at fault
 */
export function createBridge(options: BridgeOptions): Bridge {
  const settings = readBridgeOptions(options);
  const { clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances } = options;
  const { publicURL, store: backend, bus, limits } = settings;

  const store = new Store(backend, outbound?.timeoutMs ?? 10_000);
  // Not the address, which may differ between processes of one service.
  const audience = digest(JSON.stringify([clientName, website, scope]));
  const requests = new Requests(store, bus, limits.requestTtlMs, audience);
  const shared = { clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances };
  const login = new MastodonLogin(
    {
      ...shared,
      ...addressesBelow(publicURL),
      store: options.store,
      // By default the bridge warns of what fails, once.
      log: options.log,
    },
    bridgeChecks,
  );
  const hints = new BridgeHints(publicURL);
  const sockets = new Sockets(settings, new Conversation(settings, login, requests, hints));
  const pages = new Pages(settings, login, requests, new BrowserCookies(publicURL), hints);
  return {
    router: pages.router,
    attach: (server) => sockets.attach(server),
    status: () => ({ sockets: sockets.size, pending: requests.size }),
    async close() {
      await sockets.close();
      await requests.close();
    },
  };
}
