/** Connections through the site's own proxy, by CONNECT (RFC 9110, section 9.3.6). */

import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { hostOf } from '../util/url.js';

/** The proxy of `outbound.proxy`. Its credentials are in nothing that is printed. */
export class Proxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly #authorization: string | undefined;

  constructor(
    address: string,
    /** What an https proxy's certificate is held against; Node's own when undefined. */
    readonly secureContext: SecureContext | undefined,
  ) {
    const url = new URL(address);
    this.secure = url.protocol === 'https:';
    this.host = hostOf(url);
    this.port = Number(url.port || (this.secure ? 443 : 80));
    const credentials = [url.username, url.password].map(decodeURIComponent).join(':');
    if (credentials !== ':') this.#authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }

  get headers(): http.OutgoingHttpHeaders {
    return this.#authorization === undefined ? {} : { 'proxy-authorization': this.#authorization };
  }
}

/** For the operator: it is the proxy that has to be looked at, or its rules. */
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
 * Resolves with a connection to the host, as bare as if there were no proxy.
 * @param signal ends the attempt, and later the connection
 */
export function openTunnel(proxy: Proxy, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.secure ? https : http).request({
      method: 'CONNECT',
      host: proxy.host,
      port: proxy.port,
      path: authority,
      headers: { host: authority, ...proxy.headers },
      agent: false,
      signal,
      // It is told its credentials: its certificate is looked at, whatever the environment says.
      rejectUnauthorized: true,
      // Else the host header would name the server whose certificate is expected.
      ...(proxy.secure && { servername: isIP(proxy.host) === 0 ? proxy.host : '' }),
      ...(proxy.secure && proxy.secureContext && { secureContext: proxy.secureContext }),
    } as https.RequestOptions);
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(new ProxyError(`the proxy cannot be reached, or breaks off: ${error.code ?? error.name}`));
    });
    // Comes for every final status; only a success means a tunnel.
    request.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      const isOpen = statusCode >= 200 && statusCode <= 299;
      // Neither TLS nor HTTP lets the server speak first.
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
