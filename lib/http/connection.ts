/** One HTTP/1.1 connection to an instance, with one request at a time. It uses a client of undici. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import type * as Undici from 'undici';
import { MastodonError } from '../errors.js';
import type { HttpRequest, HttpResponse } from './answer.js';

/** How long an idle connection is kept. Servers rarely close one within this time. Milliseconds. */
const keepIdleMs = 2000;

/** Subtracted from the server's `Keep-Alive` time, because the next request takes time to arrive. Milliseconds. */
const keepAliveMarginMs = 1000;

/** Maximum bytes besides the body: headers, interim responses, chunk framing. */
const maxOverheadBytes = 65_536;

const maxInterim = 256;

/**
 * Each chunk costs as much memory as some hundred bytes. A few small chunks are normal, a body of small chunks is an
 * attack.
 */
const [freeChunks, bytesPerChunk] = [1024, 64];

/**
 * How to decompress the content encodings that are accepted. Brotli is not, because a stream of a few hundred bytes can
 * require a window of 16 MiB.
 */
const encodings = new Map<string, typeof gunzipSync | undefined>([
  ['', undefined],
  ['identity', undefined],
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
]);

const utf8 = new TextDecoder('utf-8', { fatal: true });

let loaded: typeof Undici | undefined;

/**
 * Loads undici at the first request, by its file. Under Bun the bare name is Bun's own module, and `import()` fails in
 * CommonJS Jest.
 */
export function undici(): typeof Undici {
  // Node.js installs the dispatcher of its `fetch` when a global of `fetch` is first read. If undici were loaded first,
  // it would install its own.
  void globalThis.Response;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as said above
  return (loaded ??= require('undici/index.js') as typeof Undici);
}

/** What has arrived for a request. */
interface Arrival {
  readonly maxBytes: number;
  status: number;
  headers: Record<string, string | undefined>;
  encoding: string;
  readonly chunks: Buffer[];
  size: number;
  interim: number;
  /** `bytesRead` of the socket at which the response is too large. Undefined before the request and after the response. */
  mostRead: number | undefined;
  readonly complete: (arrival: Arrival) => void;
  readonly fail: (error: Error) => void;
}

/** A connection, and undici's handler of the response to the current request. */
export class Connection implements Undici.Dispatcher.DispatchHandler {
  /** When the connection first became idle (`performance.now()`). */
  idleSince: number | undefined;
  /** Set once it is open. */
  socket!: Socket;
  private readonly client: Undici.Client;
  private readonly opening = new AbortController();
  /** For the current or last request. */
  private arrival!: Arrival;

  /** @param open opens a socket to the origin, with the first request; the signal aborts the attempt */
  constructor(
    readonly origin: string,
    open: (signal: AbortSignal) => Promise<Socket>,
  ) {
    let isOpening = false;
    this.client = new (undici().Client)(origin, {
      // By itself a client opens another socket where the first was closed. Here the caller decides about that.
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- it catches what may reject
      connect: async (_options, opened) => {
        if (isOpening) return opened(new ClosedConnectionError(), null);
        isOpening = true;
        try {
          this.socket = await open(this.opening.signal);
        } catch (error) {
          return opened(error as Error, null);
        }
        // Added before undici's own listener, because undici skips some unrequested bytes, and counts only bodies.
        this.socket.on('readable', () => {
          const { mostRead } = this.arrival;
          // Without a request, the server has closed the connection, or sends what may forge the next response.
          if (mostRead === undefined) this.socket.destroy();
          else if (this.socket.bytesRead > mostRead) this.destroy(tooLarge());
        });
        opened(null, this.socket);
      },
      keepAliveTimeout: keepIdleMs,
      keepAliveMaxTimeout: keepIdleMs,
      keepAliveTimeoutThreshold: keepAliveMarginMs,
      // The caller handles deadlines.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Sends one request, and never repeats it. The caller sends the next one after the response. */
  async send(path: string, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { maxBytes, ...outgoing } = request;
    const stop = () => this.destroy(new Error('the deadline has passed'));
    signal.addEventListener('abort', stop);
    try {
      const arrived = await new Promise<Arrival>((complete, fail) => {
        this.arrival = {
          ...{ maxBytes, status: 0, headers: {}, encoding: '', chunks: [], size: 0, interim: 0 },
          ...{ mostRead: undefined, complete, fail },
        };
        if (signal.aborted) stop();
        else this.client.dispatch({ path, ...outgoing }, this);
      });
      const { status, headers, encoding, chunks } = arrived;
      // An idle connection keeps no body in memory.
      const body = Buffer.concat(chunks.splice(0));
      const decompress = encodings.get(encoding);
      // The limit also stops the work, because a stream may expand a thousandfold.
      const content = decompress ? decompress(body, { maxOutputLength: maxBytes }) : body;
      return { status, headers, text: utf8.decode(content) };
    } catch (error) {
      // A refused response is not read further.
      this.destroy(error as Error);
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  destroy(error: Error): void {
    this.arrival.fail(error);
    this.opening.abort();
    void this.client.destroy(error);
  }

  /** Called when undici writes the request. Undici recognises the kind of a handler by this method. */
  onRequestStart(): void {
    this.arrival.mostRead = this.socket.bytesRead + this.arrival.maxBytes + maxOverheadBytes;
  }

  onResponseStart(_controller: unknown, status: number, fields: IncomingHttpHeaders): void {
    const { arrival } = this;
    // Undici throws an assertion error for these.
    if (status < 100 || status === 101) throw invalid(`status ${status}`);
    if (status < 200) {
      if (++arrival.interim > maxInterim) throw tooLarge('too many interim responses');
      return;
    }
    arrival.status = status;
    // Of a repeated header, the first value counts.
    for (const [name, value] of Object.entries(fields))
      arrival.headers[name] = typeof value === 'object' ? value[0] : value;
    if (Number(arrival.headers['content-length']) > arrival.maxBytes) throw tooLarge();
    arrival.encoding = (arrival.headers['content-encoding'] ?? '').trim().toLowerCase();
    if (!encodings.has(arrival.encoding)) throw invalid('unknown content encoding');
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    const { arrival } = this;
    arrival.size += chunk.length;
    if (arrival.size > arrival.maxBytes) throw tooLarge();
    if (arrival.chunks.push(chunk) > freeChunks + arrival.size / bytesPerChunk)
      throw tooLarge('the body comes in tiny pieces');
  }

  onResponseEnd(): void {
    this.arrival.mostRead = undefined;
    this.arrival.complete(this.arrival);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    // Undici uses this code for an incomplete body, and for malformed headers with a length.
    const isMalformed = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && this.arrival.status === 0;
    this.arrival.fail(isMalformed ? invalid(code) : error);
  }
}

/**
 * An idle connection was closed before the request was written. Undici checks the connection before it writes, and
 * opens another one for an unwritten request.
 */
export class ClosedConnectionError extends Error {
  readonly code = 'ECONNRESET';
  constructor() {
    super('the connection was closed');
  }
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: why });
}

function tooLarge(why?: string): MastodonError {
  return new MastodonError('response_too_large', { cause: why });
}
