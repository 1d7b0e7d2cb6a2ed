/** Opens connections through the proxy of the site, by CONNECT (RFC 9110, section 9.3.6). */

import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { hostOf } from '../util/url.js';

/** The proxy of `outbound.proxy`. Its credentials are never printed. */
export class Proxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly #authorization: string | undefined;

  constructor(
    address: string,
    /** Trusted certificates for an https proxy. Undefined: those of Node.js. */
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
 * Opens a connection to the host, without TLS to the host.
 * @param signal aborts the attempt, and later closes the connection
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
      // The proxy receives credentials, so its certificate is always checked. Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      // By default Node.js would use the `Host` header as the expected name of the certificate.
      ...(proxy.secure && { servername: isIP(proxy.host) === 0 ? proxy.host : '' }),
      ...(proxy.secure && proxy.secureContext && { secureContext: proxy.secureContext }),
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
