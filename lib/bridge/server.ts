/** All connections of clients: who may connect, who is still there, and their end. */

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import { WebSocketServer } from 'ws';
import { clientAddress, type ClientAddress } from './client-address.js';
import type { Conversation } from './conversation.js';
import { bridgeError } from './messages.js';
import type { BridgeSettings } from './options.js';
import { Shares } from './shares.js';
import { BridgeSocket, type Hub } from './socket.js';
import { refuseUpgrade, takeUpgrades } from './upgrade.js';

/**
 * In how many turns all clients are pinged: ten thousand at once would be a burst of memory that the process keeps.
 */
const turns = 16;

/** How long clients have for saying goodbye. Milliseconds. */
const closingMs = 2000;

export class Sockets implements Hub {
  readonly maxBufferedBytes: number;
  readonly messagesPerMinute: number;
  readonly badMessages: number;
  private readonly sockets = new Set<BridgeSocket>();
  private readonly shares: Shares;
  private readonly server: WebSocket.Server<typeof BridgeSocket>;
  private readonly detach: (() => void)[] = [];
  private heartbeat: NodeJS.Timeout | undefined;
  private turn = 0;
  private welcomed = 0;
  private isClosing = false;
  private isWarned = false;
  private onceEmpty: () => void = () => undefined;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly conversation: Conversation,
  ) {
    const { limits } = settings;
    this.maxBufferedBytes = limits.maxBufferedBytes;
    this.messagesPerMinute = limits.messagesPerMinute;
    this.badMessages = limits.badMessages;
    this.shares = new Shares(limits.maxSocketsPerAddress);
    this.server = new WebSocketServer({
      noServer: true,
      WebSocket: BridgeSocket,
      clientTracking: false,
      // Compression would cost each client a quarter of a megabyte.
      perMessageDeflate: false,
      maxPayload: limits.maxPayloadBytes,
      // An unfinished message is kept piece by piece, each costing far more than its bytes. (Not in @types/ws yet.)
      ...{ maxFragments: 16 },
      // Pongs are sent by us, which looks at the client's buffer first.
      autoPong: false,
    });
  }

  get size(): number {
    return this.sockets.size;
  }

  attach(server: Server): void {
    if (this.isClosing) throw new Error('the bridge was closed');
    const take = (req: IncomingMessage, socket: Duplex, head: Buffer) => this.upgrade(req, socket, head);
    this.detach.push(takeUpgrades(server, this.settings.path, take));
    // One timer for all connections.
    const everyMs = Math.max(1, Math.round(this.settings.limits.heartbeatMs / turns));
    this.heartbeat ??= setInterval(() => this.beat(), everyMs).unref();
  }

  message(socket: BridgeSocket, text: string): void {
    if (!this.isClosing) this.conversation.hear(socket, text);
  }

  closed(socket: BridgeSocket): void {
    // One that gave way was counted out before.
    if (!this.sockets.delete(socket)) return;
    this.shares.remove(socket.address);
    this.conversation.leave(socket);
    if (this.sockets.size === 0) this.onceEmpty();
  }

  ended(socket: BridgeSocket, id: string): void {
    this.conversation.ended(socket, id);
  }

  /** Tells every client, and waits a moment for them to go. */
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
    const address = clientAddress(req, this.settings.trustedProxies);
    if (address === undefined && 'x-forwarded-for' in req.headers) this.warnOfProxy();
    const refusal = this.refusal(req, address);
    if (refusal) {
      this.settings.log('socket_refused', { status: refusal[0], reason: refusal[1] });
      return refuseUpgrade(socket, ...refusal);
    }
    this.server.handleUpgrade(req, socket, head, (client) => {
      this.sockets.add(client);
      this.shares.add(address);
      client.turn = this.welcomed++ % turns;
      client.welcome(this, address);
    });
  }

  private refusal({ headers }: IncomingMessage, address: ClientAddress): [number, string] | undefined {
    const { limits, origins } = this.settings;
    const { origin } = headers;
    // A browser sends it and no page can forge it. Without this check any page could ask for logins in our name.
    if (origin !== undefined && !origins.has('*') && !origins.has(origin)) return [403, 'Forbidden origin'];
    if (!this.shares.hasRoom(address)) return [429, 'Too many connections'];
    const isFull = this.sockets.size >= limits.maxSockets;
    return isFull && !this.makeRoom(address) ? [503, 'Too many connections'] : undefined;
  }

  private warnOfProxy(): void {
    if (this.isWarned || this.settings.trustedProxies > 0) return;
    this.isWarned = true;
    const hint =
      'a proxy forwards connections, and trustedProxies is 0: no limit holds for a single client, as all seem to come from ' +
      'the proxy';
    this.settings.log('warning', { hint });
  }

  private makeRoom(address: ClientAddress): boolean {
    const socket = this.shares.heaviest(address, this.sockets);
    if (!socket) return false;
    this.settings.log('socket_gave_way');
    socket.tell(bridgeError('server_busy'));
    // Not closed with an exchange of farewells: its place is another's already.
    socket.terminate();
    this.closed(socket);
    return true;
  }

  private beat(): void {
    this.turn = (this.turn + 1) % turns;
    for (const socket of this.sockets) if (socket.turn === this.turn) socket.beat();
  }
}
