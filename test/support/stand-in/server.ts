/** A real HTTP(S) server on a free port that records what it is asked and can be told to misbehave. */

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Exchange, type SeenRequest } from './exchange.js';

export interface ServerOptions {
  /** Name in the origin; the server itself always listens on 127.0.0.1. Default `localhost`. */
  hostname?: string;
  /** Default 0: any free port. A fixed one lets a test take a server down and put up another. */
  port?: number;
  /** The origin the server believes to have, where that is another than its address. */
  origin?: string;
  /** Serve https with this certificate. */
  tls?: { key: string; cert: string };
}

/** `seen` is the entry in the request log; the body has been read. */
export type Handler = (
  req: http.IncomingMessage,
  res: http.ServerResponse,
  seen: SeenRequest,
) => void | Promise<void>;

/** A path (`/oauth/token`), a method and path (`POST /oauth/token`), a pattern for the latter, or a function. */
export type Matcher = string | RegExp | ((seen: SeenRequest) => boolean);

interface Answer {
  readonly matcher: Matcher;
  readonly handler: Handler;
  left: number;
}

export abstract class TestServer {
  readonly origin: string;
  readonly host: string;
  /** Every request, in order of arrival, also those of tests and visitors. */
  readonly requests: SeenRequest[] = [];
  /** TCP connections accepted since the start. */
  connections = 0;
  /** Time between a request's arrival and its answer. */
  latencyMs = 0;
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private answers: Answer[] = [];

  /** Takes a server that listens already, since the origin is known only then. */
  protected constructor(
    private readonly server: http.Server | https.Server,
    options: ServerOptions,
  ) {
    const { port } = server.address() as AddressInfo;
    const scheme = options.tls ? 'https' : 'http';
    this.origin = options.origin ?? `${scheme}://${options.hostname ?? 'localhost'}:${port}`;
    this.host = new URL(this.origin).host;
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('request', (req: http.IncomingMessage, res: http.ServerResponse) => void this.serve(req, res));
  }

  /** Answers what no `answer` of a test has taken over. */
  protected abstract handle(exchange: Exchange): void;

  /** The port the server listens on, whatever its origin says. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  openConnections(): number {
    return [...this.sockets].filter((socket) => !socket.destroyed).length;
  }

  /** The requests for one route, such as `POST /api/v1/apps` or `/oauth/token`. */
  requestsTo(matcher: Matcher): SeenRequest[] {
    return this.requests.filter((seen) => matches(matcher, seen));
  }

  resetRequests(): void {
    this.requests.length = 0;
  }

  /**
   * Lets `handler` answer instead, the latest one first; `once` or `times` give the route back afterwards.
   * Returns the undoing.
   */
  answer(matcher: Matcher, handler: Handler, options: { once?: boolean; times?: number } = {}): () => void {
    const answer = { matcher, handler, left: options.times ?? (options.once ? 1 : Infinity) };
    this.answers.unshift(answer);
    return () => {
      this.answers = this.answers.filter((other) => other !== answer);
    };
  }

  /** Like `answer`, for the common case of one status and one JSON value or HTML text. */
  answerWith(
    matcher: Matcher,
    status: number,
    body?: unknown,
    headers: http.OutgoingHttpHeaders = {},
  ): () => void {
    return this.answer(matcher, (req, res, seen) => {
      new Exchange(req, res, seen).send([status, body as string | object | undefined], headers);
    });
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private async serve(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', this.origin);
    const seen: SeenRequest = {
      method: req.method ?? 'GET',
      path: url.pathname,
      url: req.url ?? '/',
      query: Object.fromEntries(url.searchParams),
      headers: req.headers,
      body: {},
      at: Date.now(),
    };
    this.requests.push(seen);
    const exchange = new Exchange(req, res, seen);
    try {
      await exchange.readBody();
      if (this.latencyMs > 0) await this.pause(this.latencyMs);
      const answer = this.answers.find(({ matcher }) => matches(matcher, seen));
      if (answer === undefined) return this.handle(exchange);
      answer.left -= 1;
      if (answer.left === 0) this.answers = this.answers.filter((other) => other !== answer);
      await answer.handler(req, res, seen);
    } catch (error) {
      // The other side may have gone away; anything else is a mistake in the stand-in that a test must see.
      if (req.destroyed && !req.complete) return;
      exchange.send([500, `The stand-in failed: ${error instanceof Error ? error.stack : String(error)}`]);
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        resolve();
      }, milliseconds);
      this.timers.add(timer);
    });
  }
}

/** Listens first, so that whoever is built around the server can know its own origin. */
export async function listen(options: ServerOptions): Promise<http.Server | https.Server> {
  const server = options.tls ? https.createServer(options.tls) : http.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return server;
}

function matches(matcher: Matcher, seen: SeenRequest): boolean {
  if (typeof matcher === 'function') return matcher(seen);
  const route = `${seen.method} ${seen.path}`;
  if (matcher instanceof RegExp) return matcher.test(route);
  return matcher === seen.path || matcher === route;
}
