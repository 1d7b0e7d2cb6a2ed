/**
 * Logins for programs that are not web sites: a client waits on a WebSocket while its user logs in with a browser.
 * Needs the package ws, which is loaded with this file only.
 */

import type { Server } from 'node:http';
import { MastodonStrategy } from '../strategy.js';
import { Store } from '../store.js';
import type { VerifyFunctionWithParams } from '../verify.js';
import { Conversation } from './conversation.js';
import { BrowserCookies } from './cookies.js';
import { readBridgeOptions, type BridgeOptions } from './options.js';
import { Requests } from './requests.js';
import { Pages, type Router } from './router.js';
import { Sockets } from './server.js';
import { CookieStateStore } from './state-store.js';

export { redisBus } from '../stores/redis-bus.js';
export { limitDefaults } from './options.js';
export type { Bus } from '../stores/bus.js';
export type { RedisPublisher, RedisSubscriber } from '../stores/redis-bus.js';
export type { Account, BridgeErrorCode } from './messages.js';
export type { BridgeLimits, BridgeLog, BridgeOptions } from './options.js';
export type { Router } from './router.js';

export interface Bridge {
  /** Serves `/auth/:id` and `/callback/:instance` below `publicURL`; anything else is `next`'s, or 404. */
  readonly router: Router;
  /** Takes WebSocket upgrades of this server at `path`, and leaves other paths alone. */
  attach(server: Server): void;
  /** Connections, and logins that are waiting, in this process. */
  status(): { readonly sockets: number; readonly pending: number };
  /** Tells every client and ends its connection. Resolves when all are gone, after two seconds at most. */
  close(): Promise<void>;
}

/** @throws TypeError that names the option at fault */
export function createBridge(options: BridgeOptions): Bridge {
  const settings = readBridgeOptions(options);
  const { clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances } = options;
  const { publicURL, store: backend, bus, limits } = settings;

  const store = new Store(backend, outbound?.timeoutMs ?? 10_000);
  const requests = new Requests(store, bus, limits.requestTtlMs);
  const cookies = new BrowserCookies(publicURL);
  const states = new CookieStateStore(store, requests, cookies);
  const strategy = new MastodonStrategy(
    {
      ...{ clientName, website, scope, userAgent, allowInstance, outbound, developmentInstances },
      callbackURL: `${publicURL}/callback`,
      store: options.store,
      stateStore: states,
    },
    acceptEveryone,
  );
  const sockets = new Sockets(settings, new Conversation(settings, strategy, requests));
  const pages = new Pages(settings, strategy, requests, states, cookies);
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

/** More than all scopes of any server together. */
const maxScopeLength = 2000;

/** The token is for the client that waits: nobody is looked up, and nobody is logged in here. */
const acceptEveryone: VerifyFunctionWithParams = (token, _refreshToken, params, profile, done) => {
  const scope = typeof params.scope === 'string' ? params.scope.slice(0, maxScopeLength) : undefined;
  done(null, { token, scope, profile });
};
