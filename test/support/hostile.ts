/** The attacker's tools: listeners that count connections, names with false addresses, and raw sockets. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { LookupAddress } from 'node:dns';
import { createServer, type AddressInfo, type LookupFunction, type Server, type Socket } from 'node:net';
import { createServer as createTLSServer } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from './visitor.js';

const running: RawServer[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));

/** Resolves when the condition holds; the error of one that never does contains its text. */
export async function until(condition: () => boolean, limitMs = 5000): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`never came true: ${condition.toString()}`);
    await pause(2);
  }
}

/** A listener on loopback that handles every connection in the given way, and counts them. */
export interface RawServer {
  readonly address: string;
  readonly port: number;
  /** Connections accepted since the start. */
  connections(): number;
  /** Connections that are open now. */
  open(): number;
  /** Bytes that this side has sent, over all connections. */
  sent(): number;
  close(): Promise<void>;
}

export interface RawOptions {
  address?: string;
  port?: number;
  tls?: { key: string; cert: string };
}

/** Closed automatically after the test. */
export async function aRawServer(serve: (socket: Socket) => void, options?: RawOptions): Promise<RawServer> {
  const server = await startRaw(serve, options);
  running.push(server);
  return server;
}

export async function startRaw(
  serve: (socket: Socket) => void,
  { address = '127.0.0.1', port = 0, tls }: RawOptions = {},
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let sentBefore = 0;
  const server: Server = tls ? createTLSServer(tls, serve) : createServer(serve);
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sentBefore += socket.bytesWritten;
      sockets.delete(socket);
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(port, address);
  await once(server, 'listening');
  return {
    address,
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    open: () => sockets.size,
    sent: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, sentBefore),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A listener that no request may reach. It answers like an instance, so that a mistake would have consequences. */
export function startTrap(options: RawOptions = {}): Promise<RawServer> {
  const body = JSON.stringify({ uri: 'inner.example', version: '4.5.0', secret: 'of the inner network' });
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  return startRaw((socket) => void socket.once('data', () => socket.write(answer)), options);
}

/** Of 127.0.0.0/8, all of which is loopback on Linux, so that parallel tests do not use the same address. */
export function loopbackAddress(): string {
  const part = () => 2 + Math.floor(Math.random() * 250);
  return `127.${part()}.${part()}.${part()}`;
}

/** The reason why nothing can listen on ports 80 and 443 of a loopback address here; undefined if it can. */
export function lowPortsUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'needs loopback addresses other than 127.0.0.1, as on Linux';
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  if (first <= 80 || process.getuid?.() === 0) return undefined;
  return 'needs to listen on ports 80 and 443: root, or net.ipv4.ip_unprivileged_port_start=80';
}

/** The addresses of a name. With a list of lists, each lookup returns the next list, and the last list is repeated. */
export type Answers = readonly string[] | readonly (readonly string[])[] | 'fails' | 'never answers';

export interface Names {
  readonly lookup: LookupFunction;
  /** Requested names, in order. */
  readonly asked: string[];
}

/** Name resolution that the attacker controls. Names that are not listed do not exist. */
export function names(table: Readonly<Record<string, Answers>> | ((name: string) => Answers)): Names {
  const asked: string[] = [];
  const lookup: LookupFunction = (name, options, callback) => {
    asked.push(name);
    const times = asked.filter((earlier) => earlier === name).length;
    const answers = typeof table === 'function' ? table(name) : (table[name] ?? 'fails');
    if (answers === 'never answers') return;
    const chosen = answers === 'fails' ? [] : isSequence(answers) ? answers[times - 1] : answers;
    const texts = chosen ?? (answers as readonly string[][]).at(-1) ?? [];
    const list: LookupAddress[] = texts.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    const [first] = list;
    setImmediate(() => {
      if (!first) callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '', 0);
      else if (options.all) callback(null, list);
      else callback(null, first.address, first.family);
    });
  };
  return { lookup, asked };
}

function isSequence(answers: Exclude<Answers, string>): answers is readonly (readonly string[])[] {
  return Array.isArray(answers[0]);
}

/** The outcome of a login that did not lead to the instance. */
export interface Refused {
  readonly status: number;
  readonly code: string | undefined;
}

export function refusal(page: Page): Refused {
  if (page.location !== undefined) return { status: page.status, code: undefined };
  return { status: page.status, code: (page.json() as { code?: string }).code };
}
