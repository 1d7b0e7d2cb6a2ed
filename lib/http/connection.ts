/** One HTTP/1.1 connection to an instance, with one request at a time. It uses a client of undici. */

import type { Socket } from 'node:net';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import type * as Undici from 'undici';
import { MastodonError } from '../errors.js';
import type { Headers, HttpRequest, HttpResponse } from './answer.js';

/** How long an idle connection is kept. Servers rarely close one within this time. Milliseconds. */
const keepIdleMs = 2000;

/** Subtracted from the server's `Keep-Alive` time, because the next request takes time to arrive. Milliseconds. */
const keepAliveMarginMs = 1000;

/** Opens a socket to the origin. The signal aborts the attempt. */
export type Open = (signal: AbortSignal) => Promise<Socket>;

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

export class Connection {
  /** When the connection first became idle (`performance.now()`). */
  idleSince: number | undefined;
  private readonly client: Undici.Client;
  private readonly opening = new AbortController();
  private isOpening = false;
  private socket: Socket | undefined;
  private reading: ResponseReader | undefined;
  /** Bytes received before the current request. */
  private readBefore = 0;
  private isEnded = false;

  /** @param closed called when the connection is closed, also while it is idle */
  constructor(
    readonly origin: string,
    open: Open,
    closed: (connection: Connection) => void,
  ) {
    this.client = new (undici().Client)(origin, {
      // By itself a client opens another socket where the first was closed. Here the caller decides about that.
      connect: (_options, opened) => {
        if (this.isOpening) return opened(new ClosedConnectionError(), null);
        this.isOpening = true;
        open(this.opening.signal).then(
          (socket) => {
            this.socket = socket;
            // Before undici listens, which skips some bytes that nothing was requested for, and counts only bodies.
            socket.on('readable', () => this.countBytes(socket));
            opened(null, socket);
          },
          (error: Error) => opened(error, null),
        );
      },
      keepAliveTimeout: keepIdleMs,
      keepAliveMaxTimeout: keepIdleMs,
      keepAliveTimeoutThreshold: keepAliveMarginMs,
      // The caller handles deadlines.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.client.once('disconnect', () => closed(this));
  }

  /** Whether the connection accepts no further request. */
  get isOver(): boolean {
    return this.isEnded || this.socket?.destroyed === true;
  }

  /** Sends one request, and never repeats it. The caller sends the next one after the response. */
  send(path: string, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { method, headers, body, maxBytes } = request;
    return new Promise((resolve, reject) => {
      const stop = () => this.destroy(new Error('the deadline has passed'));
      const reading = new ResponseReader(maxBytes, (error, response) => {
        signal.removeEventListener('abort', stop);
        this.reading = undefined;
        // A compressed body may end before the response does. A refused response is not read further.
        if (error || !reading.isRead)
          this.destroy(error ?? new Error('the body has ended before the response'));
        if (response) resolve(response);
        else reject(error ?? new Error('no response'));
      });
      this.reading = reading;
      this.readBefore = this.socket?.bytesRead ?? 0;
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      this.client.dispatch({ method, path, headers, body: body ?? null }, reading);
    });
  }

  destroy(error: Error): void {
    this.isEnded = true;
    this.reading?.settle(error);
    this.opening.abort();
    void this.client.destroy(error);
  }

  private countBytes(socket: Socket): void {
    const { reading } = this;
    // Bytes without a request may keep the connection open, or forge the next response.
    if (!reading || reading.isRead) socket.destroy();
    else if (socket.bytesRead - this.readBefore > reading.maxBytes + maxOverheadBytes)
      reading.settle(tooLarge());
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

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Brotli is not accepted, because a stream of a few hundred bytes can require a window of 16 MiB. */
const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Maximum bytes besides the body: headers, interim responses, chunk framing. */
const maxOverheadBytes = 65_536;

const maxInterim = 256;

/**
 * Each chunk costs as much memory as some hundred bytes. A few small chunks are normal, a body of small chunks is an
 * attack.
 */
const [freePieces, bytesPerPiece] = [1024, 64];

class ResponseReader implements Undici.Dispatcher.DispatchHandler {
  /** Whether the response was read to its end. */
  isRead = false;
  private status = 0;
  private headers: Headers = {};
  private decoder: Gunzip | Inflate | undefined;
  private body = Buffer.alloc(0);
  private size = 0;
  private interim = 0;
  private pieces = 0;
  private received = 0;
  private isSettled = false;

  /**
   * @param maxBytes maximum size of the body
   * @param settled called once, with an error or the response
   */
  constructor(
    readonly maxBytes: number,
    private readonly settled: (error: Error | undefined, response?: HttpResponse) => void,
  ) {}

  /** Undici recognises the kind of a handler by this method. */
  onRequestStart(): void {
    return;
  }

  onResponseStart(_controller: unknown, status: number, fields: Fields): void {
    // Undici throws an assertion error for these.
    if (status < 100 || status === 101) throw invalid(`status ${status}`);
    if (status < 200) {
      if (++this.interim > maxInterim) throw tooLarge('too many interim responses');
      return;
    }
    this.status = status;
    this.headers = combined(fields);
    if (Number(this.headers['content-length']) > this.maxBytes) throw tooLarge();
    const encoding = (this.headers['content-encoding'] ?? '').trim().toLowerCase();
    if (encoding === '' || encoding === 'identity') return;
    if (!Object.hasOwn(decoders, encoding)) throw invalid('unknown content encoding');
    this.decoder = decoders[encoding as keyof typeof decoders]()
      .on('data', (chunk: Buffer) => this.take(chunk))
      .on('end', () => this.finish())
      .on('error', (error) => this.settle(error));
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.received += chunk.length;
    if (++this.pieces > freePieces + this.received / bytesPerPiece)
      throw tooLarge('the body comes in tiny pieces');
    if (this.decoder) this.decoder.write(chunk);
    else this.take(chunk);
  }

  onResponseEnd(): void {
    this.isRead = true;
    if (this.decoder) this.decoder.end();
    else this.finish();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    // Undici uses this code for an incomplete body, and for malformed headers with a length.
    const isMalformed = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && this.status === 0;
    this.settle(isMalformed ? invalid(code) : error);
  }

  /** Copies the chunk, so that it does not keep the socket's whole buffer in memory. */
  private take(chunk: Buffer): void {
    if (this.isSettled) return;
    const size = this.size + chunk.length;
    if (size > this.maxBytes) return this.settle(tooLarge());
    if (size > this.body.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.maxBytes, Math.max(size, 2 * this.body.length)));
      this.body.copy(larger, 0, 0, this.size);
      this.body = larger;
    }
    chunk.copy(this.body, this.size);
    this.size = size;
  }

  private finish(): void {
    const { status, headers } = this;
    let text: string;
    try {
      text = utf8.decode(this.body.subarray(0, this.size));
    } catch {
      return this.settle(invalid('the body is not UTF-8'));
    }
    this.settle(undefined, { status, headers, text });
  }

  settle(error: Error | undefined, response?: HttpResponse): void {
    if (this.isSettled) return;
    this.isSettled = true;
    // Stops the decoder, which could expand its input a thousandfold.
    if (error) this.decoder?.destroy();
    this.settled(error, response);
  }
}

/** Repeated headers of which the first value counts, as in Node.js. The values of other headers are joined. */
const single: ReadonlySet<string> = new Set(['content-length', 'content-type', 'location', 'retry-after']);

function combined(fields: Fields): Headers {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'object') headers[name] = value;
    else headers[name] = single.has(name) ? value[0] : value.join(', ');
  }
  return headers;
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: why });
}

function tooLarge(why?: string): MastodonError {
  return new MastodonError('response_too_large', { cause: why });
}
