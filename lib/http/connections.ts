/** The connections that requests use: kept ones, fresh ones, and their way through the site's proxy. */

import type { LookupFunction, Socket } from 'node:net';
import tls from 'node:tls';
import type { OutboundSettings } from '../options.js';
import { hostOf } from '../util/url.js';
import { Connection, type Open } from './connection.js';
import type { Deadline } from './deadline.js';
import { IdleConnections } from './idle.js';
import { publicLookup, uncheckedLookup } from './lookup.js';
import { openTunnel, Proxy } from './tunnel.js';
import { connectorWith, type Connector, type Target } from './undici.js';

export class Connections {
  private readonly idle = new IdleConnections();
  /** By whether the origin is one of the site's own development instances: names are resolved otherwise for those. */
  private readonly connectors: { readonly public: Connector; readonly development: Connector };
  private readonly proxy: Proxy | undefined;

  constructor({ ca, lookup, proxy }: Pick<OutboundSettings, 'ca' | 'lookup' | 'proxy'>) {
    // Made once: reading all the roots takes far longer than a handshake.
    const secureContext =
      ca === undefined ? undefined : tls.createSecureContext({ ca: withDefaultRoots(ca) });
    this.connectors = {
      public: connector(secureContext, publicLookup(lookup)),
      development: connector(secureContext, lookup && uncheckedLookup(lookup)),
    };
    this.proxy = proxy === undefined ? undefined : new Proxy(proxy, secureContext);
  }

  /**
   * A connection to the URL's origin, which is open or opens with the first request.
   * @param deadline ends the opening
   * @param reuse whether it may be one that was kept
   */
  to(url: URL, isDevelopment: boolean, deadline: Deadline, reuse: boolean): Connection {
    const kept = reuse ? this.idle.take(url.origin) : undefined;
    if (kept) return kept;
    const connect = isDevelopment ? this.connectors.development : this.connectors.public;
    return new Connection(
      url.origin,
      this.proxy ? through(this.proxy, connect, url, deadline) : direct(connect, url),
    );
  }

  /** For the next request to its origin, where it is good for one. */
  keep(connection: Connection): void {
    this.idle.keep(connection);
  }

  /**
   * Some servers close kept connections without a word (snac over plain http). A GET survives that by its
   * second try; a POST has none, so it opens a connection of its own, which is then kept for what follows.
   */
  dropIdle({ origin }: URL): void {
    this.idle.closeAll(origin);
  }
}

function connector(
  secureContext: tls.SecureContext | undefined,
  lookup: LookupFunction | undefined,
): Connector {
  return connectorWith({
    ...(secureContext && { secureContext }),
    ...(lookup && { lookup }),
    // Certificates are looked at, whatever the environment says.
    rejectUnauthorized: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1000,
    // The deadline of the exchange is the one of its opening, too.
    timeout: 0,
    keepAlive: false,
  });
}

/** Where to, in undici's words. */
function target(url: URL): Target {
  return { hostname: hostOf(url), host: url.host, protocol: url.protocol, port: url.port };
}

function direct(connect: Connector, url: URL): Open {
  return (opened) => connect(target(url), opened);
}

/** The connection begins with a CONNECT; TLS to the instance is made inside of it. */
function through(proxy: Proxy, connect: Connector, url: URL, deadline: Deadline): Open {
  const secure = url.protocol === 'https:';
  const port = Number(url.port || (secure ? 443 : 80));
  return (opened) => {
    let opening: Socket | undefined;
    let isBroken = false;
    openTunnel(proxy, hostOf(url), port, deadline).then(
      (socket) => {
        opening = socket;
        if (isBroken) socket.destroy();
        else if (secure) opening = connect({ ...target(url), httpSocket: socket }, opened);
        else opened(null, socket);
      },
      (error: Error) => opened(error, null),
    );
    return {
      destroy(error) {
        isBroken = true;
        opening?.destroy(error);
      },
    };
  };
}

function withDefaultRoots(extra: NonNullable<OutboundSettings['ca']>): Array<string | Buffer> {
  return [
    ...tls.rootCertificates,
    ...(Array.isArray(extra) ? (extra as Array<string | Buffer>) : [extra as string]),
  ];
}
