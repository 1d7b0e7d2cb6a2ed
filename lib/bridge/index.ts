/**
 * Logins for programs that are not web sites: a program waits on a WebSocket while its user logs in with a browser.
 * Needs the package ws.
 */

// TypeScript from version 6 loads only types that a file names.
/// <reference types="node" preserve="true" />

import './needs-ws.js';
import type { Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { addressesBelow } from '../util/url.js';
import { MastodonLogin } from '../login/login.js';
import type { Router } from '../pages/router.js';
import { digest } from '../util/crypto.js';
import { Store } from '../store.js';
import { BridgeLogins } from './logins.js';
import { bridgeChecks, readBridgeOptions, type BridgeOptions } from './options.js';
import { Requests } from './requests.js';
import { createRouter } from './router.js';
import { closingMs, Sockets } from './sockets.js';

export { limitDefaults } from './options.js';
export type { BridgeEvent } from '../events.js';
export type { Bus } from '../stores/bus.js';
export type { RedisPublisher, RedisSubscriber } from '../stores/redis.js';
export type { Account, BridgeErrorCode } from './protocol.js';
export type { BridgeLimits, BridgeLog, BridgeOptions } from './options.js';
export type { Router } from '../pages/router.js';

/** A running bridge. */
export interface Bridge {
  /**
   * Serves `/auth/:id`, `/callback/:instance/done`, `/client/:instance/metadata` and `/button/:file` below the path of
   * `publicURL`. Leaves other paths to `next`; without `next` it answers them with 404.
   */
  readonly router: Router;
  /**
   * Takes WebSocket upgrades of this server at `path`, and leaves other paths to other listeners. A `WebSocketServer` of ws
   * made with `{ server, path }` refuses all paths but its own: make it with `{ noServer: true }` beside a bridge.
   * @throws TypeError for an Express app
   * @throws Error when another bridge takes the same path of this server, or this one was closed
   */
  attach(server: Server): void;
  /** The number of connections, and of logins that wait, in this process. */
  status(): { readonly sockets: number; readonly pending: number };
  /**
   * Sends every program the error `server_closing`, and ends its connection. Resolves when all connections are closed, after
   * two seconds at most. A second call resolves with the first.
   */
  close(): Promise<void>;
}

/**
 * Creates a bridge: the server of the programs' WebSockets, and the pages on which their users log in.
 * @throws TypeError that names the option at fault
 * @example
 * const bridge = createBridge({ clientName: 'Example', publicURL: 'https://example.com/connect' });
 * app.use('/connect', bridge.router);
 * bridge.attach(server);
 */
export function createBridge(options: BridgeOptions): Bridge {
  const settings = readBridgeOptions(options);
  const { clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances } = options;
  const { publicURL, store: backend, bus, busTimeoutMs, limits } = settings;

  // The store in memory has room for one record of each kind for every pending request.
  const store = new Store(backend, outbound?.timeoutMs ?? 10_000, limits.pendingInAll + 100);
  // Without the public URL, which may differ between processes of one service.
  const audience = digest(JSON.stringify([clientName, website, scope]));
  const requests = new Requests(store, bus, busTimeoutMs, limits.requestTtlMs, audience);
  const login = new MastodonLogin(
    {
      ...{ clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances },
      ...addressesBelow(publicURL),
      store: options.store,
      log: options.log,
    },
    bridgeChecks,
  );
  const sockets = new Sockets(settings, new BridgeLogins(settings, login, requests));
  let closed: Promise<void> | undefined;
  const end = async () => {
    await sockets.close();
    await requests.close();
  };
  return {
    router: createRouter(settings, login, requests),
    attach: (server) => sockets.attach(server),
    status: () => ({ sockets: sockets.size, pending: requests.size }),
    // A store or a bus that does not answer must not keep the application from ending.
    close: () => (closed ??= Promise.race([end(), pause(closingMs, undefined, { ref: false })])),
  };
}
