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
  private readonly developmentOrigins: ReadonlySet<string>;
  private readonly lookups: {
    readonly public: LookupFunction;
    readonly private: LookupFunction;
    readonly development: LookupFunction | undefined;
  };
  private readonly privateOrigins: ReadonlySet<string>;
  private readonly proxy: Proxy | undefined;
  private readonly secureContext: tls.SecureContext | undefined;
  private connector: buildConnector.connector | undefined;

  constructor({ developmentOrigins, outbound }: Pick<Settings, 'developmentOrigins' | 'outbound'>) {
    const { ca, lookup, proxy } = outbound;
    this.developmentOrigins = developmentOrigins;
    this.lookups = {
      public: publicLookup(lookup),
      private: privateLookup(lookup),
      development: lookup && uncheckedLookup(lookup),
    };
    this.privateOrigins = outbound.privateOrigins;
    // Created once, because loading all root certificates takes longer than a handshake.
    this.secureContext =
      ca === undefined
        ? undefined
        : tls.createSecureContext({ ca: [...tls.rootCertificates, ...listOf(ca)] });
    this.proxy = proxy === undefined ? undefined : new Proxy(proxy, this.secureContext);
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
    // Some servers close idle connections without notice (snac, over plain http).
    if (!isGet && url.protocol === 'http:') this.closeIdle(url.origin);
    const kept = this.takeIdle(url.origin);
    if (!kept) return this.sendOn(this.open(url), url, outgoing, signal);
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
    this.keep(connection);
    return reply;
  }

  private takeIdle(origin: string): Connection | undefined {
    const connection = this.idle.findLast((one) => one.origin === origin && !one.isOver);
    if (connection) this.forget(connection);
    return connection;
  }

  private keep(connection: Connection): void {
    if (connection.isOver) return;
    const now = performance.now();
    connection.idleSince ??= now;
    const others = this.idle.filter(({ origin }) => origin === connection.origin);
    const isTooOld = now - connection.idleSince > maxAgeMs;
    if (others.length >= maxIdlePerOrigin || isTooOld) return this.close(connection);
    this.idle = [...this.idle, connection];
    const [oldest] = this.idle;
    if (oldest && this.idle.length > maxIdle) this.close(oldest);
  }

  private forget(connection: Connection): void {
    this.idle = this.idle.filter((one) => one !== connection);
  }

  private close(connection: Connection): void {
    this.forget(connection);
    connection.destroy(new Error('not kept any longer'));
  }

  private closeIdle(origin: string): void {
    for (const one of this.idle) if (one.origin === origin) this.close(one);
  }

  /** A connection that is opened by its first request. */
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
    const { developmentOrigins, privateOrigins, lookups, proxy } = this;
    const listed = privateOrigins.has(url.origin) ? lookups.private : lookups.development;
    const lookup = developmentOrigins.has(url.origin) ? listed : lookups.public;
    const socket = proxy
      ? await openTunnel(proxy, host, port, signal)
      : await openDirect(host, port, lookup, signal);
    return isSecure ? this.secure(socket, url) : socket;
  }

  private secure(httpSocket: Socket, url: URL): Promise<Socket> {
    this.connector ??= undici().buildConnector({
      ...(this.secureContext && { secureContext: this.secureContext }),
      // Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      // The deadline of the request also limits the connection attempt.
      timeout: 0,
      keepAlive: false,
    });
    const { host, protocol, port } = url;
    const target = { hostname: hostOf(url), host, protocol, port, httpSocket };
    return new Promise((resolve, reject) => {
      httpSocket.once('close', () => reject(new Error('the connection was closed during the TLS handshake')));
      this.connector?.(target, (error, socket) => (socket ? resolve(socket) : reject(error as Error)));
    });
  }
}

/** Opens a socket without a proxy. The lookup checks the addresses. */
function openDirect(
  host: string,
  port: number,
  lookup: LookupFunction | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host, port, signal, noDelay: true, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
      ...(lookup && { lookup }),
    });
    socket.once('connect', () => resolve(socket)).on('error', reject);
  });
}

function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? (one as readonly T[]) : [one as T];
}
