/** One connection to an instance, on which one request follows another, by the HTTP/1.1 client of undici. */

import type { Socket } from 'node:net';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import type * as Undici from 'undici';
import { MastodonError } from '../errors.js';
import type { Headers, Outgoing, Reply } from './answer.js';

/** How long a connection is kept without a request: servers hardly ever close one by then. Milliseconds. */
const keepIdleMs = 2000;

/** A server's own `Keep-Alive` counts, but for a second in which the next request may be on its way. Milliseconds. */
const keepAliveMarginMs = 1000;

/** Opens a socket to the origin; the signal ends the attempt. */
export type Open = (signal: AbortSignal) => Promise<Socket>;

let loaded: typeof Undici | undefined;

/**
 * Undici, loaded at the first request. By its file: under Bun the bare name is Bun's own module, and `import()` fails in
 * CommonJS Jest.
 */
export function undici(): typeof Undici {
  // Node.js installs the dispatcher of its own `fetch` when the first global of `fetch` is read. If undici were loaded before
  // that, it would install its own in that place.
  void globalThis.Response;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as said above
  return (loaded ??= require('undici/index.js') as typeof Undici);
}

export class Connection {
  /** When it first became idle, by `performance.now()`. */
  idleSince: number | undefined;
  private readonly client: Undici.Client;
  private readonly opening = new AbortController();
  private isOpening = false;
  private socket: Socket | undefined;
  private reading: ReplyReader | undefined;
  /** Bytes that had come before the request under way. */
  private readBefore = 0;
  private isEnded = false;

  /** @param closed called when it is closed, also while it is idle */
  constructor(
    readonly origin: string,
    open: Open,
    closed: (connection: Connection) => void,
  ) {
    this.client = new (undici().Client)(origin, {
      connect: (_options, opened) => this.open(open, opened),
      keepAliveTimeout: keepIdleMs,
      keepAliveMaxTimeout: keepIdleMs,
      keepAliveTimeoutThreshold: keepAliveMarginMs,
      // Deadlines are the caller's.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.client.once('disconnect', () => closed(this));
  }

  /** Whether it takes no other request. */
  get isOver(): boolean {
    return this.isEnded || this.socket?.destroyed === true;
  }

  /** Sends one request, and never repeats it. The caller sends the next one after the answer. */
  send(path: string, { method, headers, body, maxBytes }: Outgoing, signal: AbortSignal): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const stop = () => this.destroy(new Error('the deadline has passed'));
      const reading = new ReplyReader(maxBytes, (error, reply) => {
        signal.removeEventListener('abort', stop);
        this.reading = undefined;
        // A compressed body may end before the response does. A response that was refused is read no further.
        if (error || !reading.isRead)
          this.destroy(error ?? new Error('the body has ended before the response'));
        if (reply) resolve(reply);
        else reject(error ?? new Error('no answer'));
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
    this.reading?.fail(error);
    this.opening.abort();
    void this.client.destroy(error);
  }

  private open(open: Open, opened: Undici.buildConnector.Callback): void {
    // By itself a client opens another socket where the first was closed. Here the caller decides about that.
    if (this.isOpening) return opened(new ClosedConnectionError(), null);
    this.isOpening = true;
    open(this.opening.signal).then(
      (socket) => {
        this.watch(socket);
        opened(null, socket);
      },
      (error: Error) => opened(error, null),
    );
  }

  /** Listens before undici does, which skips some of what comes unasked, and counts only bodies. */
  private watch(socket: Socket): void {
    this.socket = socket;
    socket.on('readable', () => {
      // Without a request under way, bytes are meant to keep the connection open, or to answer the next request.
      if (!this.reading || this.reading.isRead) socket.destroy();
      else this.reading.count(socket.bytesRead - this.readBefore);
    });
  }
}

/**
 * A kept connection was closed before the request was written to it. (Undici looks at the connection once more before it
 * writes, and opens another one for what it has not written.)
 */
export class ClosedConnectionError extends Error {
  readonly code = 'ECONNRESET';
  constructor() {
    super('the connection was closed');
  }
}

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** No brotli: a stream of a few hundred bytes can claim a window of 16 MiB. */
const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes on the wire beside the body: headers, interim responses, the frames of chunks. */
const maxOverheadBytes = 65_536;

const maxInterim = 256;

/** Each piece costs as much as some hundred bytes. A few small ones are usual, a body of small ones is an attack. */
const [freePieces, bytesPerPiece] = [1024, 64];

export class ReplyReader implements Undici.Dispatcher.DispatchHandler {
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
   * @param maxBytes of the body
   * @param settled called once, with an error or the reply
   */
  constructor(
    private readonly maxBytes: number,
    private readonly settled: (error: Error | undefined, reply: Reply | undefined) => void,
  ) {}

  /** @param bytes that the connection has brought since the request */
  count(bytes: number): void {
    if (bytes > this.maxBytes + maxOverheadBytes) this.fail(tooLarge());
  }

  fail(error: Error): void {
    this.settle(error, undefined);
  }

  /** Undici tells its two kinds of handlers apart by this method. */
  onRequestStart(): void {
    return;
  }

  onResponseStart(_controller: unknown, status: number, fields: Fields): void {
    // Undici fails with an assertion at these.
    if (status < 100 || status === 101) throw invalid(`status ${status}`);
    if (status < 200) {
      if (++this.interim > maxInterim) throw tooLarge('too many interim responses');
      return;
    }
    this.status = status;
    this.headers = combined(fields);
    if (Number(this.headers['content-length']) > this.maxBytes) throw tooLarge();
    this.decoder = decoderFor(this.headers['content-encoding'])
      ?.on('data', (chunk: Buffer) => this.take(chunk))
      .on('end', () => this.finish())
      .on('error', (error) => this.fail(error));
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
    // Undici's code for a body that was cut short, and for malformed headers among which is a length.
    const isMalformed = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && this.status === 0;
    this.fail(isMalformed ? invalid(code) : error);
  }

  /** Copies, so that no piece keeps the buffer of the socket that it is a part of. */
  private take(chunk: Buffer): void {
    if (this.isSettled) return;
    const size = this.size + chunk.length;
    if (size > this.maxBytes) return this.fail(tooLarge());
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
      return this.fail(invalid('the body is not UTF-8'));
    }
    this.settle(undefined, { status, headers, text });
  }

  private settle(error: Error | undefined, reply: Reply | undefined): void {
    if (this.isSettled) return;
    this.isSettled = true;
    // A decoder would go on with what it has, a thousandfold.
    if (error) this.decoder?.destroy();
    this.settled(error, reply);
  }
}

/** Of these, Node.js takes the first as well; of all others, the list of all. */
const single: ReadonlySet<string> = new Set(['content-length', 'content-type', 'location', 'retry-after']);

function combined(fields: Fields): Headers {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'object') headers[name] = value;
    else headers[name] = single.has(name) ? value[0] : value.join(', ');
  }
  return headers;
}

function decoderFor(encoding = 'identity'): Gunzip | Inflate | undefined {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return undefined;
  if (Object.hasOwn(decoders, name)) return decoders[name as keyof typeof decoders]();
  throw invalid('unknown content encoding');
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: new Error(why) });
}

function tooLarge(why?: string): MastodonError {
  return new MastodonError('response_too_large', { cause: why === undefined ? undefined : new Error(why) });
}
