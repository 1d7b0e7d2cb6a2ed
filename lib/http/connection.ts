/** One connection to an instance, on which one request follows another, by the HTTP/1.1 client of undici. */

import type { Socket } from 'node:net';
import type * as Undici from 'undici';
import type { Outgoing, Reply } from './answer.js';
import { ReplyReader } from './reply.js';

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
