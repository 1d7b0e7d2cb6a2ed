/** An HTTP or HTTPS server on a free port that records its requests, and that a test can make misbehave. */

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { incomingOf, readBody, write, type Incoming, type Outgoing } from '../../../lib/testing/server.js';

export interface ServerOptions {
  /** Name in the origin. Default `localhost`. */
  hostname?: string;
  /** Where the server listens. Default 127.0.0.1. */
  address?: string;
  /** Default 0: any free port. A fixed one lets a test replace a server. */
  port?: number;
  /** The origin in the server's settings. Default: its address. */
  origin?: string;
  /** Serve https with this certificate. */
  tls?: { key: string; cert: string };
}

/** A recorded request. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly query: Record<string, string>;
  readonly headers: http.IncomingHttpHeaders;
  /** Fields of a form, or strings of a JSON object. */
  body: Record<string, string>;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** `seen` is the recorded request; the body has been read. */
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

const maxBodyBytes = 1024 * 1024;

export abstract class TestServer {
  readonly origin: string;
  readonly host: string;
  /** Every request, in order of arrival, also those of tests and visitors. */
  readonly requests: SeenRequest[] = [];
  /** TCP connections accepted since the start. */
  connections = 0;
  /** Time between a request's arrival and its answer. */
  latencyMs = 0;
  /** Changes an answer before it is sent; `undefined` closes the connection without one. */
  alter: ((seen: SeenRequest, answer: Outgoing) => Outgoing | undefined) | undefined;
  /** Closes connections after an answer, without announcing it. */
  protected hangsUp = false;
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private answers: Answer[] = [];

  /** Receives a listening server, because its origin contains the port. */
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

  /** Answers a request that no `answer` of a test matches. */
  protected abstract handle(incoming: Incoming, url: string): Outgoing | Promise<Outgoing>;

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The requests for one route, such as `POST /api/v1/apps` or `/oauth/token`. */
  requestsTo(matcher: Matcher): SeenRequest[] {
    return this.requests.filter((seen) => matches(matcher, seen));
  }

  resetRequests(): void {
    this.requests.length = 0;
  }

  /**
   * Lets `handler` answer, the latest one first; `once` or `times` limit that. Returns a function that removes it.
   */
  answer(matcher: Matcher, handler: Handler, options: { once?: boolean; times?: number } = {}): () => void {
    const answer = { matcher, handler, left: options.times ?? (options.once ? 1 : Infinity) };
    this.answers.unshift(answer);
    return () => {
      this.answers = this.answers.filter((other) => other !== answer);
    };
  }

  /** Like `answer`, for one status and a JSON value or HTML text. */
  answerWith(
    matcher: Matcher,
    status: number,
    body?: unknown,
    headers: http.OutgoingHttpHeaders = {},
  ): () => void {
    return this.answer(matcher, (_req, res) => {
      res.writeHead(status, { 'Content-Type': typeof body === 'object' ? jsonType : htmlType, ...headers });
      res.end(typeof body === 'object' ? JSON.stringify(body) : (body ?? ''));
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
    const at = Date.now();
    const { url = '/', method = 'GET', headers } = req;
    const { pathname: path, searchParams } = new URL(url, this.origin);
    const query = Object.fromEntries(searchParams);
    const seen: SeenRequest = { method, path, url, query, headers, body: {}, at };
    this.requests.push(seen);
    try {
      const incoming = incomingOf(req, (await readBody(req, maxBodyBytes)) ?? '');
      seen.body = incoming.form as Record<string, string>;
      if (this.latencyMs > 0) await this.pause(this.latencyMs);
      const answer = this.answers.find(({ matcher }) => matches(matcher, seen));
      if (this.hangsUp) res.once('finish', () => req.socket.destroySoon());
      if (answer === undefined) {
        const usual = await this.handle(incoming, url);
        const sent = this.alter ? this.alter(seen, usual) : usual;
        return sent ? write(res, sent) : void req.socket.destroy();
      }
      answer.left -= 1;
      if (answer.left === 0) this.answers = this.answers.filter((other) => other !== answer);
      await answer.handler(req, res, seen);
    } catch (error) {
      // The client may have closed the connection; any other error is a mistake in the simulation, which a test
      // must see.
      if (req.destroyed && !req.complete) return;
      write(
        res,
        outgoing([500, `The stand-in failed: ${error instanceof Error ? error.stack : String(error)}`]),
      );
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

/** A status and a body: an object is sent as JSON, a string as HTML. */
export type Reply = readonly [status: number, body?: string | object | undefined];

const jsonType = 'application/json; charset=utf-8';
const htmlType = 'text/html; charset=utf-8';

export function outgoing([status, body]: Reply, headers: Record<string, string> = {}): Outgoing {
  const isJSON = typeof body === 'object';
  const text = isJSON ? JSON.stringify(body) : (body ?? '');
  return { status, body: text, headers: { 'Content-Type': isJSON ? jsonType : htmlType, ...headers } };
}

/** Listens first, because the origin contains the port. */
export async function listen(options: ServerOptions): Promise<http.Server | https.Server> {
  const server = options.tls ? https.createServer(options.tls) : http.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.address ?? '127.0.0.1', resolve);
  });
  return server;
}

function matches(matcher: Matcher, seen: SeenRequest): boolean {
  if (typeof matcher === 'function') return matcher(seen);
  const route = `${seen.method} ${seen.path}`;
  if (matcher instanceof RegExp) return matcher.test(route);
  return matcher === seen.path || matcher === route;
}
