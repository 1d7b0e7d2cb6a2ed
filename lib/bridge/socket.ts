/** The WebSocket of one program, with limits on what the program sends and on what waits for it. */

import { WebSocket, type RawData } from 'ws';
import type { ClientAddress } from '../util/client-address.js';
import type { BridgeLimits } from './options.js';
import { bridgeError, type BridgeErrorCode } from './protocol.js';
import type { Recipient } from './requests.js';

/** The state that all connections share. */
export interface SocketContext {
  readonly limits: Readonly<BridgeLimits>;
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
  /** Whether it was ended for another login during discovery. */
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
  hub!: SocketContext;
  address: ClientAddress = undefined;
  /** Whether data arrived since the last ping. */
  isAlive = true;
  /** The part of a heartbeat's interval in which this connection is pinged. */
  turn = 0;
  readonly logins = new Set<PendingLogin>();
  private badMessages = 0;
  private minute = 0;
  private messagesInMinute = 0;

  open(hub: SocketContext, address: ClientAddress): void {
    this.hub = hub;
    this.address = address;
    this.on('message', (data: RawData, isBinary: boolean) => {
      if (!this.isWithinRate()) return;
      if (isBinary) this.reject('message_binary', 1003);
      else hub.message(this, data.toString());
    });
    this.on('ping', (data: Buffer) => {
      if (!this.isWithinRate()) return;
      if (this.bufferedAmount > hub.limits.maxBufferedBytes) this.terminate();
      else this.pong(data);
    });
    this.on('pong', () => (this.isAlive = true));
    this.on('close', () => hub.closed(this));
    // ws closes the connection after every error.
    this.on('error', () => undefined);
  }

  /**
   * Sends a message. Ends the connection of a program that does not read: what waits for it would grow without bound.
   * @returns whether it was sent
   */
  tell(text: string): boolean {
    if (this.readyState !== WebSocket.OPEN) return false;
    if (this.bufferedAmount > this.hub.limits.maxBufferedBytes) {
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

  /** ws also calls this for data that breaks its protocol: the program receives an error first. */
  override close(code?: number, reason?: string | Buffer): void {
    const violation = violations[code ?? 0];
    if (violation && this.readyState === WebSocket.OPEN) this.tell(bridgeError(violation));
    super.close(code, reason);
  }

  /** @param code closes the connection after too many rejected messages */
  reject(error: Parameters<typeof bridgeError>[0], code: number): void {
    this.tell(bridgeError(error));
    if (++this.badMessages >= this.hub.limits.badMessages) this.close(code);
  }

  beat(): void {
    if (!this.isAlive || this.bufferedAmount > this.hub.limits.maxBufferedBytes) return this.terminate();
    this.isAlive = false;
    if (this.readyState === WebSocket.OPEN) this.ping();
  }

  /** Counts messages and pings, as both cost a response. False for a connection that is closing. */
  private isWithinRate(): boolean {
    if (this.readyState !== WebSocket.OPEN) return false;
    this.isAlive = true;
    const minute = Math.floor(Date.now() / 60_000);
    if (minute !== this.minute) [this.minute, this.messagesInMinute] = [minute, 0];
    if (++this.messagesInMinute <= this.hub.limits.messagesPerMinute) return true;
    this.tell(bridgeError('too_many_messages'));
    this.close(1008);
    return false;
  }
}
