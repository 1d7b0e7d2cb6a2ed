/** The connections of programs: accepts WebSocket upgrades, limits connections, and ends them. */

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import { WebSocketServer } from 'ws';
import { clientAddress, type ClientAddress } from '../util/client-address.js';
import { Quota, unlimitedAddress } from '../util/quota.js';
import type { BridgeLogins } from './logins.js';
import type { BridgeSettings } from './options.js';
import { bridgeError } from './protocol.js';
import { BridgeSocket } from './socket.js';

/** Connections are pinged in groups: ten thousand pings at once would need much memory for a moment. */
const pingGroups = 16;

/** How long programs have to close their connection. Milliseconds. */
export const closingMs = 2000;

/** Longest origin in a log event. */
const maxOrigin = 200;

/** The path of each upgrade listener of a bridge. */
const pathsOf = new WeakMap<object, string>();

interface RefusedUpgrade {
  readonly status: number;
  readonly reason: string;
  /** The origin of the page that may not connect. */
  readonly origin?: string;
}

export class Sockets {
  /** Oldest first. */
  private readonly sockets = new Set<BridgeSocket>();
  private readonly quota: Quota;
  private readonly server: WebSocket.Server<typeof BridgeSocket>;
  private readonly detach: (() => void)[] = [];
  private heartbeat: NodeJS.Timeout | undefined;
  private turn = 0;
  private opened = 0;
  private isClosing = false;
  private hasWarned = false;
  private onceEmpty: () => void = () => undefined;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly logins: BridgeLogins,
  ) {
    const { limits } = settings;
    this.quota = new Quota(limits.maxSocketsPerAddress);
    this.server = new WebSocketServer({
      noServer: true,
      WebSocket: BridgeSocket,
      clientTracking: false,
      // Compression would cost each connection a quarter of a megabyte.
      perMessageDeflate: false,
      maxPayload: limits.maxPayloadBytes,
      // Each fragment of an unfinished message needs far more memory than its bytes. (Missing in @types/ws.)
      ...{ maxFragments: 16 },
      // The socket answers pings, after a check of what waits for the program.
      autoPong: false,
    });
  }

  get size(): number {
    return this.sockets.size;
  }

  /**
   * Accepts the upgrades of one path. Other listeners of the server may accept other paths; if all listeners are bridges, an
   * upgrade of any other path is refused.
   */
  attach(server: Server): void {
    if (this.isClosing) throw new Error('the bridge was closed');
    // An Express app has `on` too.
    if (typeof server === 'function')
      throw new TypeError('createBridge: attach takes the server of createServer(app), and got the app');
    const { path } = this.settings;
    const paths = () => server.listeners('upgrade').map((listener) => pathsOf.get(listener));
    if (paths().includes(path))
      throw new Error(`a bridge takes WebSockets at ${path} of this server already`);
    const listener = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const asked = req.url?.split('?', 1)[0];
      if (asked === path) return this.upgrade(req, socket, head);
      const taken = paths();
      if (taken.includes(undefined) || taken.includes(asked) || socket.writableEnded) return;
      refuseUpgrade(socket, 404, 'Not Found', `WebSockets are taken at ${taken.join(' and ')}`);
    };
    pathsOf.set(listener, path);
    server.on('upgrade', listener);
    this.detach.push(() => server.off('upgrade', listener));
    const everyMs = Math.max(1, Math.round(this.settings.limits.heartbeatMs / pingGroups));
    this.heartbeat ??= setInterval(() => this.beat(), everyMs).unref();
  }

  /** Sends every program a message, and waits for them to close, at most `closingMs`. */
  async close(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.heartbeat);
    for (const detach of this.detach.splice(0)) detach();
    const empty = new Promise<void>((resolve) => (this.onceEmpty = resolve));
    if (this.sockets.size === 0) return;
    for (const socket of this.sockets) {
      socket.tell(bridgeError('server_closing'));
      socket.close(1001);
    }
    const cut = setTimeout(() => this.sockets.forEach((socket) => socket.terminate()), closingMs);
    await empty;
    clearTimeout(cut);
  }

  private upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const counted = clientAddress(req, this.settings.trustedProxies);
    if (counted === undefined && 'x-forwarded-for' in req.headers) this.warnOfProxy();
    const address = counted ?? unlimitedAddress(req.socket.remoteAddress);
    const refusal = this.refusal(req, address);
    if (refusal) {
      this.settings.log('socket_refused', { ...refusal });
      return refuseUpgrade(socket, refusal.status, refusal.reason);
    }
    this.server.handleUpgrade(req, socket, head, (client) => {
      this.sockets.add(client);
      this.quota.add(address);
      client.turn = this.opened++ % pingGroups;
      client.open(this.settings.limits, address, (text) => this.logins.receive(client, text));
      client.on('close', () => this.closed(client));
    });
  }

  private closed(socket: BridgeSocket): void {
    // An evicted connection was removed before.
    if (!this.sockets.delete(socket)) return;
    this.quota.remove(socket.address);
    this.logins.closed(socket);
    if (this.sockets.size === 0) this.onceEmpty();
  }

  private refusal({ headers }: IncomingMessage, address: ClientAddress): RefusedUpgrade | undefined {
    const { origins } = this.settings;
    const { origin } = headers;
    // Browsers send it, and no page can forge it. Without this check, any page could begin logins in the site's name.
    if (origin !== undefined && !origins.has('*') && !origins.has(origin)) {
      return { status: 403, reason: 'Forbidden origin', origin: origin.slice(0, maxOrigin) };
    }
    if (!this.quota.hasRoom(address)) return { status: 429, reason: 'Too many connections' };
    const isFull = this.sockets.size >= this.settings.limits.maxSockets;
    return isFull && !this.evict(address) ? { status: 503, reason: 'Too many connections' } : undefined;
  }

  private warnOfProxy(): void {
    if (this.hasWarned || this.settings.trustedProxies > 0) return;
    this.hasWarned = true;
    const hint =
      'a proxy forwards connections, but trustedProxies is 0: all programs seem to have the address of the proxy, and no ' +
      'limit applies to one program alone. Set trustedProxies to the number of proxies in front';
    this.settings.log('warning', { hint });
  }

  /** Ends the newest connection of the network that has most, if `address` has less. */
  private evict(address: ClientAddress): boolean {
    const socket = this.quota.heaviest(address, this.sockets);
    if (!socket) return false;
    this.settings.log('socket_gave_way');
    socket.tell(bridgeError('server_busy'));
    // Without a closing handshake, for which the new connection would have to wait.
    socket.terminate();
    this.closed(socket);
    return true;
  }

  private beat(): void {
    this.turn = (this.turn + 1) % pingGroups;
    for (const socket of this.sockets) if (socket.turn === this.turn) socket.beat();
  }
}

function refuseUpgrade(socket: Duplex, status: number, reason: string, text = reason): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
