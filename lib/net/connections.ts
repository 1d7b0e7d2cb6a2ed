/** The connections that requests use: kept ones, fresh ones, and their way through the site's proxy. */

import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { OutboundSettings } from '../options.js';
import type { Deadline } from './deadline.js';
import { IdleConnections } from './idle.js';
import { openTunnel, Proxy } from './tunnel.js';
import { hostOf } from '../url.js';

/** Short enough that a server has hardly ever closed a connection which is used again. Milliseconds. */
const keepIdleMs = 2000;

/**
 * Of one instance. Twice as many as there are logins under way at it: the next request of a login is sent before the last
 * one's connection is free again.
 */
const maxFreeSockets = 32;

export class Connections {
  /** Made once: reading all the roots takes far longer than a handshake. */
  readonly secureContext: tls.SecureContext | undefined;
  private readonly kept: { readonly http: http.Agent; readonly https: https.Agent };
  private readonly fresh: { readonly http: http.Agent; readonly https: https.Agent };

  constructor({ ca, proxy }: Pick<OutboundSettings, 'ca' | 'proxy'>) {
    this.secureContext = ca === undefined ? undefined : tls.createSecureContext({ ca: withDefaultRoots(ca) });
    const idle = new IdleConnections();
    // With the agent once, and not copied with each request. Certificates are looked at, whatever the environment says.
    const connect = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 };
    const secure = { ...connect, rejectUnauthorized: true, secureContext: this.secureContext };
    const keep = { keepAlive: true, timeout: keepIdleMs, maxFreeSockets, scheduling: 'lifo' as const };
    this.kept = {
      http: idle.watch(new http.Agent({ ...connect, ...keep })),
      https: idle.watch(new https.Agent({ ...secure, ...keep })),
    };
    this.fresh = { http: new http.Agent(connect), https: new https.Agent(secure) };
    if (proxy === undefined) return;
    const through = new Proxy(proxy, this.secureContext);
    for (const agents of [this.kept, this.fresh]) {
      tunnelled(agents.http, through);
      tunnelled(agents.https, through);
    }
  }

  agent(secure: boolean, keep: boolean): http.Agent {
    const agents = keep ? this.kept : this.fresh;
    return secure ? agents.https : agents.http;
  }

  /**
   * Some servers close kept connections without a word (snac over plain http). A GET survives that by its
   * second try; a POST has none, so it opens a connection of its own, which is then kept for what follows.
   */
  dropIdle(url: URL): void {
    const agent = this.kept.http;
    const name = agent.getName({ host: hostOf(url), port: Number(url.port || 80) });
    for (const socket of agent.freeSockets[name] ?? []) socket.destroy();
  }
}

/** What a connection is opened with, beside what Node wants to know. */
interface ConnectOptions extends http.ClientRequestArgs {
  /** Ends the opening of a tunnel with the exchange that it is for. */
  readonly tunnelDeadline?: Deadline;
}

/** Every connection of the agent begins with a CONNECT; TLS to the instance is made inside of it. */
function tunnelled(agent: http.Agent, proxy: Proxy): void {
  const connect = agent.createConnection.bind(agent);
  const isSecure = agent instanceof https.Agent;
  agent.createConnection = (options: ConnectOptions, callback) => {
    openTunnel(proxy, String(options.host), Number(options.port), options.tunnelDeadline)
      .then((socket): Duplex => {
        const through = { ...options, socket };
        return isSecure ? (connect(through) as Duplex) : socket;
      })
      .then(
        (socket) => callback?.(null, socket),
        // Without a socket; the types know of no failure.
        (error: Error) => callback?.(error, undefined as unknown as Duplex),
      );
    return undefined;
  };
}

function withDefaultRoots(extra: NonNullable<OutboundSettings['ca']>): Array<string | Buffer> {
  return [
    ...tls.rootCertificates,
    ...(Array.isArray(extra) ? (extra as Array<string | Buffer>) : [extra as string]),
  ];
}
