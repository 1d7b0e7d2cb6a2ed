/** A client's connection: a WebSocket with as little as possible beside it, since there may be ten thousand. */

import { WebSocket, type RawData } from 'ws';
import type { ClientAddress } from './client-address.js';
import { bridgeError, type BridgeErrorCode } from './messages.js';
import type { Place } from './places.js';
import type { Recipient } from './requests.js';

/** What connections have in common; one object for all of them. */
export interface Hub {
  readonly maxBufferedBytes: number;
  readonly messagesPerMinute: number;
  readonly badMessages: number;
  message(socket: BridgeSocket, text: string): void;
  closed(socket: BridgeSocket): void;
  ended(socket: BridgeSocket, id: string): void;
}

/** Why ws itself closes a connection, in our words. */
const violations: Readonly<Record<number, BridgeErrorCode>> = {
  1002: 'message_invalid',
  1007: 'message_invalid',
  1009: 'message_too_large',
};

export class BridgeSocket extends WebSocket implements Recipient {
  /** Set once, when the connection is welcomed. */
  hub!: Hub;
  /** Counts towards limits. */
  address: ClientAddress = undefined;
  /** Has shown a sign of life since the last ping. */
  isAlive = true;
  /** In which turn of a heartbeat it is pinged. */
  turn = 0;
  /** Logins of this client; most clients have none at most times. */
  places: Set<Place<BridgeSocket>> | undefined = undefined;
  private badMessages = 0;
  private minute = 0;
  private messagesInMinute = 0;

  welcome(hub: Hub, address: ClientAddress): void {
    this.hub = hub;
    this.address = address;
    // Functions that all connections share: closures would cost every idle client their memory.
    this.on('message', onMessage)
      .on('ping', onPing)
      .on('pong', onPong)
      .on('close', onClose)
      .on('error', onError);
  }

  /** What waits for a client that does not read would grow without bound; it is cut off instead. */
  tell(text: string): void {
    if (this.readyState !== WebSocket.OPEN) return;
    if (this.bufferedAmount > this.hub.maxBufferedBytes) this.terminate();
    else this.send(text);
  }

  deliver(id: string, text: string): void {
    this.hub.ended(this, id);
    this.tell(text);
  }

  /** Also called by ws, when what came is no WebSocket message: the client is told before it is cut off. */
  override close(code?: number, reason?: string | Buffer): void {
    const violation = violations[code ?? 0];
    if (violation && this.readyState === WebSocket.OPEN) this.tell(bridgeError(violation));
    super.close(code, reason);
  }

  /** @param code with which the connection is closed if it has had enough of these */
  reject(error: Parameters<typeof bridgeError>[0], code: number): void {
    this.tell(bridgeError(error));
    if (++this.badMessages >= this.hub.badMessages) this.close(code);
  }

  /** Messages and pings: both cost an answer. */
  isWithinRate(): boolean {
    this.isAlive = true;
    const minute = Math.floor(Date.now() / 60_000);
    if (minute !== this.minute) {
      this.minute = minute;
      this.messagesInMinute = 0;
    }
    if (++this.messagesInMinute <= this.hub.messagesPerMinute) return true;
    if (this.readyState === WebSocket.OPEN) {
      this.tell(bridgeError('too_many_messages'));
      this.close(1008);
    }
    return false;
  }

  beat(): void {
    if (!this.isAlive || this.bufferedAmount > this.hub.maxBufferedBytes) return this.terminate();
    this.isAlive = false;
    if (this.readyState === WebSocket.OPEN) this.ping();
  }
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const socket = this as BridgeSocket;
  if (socket.readyState !== WebSocket.OPEN || !socket.isWithinRate()) return;
  if (isBinary) socket.reject('message_binary', 1003);
  else socket.hub.message(socket, data.toString());
}

function onPing(this: WebSocket, data: Buffer): void {
  const socket = this as BridgeSocket;
  if (socket.readyState !== WebSocket.OPEN || !socket.isWithinRate()) return;
  if (socket.bufferedAmount > socket.hub.maxBufferedBytes) socket.terminate();
  else socket.pong(data);
}

function onPong(this: WebSocket): void {
  (this as BridgeSocket).isAlive = true;
}

function onClose(this: WebSocket): void {
  const socket = this as BridgeSocket;
  socket.hub.closed(socket);
}

/** Whatever it is, ws closes the connection. */
function onError(): void {}
