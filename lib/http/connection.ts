/** One connection to an instance, on which one request follows another. Its HTTP is undici's. */

import type { Socket } from 'node:net';
import type { Breakable } from './deadline.js';
import { ReplyReader, type Reply } from './reply.js';
import { Client, type Opened } from './undici.js';

/** How long a connection is kept without a request: a server has hardly ever closed one by then. Milliseconds. */
const keepIdleMs = 2000;

export interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer's body, counted after decompression. */
  readonly maxBytes: number;
}

/** Opens a socket to the origin; what it returns ends the try. */
export type Open = (opened: Opened) => Breakable;

export class Connection implements Breakable {
  private readonly client: Client;
  private socket: Socket | undefined;
  private opening: Breakable | undefined;
  private reading: ReplyReader | undefined;
  /** Bytes that had come before the request under way. */
  private readBefore = 0;
  private requests = 0;
  private ended = false;

  constructor(
    readonly origin: string,
    open: Open,
  ) {
    this.client = new Client(origin, {
      connect: (_options, opened) => this.open(open, opened),
      keepAliveTimeout: keepIdleMs,
      keepAliveMaxTimeout: keepIdleMs,
      // A server's own word on its patience counts, but for a second in which the next request may be on its way.
      keepAliveTimeoutThreshold: 1000,
      // Deadlines are the caller's.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Whether it takes no other request. */
  get isOver(): boolean {
    return this.ended || this.socket?.destroyed === true;
  }

  /** Whether the request under way is not its first: then it may have been closed meanwhile without anybody's fault. */
  get isReused(): boolean {
    return this.requests > 1;
  }

  /** Called when it is closed, also while it serves nobody. */
  onceClosed(listener: () => void): void {
    this.client.once('disconnect', listener);
  }

  /** Sends one request; nothing repeats it. The next one waits for the answer. */
  ask(path: string, { method, headers, body, maxBytes }: Outgoing): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const reading = new ReplyReader(maxBytes, (error, reply) => {
        this.reading = undefined;
        // What is compressed may end before its body does. Who was refused gets nothing more, though it was read to its
        // end: nobody would count the connection.
        if (error || !reading.isRead) this.destroy(error ?? new Error('the answer was over'));
        if (reply) resolve(reply);
        else reject(error ?? new Error('no answer'));
      });
      this.reading = reading;
      this.requests++;
      this.readBefore = this.socket?.bytesRead ?? 0;
      this.client.dispatch({ method, path, headers, body: body ?? null }, reading);
    });
  }

  destroy(error: Error): void {
    this.ended = true;
    this.reading?.fail(error);
    this.opening?.destroy(error);
    this.client.destroy(error, () => undefined);
  }

  private open(open: Open, opened: Opened): void {
    // By itself a client opens another connection for one that was closed. Here, who asks decides about that.
    if (this.opening) return opened(new ClosedConnectionError(), null);
    this.opening = open((error, socket) => {
      if (socket) this.watch(socket);
      opened(error, socket);
    });
  }

  /** Before undici reads: it skips some of what comes unasked, and does not count what is no body. */
  private watch(socket: Socket): void {
    this.socket = socket;
    socket.on('readable', () => {
      // Nobody was asked anything: what comes now is meant to keep the connection open, or to answer the next request.
      if (!this.reading || this.reading.isRead) socket.destroy();
      else this.reading.count(socket.bytesRead - this.readBefore);
    });
  }
}

/**
 * A kept connection turned out to be closed before the request was written to it. Undici looks at such a connection once
 * more before it writes, and would open another one for what it has not written.
 */
export class ClosedConnectionError extends Error {
  readonly code = 'ECONNRESET';
  constructor() {
    super('the connection was closed');
  }
}
