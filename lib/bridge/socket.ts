/** One program's connection: a WebSocket that limits what the program sends and what waits for it. */

import { WebSocket, type RawData } from 'ws';
import type { ClientAddress } from '../util/client-address.js';
import { bridgeError, type BridgeErrorCode } from './protocol.js';
import type { Recipient } from './requests.js';

/** What all connections share, as one object. */
export interface Hub {
  readonly maxBufferedBytes: number;
  readonly messagesPerMinute: number;
  readonly badMessages: number;
  message(socket: BridgeSocket, text: string): void;
  closed(socket: BridgeSocket): void;
  ended(socket: BridgeSocket, id: string): void;
}

/** One login of a program, from its message to its end. */
export interface PendingLogin {
  readonly socket: BridgeSocket;
  readonly address: ClientAddress;
  /** Of the request, once the instance was found. */
  id: string | undefined;
  /** It was ended for another login while the instance was being looked up. */
  isEvicted: boolean;
}

/** The close codes with which ws itself ends a connection, and our codes for them. */
const violations: Readonly<Record<number, BridgeErrorCode>> = {
  1002: 'message_invalid',
  1007: 'message_invalid',
  1009: 'message_too_large',
};

export class BridgeSocket extends WebSocket implements Recipient {
  /** Set once, when the connection is opened. */
  hub!: Hub;
  address: ClientAddress = undefined;
  /** Whether anything came since the last ping. */
  isAlive = true;
  /** The part of a heartbeat's interval in which this connection is pinged. */
  turn = 0;
  /** Absent without logins, as on most connections at most times. */
  logins: Set<PendingLogin> | undefined = undefined;
  private badMessages = 0;
  private minute = 0;
  private messagesInMinute = 0;

  open(hub: Hub, address: ClientAddress): void {
    this.hub = hub;
    this.address = address;
    // All connections share these functions: closures would cost each idle connection memory.
    this.on('message', onMessage)
      .on('ping', onPing)
      .on('pong', onPong)
      .on('close', onClose)
      .on('error', onError);
  }

  /**
   * Sends a message. A program that does not read is cut off, since what waits for it would grow without bound.
   * @returns whether it was sent
   */
  tell(text: string): boolean {
    if (this.readyState !== WebSocket.OPEN) return false;
    if (this.bufferedAmount > this.hub.maxBufferedBytes) {
      this.terminate();
      return false;
    }
    this.send(text);
    return true;
  }

  deliver(id: string, text: string): boolean {
    this.hub.ended(this, id);
    return this.tell(text);
  }

  /** ws calls this, too, for data that breaks its protocol: the program is told first. */
  override close(code?: number, reason?: string | Buffer): void {
    const violation = violations[code ?? 0];
    if (violation && this.readyState === WebSocket.OPEN) this.tell(bridgeError(violation));
    super.close(code, reason);
  }

  /** @param code closes the connection after too many rejected messages */
  reject(error: Parameters<typeof bridgeError>[0], code: number): void {
    this.tell(bridgeError(error));
    if (++this.badMessages >= this.hub.badMessages) this.close(code);
  }

  /** Counts messages and pings, as both cost an answer. */
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

/** ws closes the connection after every error. */
function onError(): void {}
