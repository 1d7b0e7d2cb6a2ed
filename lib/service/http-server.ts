/** The HTTP server of the service, with time limits for slow clients and connection limits for each address. */

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { parseClientAddress } from '../util/client-address.js';
import { Quota } from '../util/quota.js';
import type { Config } from './config.js';

export interface ConnectionLimits {
  /** Connections in all, WebSockets included. */
  readonly inAll: number;
  /** Connections of one public address, for IPv6 of one /64. */
  readonly perAddress: number;
}

/** Time limits. Milliseconds. */
const deadlineDefaults = {
  /** For the TLS handshake, and again for the headers of a request. */
  headMs: 10_000,
  /** For a whole request. */
  requestMs: 20_000,
  /** For a client that neither reads nor writes. */
  idleMs: 60_000,
};

/**
 * For a connection without a request. Milliseconds. Load balancers keep connections for 60 seconds (nginx, AWS); a server that
 * closes one at the moment at which it receives the next request makes them answer 502.
 */
const keepAliveMs = 65_000;

export type Deadlines = typeof deadlineDefaults;

export function createHTTPServer(
  tls: Config['tls'],
  limits: ConnectionLimits,
  answer: RequestListener,
  { headMs, requestMs, idleMs }: Deadlines = deadlineDefaults,
): Server {
  const options = {
    headersTimeout: headMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // How often Node.js checks both time limits.
    connectionsCheckingInterval: Math.ceil(headMs / 5),
  };
  const server: Server = tls
    ? createSecureServer({ ...options, ...tls, handshakeTimeout: headMs }, answer)
    : createServer(options, answer);
  // WebSockets have a heartbeat instead: ws takes this time limit off.
  server.timeout = idleMs;
  server.maxConnections = limits.inAll;
  const quota = new Quota(limits.perAddress);
  server.on('connection', (socket: Socket) => {
    const address = parseClientAddress(socket.remoteAddress ?? '');
    if (!quota.hasRoom(address)) return socket.destroy();
    quota.add(address);
    socket.once('close', () => quota.remove(address));
  });
  return server;
}
