/** One request and its answer, within the limits of time and size; not yet judged. */

import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { MastodonError } from '../errors.js';
import { readBody } from './body.js';
import type { Connections } from './connections.js';
import type { Deadline } from './deadline.js';
import { PrivateAddressError } from './lookup.js';
import { hostOf } from '../url.js';

/** What came back, complete and within the limits; not yet judged. */
export interface Answer {
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly contentType: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: string;
  /** Ends the exchange, whatever it is waiting for. */
  readonly deadline: Deadline;
  /** Of the body, counted after decompression. */
  readonly maxBytes: number;
}

/** What an answer may have on the wire beside its body: headers, interim answers, the frames of chunks. */
const maxOverheadBytes = 65_536;

/** @param keep whether the connection may be one kept from before, and is kept afterwards */
export function exchange(
  connections: Connections,
  url: URL,
  outgoing: Outgoing,
  lookup: LookupFunction | undefined,
  keep = true,
): Promise<Answer> {
  const secure = url.protocol === 'https:';
  const { method, headers, deadline, maxBytes } = outgoing;
  return new Promise((resolve, reject) => {
    // Node takes the URL itself, too, and a good deal longer for it.
    const request = (secure ? https : http).request({
      method,
      host: hostOf(url),
      port: url.port === '' ? undefined : Number(url.port),
      path: url.pathname + url.search,
      headers,
      agent: connections.agent(secure, keep),
      tunnelDeadline: deadline,
      ...(lookup && { lookup }),
    } as https.RequestOptions);
    deadline.ends(request);
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(request.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnectionError(error) : error);
    });
    // What the body's own limit does not see: interim answers, chunk extensions, compressed nothing.
    request.on('socket', (socket) => {
      let received = 0;
      const count = (bytes: Buffer) => {
        received += bytes.length;
        if (received <= maxBytes + maxOverheadBytes) return;
        reject(new MastodonError('response_too_large'));
        end(request);
      };
      socket.on('data', count);
      request.once('close', () => socket.off('data', count));
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new MastodonError('response_invalid', { cause: new Error('the server changed the protocol') }));
    });
    request.on('response', (response) => {
      readBody(response, maxBytes)
        .then((text) => ({
          status: response.statusCode ?? 0,
          url,
          contentType: response.headers['content-type'] ?? '',
          headers: response.headers,
          text,
        }))
        .then(
          (answer) => {
            resolve(answer);
            // What is compressed may end before its body does; the deadline ends here, and the connection with it.
            if (!response.readableEnded) end(request);
          },
          (error: unknown) => {
            // Whatever was not read is not wanted: the connection goes, and the rest of the body with it.
            end(request);
            reject(error);
          },
        );
    });
    request.end(outgoing.body);
  });
}

/** From Node.js 26 on, a request whose answer has come whole leaves its connection to the agent when it is destroyed. */
function end(request: http.ClientRequest): void {
  // Destroyed already is who has given it back, and then it may be somebody else's.
  if (request.destroyed) return;
  request.destroy();
  request.socket?.destroy();
}

/** A kept connection turned out to be closed before anything came back. */
export class StaleConnectionError extends Error {
  constructor(cause: Error) {
    super('a kept connection was closed', { cause });
  }
}

/** What went wrong with an exchange, without anything of what was sent or received. */
export function exchangeError(error: unknown, timedOut: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (timedOut) return new MastodonError('timeout');
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW')
    return new MastodonError('response_too_large', { cause: new Error(code) });
  // Errors of the HTTP parser hold the bytes that came, which may be a token; so only their code is kept.
  if (/^(HPE_|Z_)/.test(code)) return new MastodonError('response_invalid', { cause: new Error(code) });
  // Certificate errors quote the names in the server's certificate.
  const message = code.startsWith('ERR_TLS_') ? code : (error as Error).message;
  return new MastodonError('instance_unreachable', {
    cause: Object.assign(new Error(message), code && { code }),
  });
}

/** A place that no request goes to. */
export function unreachable(url: URL): MastodonError {
  return new MastodonError('instance_unreachable', { cause: new PrivateAddressError(url.host) });
}
