/** The WebSocket of one program, with limits on what the program sends and on what waits for it. */

import { WebSocket, type RawData } from 'ws';
import type { ClientAddress } from '../util/client-address.js';
import type { BridgeLimits } from './options.js';
import { bridgeError, type BridgeErrorCode } from './protocol.js';

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

export class BridgeSocket extends WebSocket {
  /** Set once, when the connection is opened. */
  private limits!: BridgeLimits;
  address: ClientAddress = undefined;
  /** Whether data arrived since the last ping. */
  isAlive = true;
  /** The part of a heartbeat's interval in which this connection is pinged. */
  turn = 0;
  readonly logins = new Set<PendingLogin>();
  private badMessages = 0;
  private minute = 0;
  private messagesInMinute = 0;

  open(limits: BridgeLimits, address: ClientAddress, receive: (text: string) => void): void {
    this.limits = limits;
    this.address = address;
    this.on('message', (data: RawData, isBinary: boolean) => {
      if (!this.isWithinRate()) return;
      if (isBinary) this.reject(1003);
      else receive(data.toString());
    });
    this.on('ping', (data: Buffer) => {
      if (!this.isWithinRate()) return;
      if (this.bufferedAmount > limits.maxBufferedBytes) this.terminate();
      else this.pong(data);
    });
    this.on('pong', () => {
      // An unrequested pong takes as much work as a message, so it counts as one.
      if (this.isAlive) this.isWithinRate();
      this.isAlive = true;
    });
    // ws closes the connection after every error.
    this.on('error', () => undefined);
  }

  /**
   * Sends a message. Ends the connection of a program that does not read: what waits for it would grow without bound.
   * @returns whether it was sent
   */
  tell(text: string): boolean {
    if (this.readyState !== WebSocket.OPEN) return false;
    if (this.bufferedAmount > this.limits.maxBufferedBytes) {
      this.terminate();
      return false;
    }
    this.send(text);
    return true;
  }

  /** ws also calls this for data that breaks its protocol: the program receives an error first. */
  override close(code?: number, reason?: string | Buffer): void {
    const violation = violations[code ?? 0];
    if (violation && this.readyState === WebSocket.OPEN) this.tell(bridgeError(violation));
    super.close(code, reason);
  }

  /** Rejects a message. @param code closes the connection after too many of them */
  reject(code: number): void {
    this.tell(bridgeError('message_invalid'));
    if (++this.badMessages >= this.limits.badMessages) this.close(code);
  }

  beat(): void {
    if (!this.isAlive || this.bufferedAmount > this.limits.maxBufferedBytes) return this.terminate();
    this.isAlive = false;
    if (this.readyState === WebSocket.OPEN) this.ping();
  }

  /** Counts messages, pings and pongs without a ping. False for a connection that is closing. */
  private isWithinRate(): boolean {
    if (this.readyState !== WebSocket.OPEN) return false;
    this.isAlive = true;
    const minute = Math.floor(Date.now() / 60_000);
    if (minute !== this.minute) [this.minute, this.messagesInMinute] = [minute, 0];
    if (++this.messagesInMinute <= this.limits.messagesPerMinute) return true;
    this.tell(bridgeError('too_many_messages'));
    this.close(1008);
    return false;
  }
}
