/** Opens connections to instances, reuses idle ones, and sends requests on them. */

import { connect, type LookupFunction, type Socket } from 'node:net';
import tls from 'node:tls';
import type { buildConnector } from 'undici';
import type { Settings } from '../options.js';
import { hostOf } from '../util/url.js';
import type { Outgoing, Reply } from './answer.js';
import { ClosedConnectionError, Connection, undici } from './connection.js';
import { privateLookup, publicLookup, uncheckedLookup } from './addresses.js';
import { openTunnel, Proxy } from './tunnel.js';

/** Maximum number of idle connections. */
const maxIdle = 128;

/**
 * Maximum number of idle connections to one instance. It is twice the number of concurrent logins there, because a
 * login's next request may be sent before its last connection is idle.
 */
const maxIdlePerOrigin = 32;

/** How long a connection is reused after it first became idle. Milliseconds. */
const maxAgeMs = 60_000;

export class Connections {
  /** In the order of use, the latest at the end. */
  private idle: readonly Connection[] = [];
  private readonly lookups: {
    readonly public: LookupFunction;
    readonly private: LookupFunction;
    readonly development: LookupFunction | undefined;
  };
  private readonly proxy: Proxy | undefined;
  private readonly secureContext: tls.SecureContext | undefined;
  private connector: buildConnector.connector | undefined;

  constructor(private readonly settings: Pick<Settings, 'developmentOrigins' | 'outbound'>) {
    const { ca, lookup, proxy } = settings.outbound;
    this.lookups = {
      public: publicLookup(lookup),
      private: privateLookup(lookup),
      development: lookup && uncheckedLookup(lookup),
    };
    // Made once: reading all the roots takes far longer than a handshake.
    this.secureContext =
      ca === undefined
        ? undefined
        : tls.createSecureContext({ ca: [...tls.rootCertificates, ...[ca].flat()] });
    this.proxy = proxy === undefined ? undefined : new Proxy(proxy(), this.secureContext);
  }

  /**
   * Sends one request and reads its response.
   *
   * An idle connection may be closed already. Then a GET is repeated once on a new connection. A POST is repeated only
   * if none of it was sent.
   * @param signal aborts the request
   */
  async send(url: URL, outgoing: Outgoing, signal: AbortSignal): Promise<Reply> {
    const isGet = outgoing.method === 'GET';
    // Some servers close kept connections without notice (snac, over plain http).
    if (!isGet && url.protocol === 'http:')
      for (const one of this.idle) if (one.origin === url.origin) this.close(one);
    const kept = this.idle.findLast((one) => one.origin === url.origin && !one.isOver);
    if (!kept) return this.sendOn(this.open(url), url, outgoing, signal);
    this.forget(kept);
    try {
      return await this.sendOn(kept, url, outgoing, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isStale = code === 'ECONNRESET' || code === 'UND_ERR_SOCKET';
      if (!isStale || !(isGet || error instanceof ClosedConnectionError)) throw error;
      return this.sendOn(this.open(url), url, outgoing, signal);
    }
  }

  private async sendOn(
    connection: Connection,
    url: URL,
    outgoing: Outgoing,
    signal: AbortSignal,
  ): Promise<Reply> {
    const reply = await connection.send(url.pathname + url.search, outgoing, signal);
    if (connection.isOver) return reply;
    const now = performance.now();
    connection.idleSince ??= now;
    this.idle = [...this.idle, connection];
    const others = this.idle.filter(({ origin }) => origin === connection.origin);
    const isTooOld = now - connection.idleSince > maxAgeMs;
    if (others.length > maxIdlePerOrigin || isTooOld) this.close(connection);
    const [oldest] = this.idle;
    if (oldest && this.idle.length > maxIdle) this.close(oldest);
    return reply;
  }

  private forget(connection: Connection): void {
    this.idle = this.idle.filter((one) => one !== connection);
  }

  private close(connection: Connection): void {
    this.forget(connection);
    connection.destroy(new Error('not kept any longer'));
  }

  /** A connection that opens with the first request on it. */
  private open(url: URL): Connection {
    return new Connection(
      url.origin,
      (signal) => this.openSocket(url, signal),
      (connection) => this.forget(connection),
    );
  }

  private async openSocket(url: URL, signal: AbortSignal): Promise<Socket> {
    const isSecure = url.protocol === 'https:';
    const [host, port] = [hostOf(url), Number(url.port || (isSecure ? 443 : 80))];
    const { lookups, proxy } = this;
    const { developmentOrigins, outbound } = this.settings;
    const listed = outbound.privateOrigins.has(url.origin) ? lookups.private : lookups.development;
    const lookup = developmentOrigins.has(url.origin) ? listed : lookups.public;
    const httpSocket = proxy
      ? await openTunnel(proxy, host, port, signal)
      : await new Promise<Socket>((resolve, reject) => {
          // The lookup judges the addresses that are connected to.
          const socket = connect({
            ...{ host, port, signal, noDelay: true },
            ...{ autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
            ...(lookup && { lookup }),
          });
          socket.once('connect', () => resolve(socket)).on('error', reject);
        });
    if (!isSecure) return httpSocket;
    this.connector ??= undici().buildConnector({
      ...(this.secureContext && { secureContext: this.secureContext }),
      // Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      // The deadline of the request also limits the connection attempt.
      timeout: 0,
      keepAlive: false,
    });
    const target = { hostname: host, host: url.host, protocol: url.protocol, port: url.port, httpSocket };
    return new Promise((resolve, reject) => {
      httpSocket.once('close', () => reject(new Error('the connection was closed during the TLS handshake')));
      this.connector?.(target, (error, socket) => (socket ? resolve(socket) : reject(error as Error)));
    });
  }
}
