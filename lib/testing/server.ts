/** The HTTP server of a testing instance: it has no passwords, and listens on loopback only. */

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopbackHost } from '../util/checks.js';

/** Parameters that were sent once. */
export type Fields = Readonly<Record<string, string | undefined>>;

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: Fields;
  /** Fields of a form or of a JSON object. */
  readonly form: Fields;
  readonly headers: IncomingHttpHeaders;
}

export interface Outgoing {
  readonly status: number;
  readonly body?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const maxBodyBytes = 16 * 1024;

/**
 * @param hostname a name or address of loopback
 * @throws TypeError for any other; Error with `code` `EADDRINUSE` when the port is taken
 */
export async function listenOnLoopback(hostname: string, port: number): Promise<Server> {
  if (!isLoopbackHost(hostname)) {
    throw new TypeError(
      `startInstance: it has no passwords, so it only listens on localhost, 127.0.0.1 or [::1], not on ${hostname}`,
    );
  }
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: hostname.replace(/^\[(.*)\]$/, '$1') }, () => resolve());
  });
  // The hosts file decides what "localhost" means.
  const { address } = server.address() as AddressInfo;
  if (address === '::1' || address.startsWith('127.')) return server;
  await new Promise((resolve) => server.close(resolve));
  throw new TypeError(`startInstance: ${hostname} is ${address} here, which is not loopback`);
}

export function serve(server: Server, host: string, answer: (incoming: Incoming) => Promise<Outgoing>): void {
  const respond = async (req: IncomingMessage): Promise<Outgoing> => {
    // DNS rebinding: a web page whose name resolves to this machine sends that name as Host.
    if (req.headers.host !== host) return text(421, `This is ${host}.`);
    const body = await readBody(req, maxBodyBytes);
    return body === undefined ? text(413, 'Too large.') : answer(incomingOf(req, body));
  };
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    void respond(req)
      .catch((error: unknown) => text(500, String(error)))
      .then((outgoing) => write(res, outgoing));
  });
}

/** @returns `undefined` for a body of more bytes */
export async function readBody(req: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req) {
    length += (chunk as Buffer).length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

export function incomingOf(
  { method = 'GET', url: target = '/', headers }: IncomingMessage,
  body: string,
): Incoming {
  const url = new URL(target, 'http://localhost');
  return {
    method: method === 'HEAD' ? 'GET' : method,
    path: url.pathname,
    query: once(url.searchParams),
    form: fieldsOf(body, headers['content-type'] ?? ''),
    headers,
  };
}

/** The fields of a form, or the strings in a JSON object, which API clients send. */
function fieldsOf(body: string, contentType: string): Fields {
  if (!/^application\/json\b/.test(contentType)) return once(new URLSearchParams(body));
  try {
    const entries = Object.entries(JSON.parse(body) as object);
    return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}

/** A parameter that was sent twice counts as not sent. */
export function once(params: URLSearchParams): Fields {
  const names = [...new Set(params.keys())].filter((name) => params.getAll(name).length === 1);
  return Object.fromEntries(names.map((name) => [name, params.get(name) ?? '']));
}

export function write(res: ServerResponse, { status, body = '', type, headers }: Outgoing): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(type !== undefined && { 'Content-Type': type }),
    ...headers,
  });
  res.end(body);
}

export function json(status: number, body: object, type = 'application/json'): Outgoing {
  return { status, body: JSON.stringify(body), type: `${type}; charset=utf-8` };
}

function text(status: number, body: string): Outgoing {
  return { status, body, type: 'text/plain' };
}
