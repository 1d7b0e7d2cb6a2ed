/** A server that only this machine reaches: whoever reaches a testing instance may be anybody there. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopbackName } from './loopback.js';
import type { Fields } from './oauth.js';

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: Fields;
  /** Fields of a form or of a JSON object. */
  readonly form: Fields;
  readonly authorization: string;
  readonly contentType: string;
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
  if (!isLoopbackName(hostname)) {
    throw new TypeError(
      `startInstance: it lets anybody be anybody, so it only listens on localhost, 127.0.0.1 or [::1], not on ${hostname}`,
    );
  }
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: hostname.replace(/^\[(.*)\]$/, '$1') }, () => resolve());
  });
  // What "localhost" means is written in a file that may say anything.
  const { address } = server.address() as AddressInfo;
  if (address === '::1' || address.startsWith('127.')) return server;
  await new Promise((resolve) => server.close(resolve));
  throw new TypeError(`startInstance: ${hostname} is ${address} here, which is not loopback`);
}

/** Reads requests for `host` and writes what `answer` makes of them. */
export function serve(server: Server, host: string, answer: (incoming: Incoming) => Promise<Outgoing>): void {
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    void respond(req, host, answer).then(
      (outgoing) => write(res, outgoing),
      (error: unknown) => write(res, { status: 500, body: String(error), type: 'text/plain' }),
    );
  });
}

async function respond(
  req: IncomingMessage,
  host: string,
  answer: (incoming: Incoming) => Promise<Outgoing>,
): Promise<Outgoing> {
  // A page of the web whose name was made to mean this machine sends that name.
  if (req.headers.host !== host) return { status: 421, body: `This is ${host}.`, type: 'text/plain' };
  const body = await readBody(req);
  if (body === undefined) return { status: 413, body: 'Too large.', type: 'text/plain' };
  const url = new URL(req.url ?? '/', `http://${host}`);
  return answer({
    method: req.method === 'HEAD' ? 'GET' : (req.method ?? 'GET'),
    path: url.pathname,
    query: once(url.searchParams),
    form: fieldsOf(body, req.headers['content-type'] ?? ''),
    authorization: req.headers.authorization ?? '',
    contentType: req.headers['content-type'] ?? '',
  });
}

async function readBody(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req) {
    length += (chunk as Buffer).length;
    if (length > maxBodyBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
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

function write(res: ServerResponse, { status, body = '', type, headers }: Outgoing): void {
  if (res.destroyed) return;
  res.writeHead(status, {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(type !== undefined && { 'Content-Type': type }),
    ...headers,
  });
  res.end(body);
}
