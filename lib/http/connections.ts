/** Opens connections to instances, directly or through a proxy, reuses idle ones, and sends requests on them. */

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';
import type { buildConnector } from 'undici';
import type { Settings } from '../options.js';
import { hostOf } from '../util/url.js';
import type { HttpRequest, HttpResponse } from './answer.js';
import { ClosedConnectionError, Connection, undici } from './connection.js';
import { privateLookup, publicLookup, uncheckedLookup } from './addresses.js';

/** Maximum number of idle connections. */
const maxIdle = 128;

/** How long a connection is reused after it first became idle. Milliseconds. */
const maxAgeMs = 60_000;

export class Connections {
  /** Idle connections in the order of use, the latest at the end. */
  private readonly idle = new Set<Connection>();
  private readonly lookups: {
    readonly public: LookupFunction;
    readonly private: LookupFunction;
    readonly development: LookupFunction | undefined;
  };
  private readonly secureContext: tls.SecureContext | undefined;
  private connector: buildConnector.connector | undefined;

  constructor(private readonly settings: Pick<Settings, 'developmentOrigins' | 'outbound'>) {
    const { ca, lookup } = settings.outbound;
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
  }

  /**
   * Sends one request and reads its response.
   *
   * An idle connection may be closed already. Then a GET is repeated once on a new connection. A POST is repeated only
   * if none of it was sent.
   * @param signal aborts the request
   */
  async send(url: URL, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const isGet = request.method === 'GET';
    let kept: Connection | undefined;
    for (const one of this.idle) {
      const isHere = one.origin === url.origin;
      // Some servers close kept connections without notice (snac, over plain http).
      const isUnsafe = isHere && !isGet && url.protocol === 'http:';
      if (isUnsafe || one.socket.destroyed) this.close(one);
      else if (isHere) kept = one;
    }
    for (;;) {
      const connection = kept ?? new Connection(url.origin, (signal) => this.openSocket(url, signal));
      this.idle.delete(connection);
      try {
        const response = await connection.send(url.pathname + url.search, request, signal);
        this.keep(connection);
        return response;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const isStale = kept && (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET');
        if (!isStale || !(isGet || error instanceof ClosedConnectionError)) throw error;
        kept = undefined;
      }
    }
  }

  /** Keeps a connection for the next request, within the limits. */
  private keep(connection: Connection): void {
    if (connection.socket.destroyed) return;
    const now = performance.now();
    connection.idleSince ??= now;
    this.idle.add(connection);
    if (now - connection.idleSince > maxAgeMs) this.close(connection);
    const [oldest] = this.idle;
    if (oldest && this.idle.size > maxIdle) this.close(oldest);
  }

  private close(connection: Connection): void {
    this.idle.delete(connection);
    connection.destroy(new Error('not kept any longer'));
  }

  private async openSocket(url: URL, signal: AbortSignal): Promise<Socket> {
    const isSecure = url.protocol === 'https:';
    const [host, port] = [hostOf(url), Number(url.port || (isSecure ? 443 : 80))];
    const { lookups } = this;
    const { developmentOrigins, outbound } = this.settings;
    const listed = outbound.privateOrigins.has(url.origin) ? lookups.private : lookups.development;
    const lookup = developmentOrigins.has(url.origin) ? listed : lookups.public;
    const httpSocket = outbound.proxy
      ? await openTunnel(new URL(outbound.proxy()), this.secureContext, host, port, signal)
      : // The lookup judges the addresses that are connected to.
        connect({
          ...{ host, port, signal, noDelay: true },
          ...{ autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
          ...(lookup && { lookup }),
        });
    if (httpSocket.connecting) await once(httpSocket, 'connect');
    if (!isSecure) return httpSocket;
    // The signal may end it later, when only the TLS socket has a listener.
    httpSocket.on('error', () => undefined);
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

/** A failure of the proxy, for the operator. */
class ProxyError extends Error {
  readonly code = 'EPROXY';
}

const meanings: Readonly<Record<number, string>> = {
  403: 'it does not allow this host',
  407: 'the credentials in outbound.proxy are missing or wrong',
  502: 'it could not reach the host',
  503: 'it could not reach the host',
  504: 'the host did not answer it in time',
};

/**
 * Opens a connection to the host through the site's proxy, by CONNECT (RFC 9110, section 9.3.6). TLS to the host is the
 * caller's task.
 * @param secureContext trusted certificates for an https proxy. Undefined: those of Node.js.
 * @param signal aborts the attempt, and later closes the connection
 */
function openTunnel(
  proxy: URL,
  secureContext: tls.SecureContext | undefined,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const isSecure = proxy.protocol === 'https:';
  const proxyHost = hostOf(proxy);
  const credentials = [proxy.username, proxy.password].map(decodeURIComponent).join(':');
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).request({
      method: 'CONNECT',
      host: proxyHost,
      port: Number(proxy.port || (isSecure ? 443 : 80)),
      path: authority,
      headers: { host: authority, ...(credentials !== ':' && { 'proxy-authorization': authorization }) },
      agent: false,
      signal,
      // The proxy receives credentials, so its certificate is always checked. Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      // By default Node.js would use the `Host` header as the expected name of the certificate.
      ...(isSecure && { servername: isIP(proxyHost) === 0 ? proxyHost : '' }),
      ...(isSecure && secureContext && { secureContext }),
    } as https.RequestOptions);
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(new ProxyError(`the proxy cannot be reached, or breaks off: ${error.code ?? error.name}`));
    });
    // Emitted for every final status. Only a 2xx status opens a tunnel.
    request.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      const isOpen = statusCode >= 200 && statusCode <= 299;
      // In TLS and HTTP the client sends first.
      socket.on('error', () => undefined);
      if (isOpen && head.length === 0) return resolve(addAbortSignal(signal, socket));
      socket.destroy();
      const meaning = meanings[statusCode];
      return reject(
        new ProxyError(
          isOpen
            ? 'something was sent through the proxy before it was asked for'
            : `the proxy answered CONNECT with ${statusCode}${meaning === undefined ? '' : `: ${meaning}`}`,
        ),
      );
    });
    request.end();
  });
}
