/**
 * Requests: a program waits for each. The store holds them for all processes; the process with the socket delivers the
 * result.
 */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import type { Instance } from '../options.js';
import { storeFailed, storeKey, type Store } from '../store.js';
import type { Bus } from '../stores/bus.js';
import { digest } from '../util/crypto.js';
import { TimeLimit } from '../util/site-store.js';
import { loginError } from './protocol.js';
import { decryptResult, encryptResult, newID, busNameOf } from './secrets.js';

/** A request as it is stored. Without the ID: a reader of the store must not be able to open the request's page. */
interface StoredRequest {
  readonly instance: { readonly origin: string; readonly host: string };
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The bus channel of the process with the socket. */
  readonly channel: string;
}

export interface PendingRequest extends StoredRequest {
  readonly id: string;
}

/** The browser that a request belongs to, and how often its button was pressed there. */
type Claim = { readonly browser: string; readonly presses: number };

/** Each press leaves a pending login in the store. */
const maxPresses = 20;

interface WaitingRequest {
  readonly id: string;
  readonly send: (text: string) => boolean;
  readonly expiry: NodeJS.Timeout;
}

/** Every method but `abandon` and `close` rejects with `store_failed` where the store or the bus fails. */
export class Requests {
  /** By the request's ref. */
  private readonly waiting = new Map<string, WaitingRequest>();
  /** One channel for each process, not for each request, so that the bus has few subscriptions. */
  private readonly channel = `passport-mastodon-oauth2:bridge:${randomBytes(18).toString('base64url')}`;
  private readonly busLimit: TimeLimit;
  private listening: Promise<() => unknown> | undefined;

  /** @param audience distinguishes bridges on the same store: one does not know the requests of another */
  constructor(
    private readonly store: Store,
    private readonly bus: Bus,
    busTimeoutMs: number,
    private readonly ttlMs: number,
    private readonly audience: string,
  ) {
    this.busLimit = new TimeLimit('bus', busTimeoutMs, storeFailed);
  }

  get size(): number {
    return this.waiting.size;
  }

  /** @param send sends the result to the program; returns whether it was sent */
  async open({ origin, host }: Instance, send: (text: string) => boolean): Promise<PendingRequest> {
    await this.listen();
    const id = newID();
    const expiresAt = Date.now() + this.ttlMs;
    const stored: StoredRequest = { instance: { origin, host }, expiresAt, channel: this.channel };
    await this.store.set(this.key('request', id), stored, this.ttlMs);
    const expiry = setTimeout(() => this.expire(id), this.ttlMs).unref();
    this.waiting.set(busNameOf(id), { id, send, expiry });
    return { id, ...stored };
  }

  async find(id: string): Promise<PendingRequest | undefined> {
    const stored = await this.store.get(this.key('request', id));
    return isLive(stored) ? { ...stored, id } : undefined;
  }

  /** Whether another browser than the one with this secret has pressed the button. */
  async isHeldByOtherBrowser(id: string, secret: string): Promise<boolean> {
    const claim = (await this.store.get(this.key('claim', id))) as Claim | undefined;
    return claim !== undefined && claim.browser !== digest(secret);
  }

  /** Gives the request to the first browser that asks. The same browser may ask again, up to `maxPresses` times. */
  async claim({ id, expiresAt }: PendingRequest, secret: string): Promise<boolean> {
    const browser = digest(secret);
    const ttlMs = Math.min(this.ttlMs, Math.max(1, expiresAt - Date.now()));
    const claim = await this.store.update<Claim>(this.key('claim', id), ttlMs, (current) => {
      const { browser: owner = browser, presses = 0 } = (current ?? {}) as Partial<Claim>;
      return owner === browser && presses < maxPresses ? { browser, presses: presses + 1 } : undefined;
    });
    return claim !== undefined;
  }

  /**
   * Whether a token for this browser would reach a program. A lock that ended early may have let two browsers claim a
   * request; the claim that was written last counts.
   */
  async isWanted(id: string, secret: string): Promise<boolean> {
    const request = await this.find(id);
    if (!request || (await this.isHeldByOtherBrowser(id, secret))) return false;
    return this.isAwaited(request);
  }

  /** Whether the process with the program's socket runs, and the program still waits. */
  async isAwaited({ channel, id }: PendingRequest): Promise<boolean> {
    if (channel === this.channel) return this.waiting.has(busNameOf(id));
    return this.publish(channel, '{}');
  }

  /**
   * Ends the request, for one caller only, and sends the result to the program.
   * @returns false when it had ended before, or the program is gone
   */
  async finish(id: string, text: string): Promise<boolean> {
    let request: unknown;
    try {
      request = await this.store.take(this.key('request', id));
    } catch (error) {
      // If the store fails, the process that has the socket can still deliver the result, once.
      if (this.waiting.has(busNameOf(id))) return this.deliver(id, text);
      throw error;
    }
    // Another caller may be taking the request, so its records must not be deleted here.
    if (!isLive(request)) return false;
    await this.store.delete(this.key('claim', id));
    if (request.channel === this.channel) return this.deliver(id, text);
    return this.publish(
      request.channel,
      JSON.stringify({ ref: busNameOf(id), result: encryptResult(id, text) }),
    );
  }

  async abandon(id: string): Promise<void> {
    this.remove(id);
    await this.forget(id);
  }

  async close(): Promise<void> {
    const ids = [...this.waiting.values()].map(({ id }) => id);
    await Promise.all(ids.map((id) => this.abandon(id)));
    // Also ends a subscription that is made later, or its connection would stay open.
    const ended = this.listening?.then((unsubscribe) => unsubscribe());
    this.listening = undefined;
    await ended?.catch(() => undefined);
  }

  /** Subscribes once. If that takes longer than the time limit, the next call waits for the same subscription. */
  private async listen(): Promise<void> {
    await this.busLimit.run(() => {
      const listening = (this.listening ??= this.subscribe());
      listening.catch(() => {
        if (this.listening === listening) this.listening = undefined;
      });
      return listening;
    });
  }

  private async subscribe(): Promise<() => unknown> {
    return this.bus.subscribe(this.channel, (message) => this.receive(message));
  }

  private receive(message: string): void {
    try {
      const { ref, result } = JSON.parse(message) as { ref?: unknown; result?: unknown };
      const waiting = typeof ref === 'string' ? this.waiting.get(ref) : undefined;
      const text = waiting && typeof result === 'string' ? decryptResult(waiting.id, result) : undefined;
      if (waiting && text !== undefined) this.deliver(waiting.id, text);
    } catch {
      // Not a message of a bridge.
    }
  }

  /** @returns whether a process received it, as far as the bus knows */
  private async publish(channel: string, message: string): Promise<boolean> {
    return (await this.busLimit.run(() => this.bus.publish(channel, message))) !== 0;
  }

  private deliver(id: string, text: string): boolean {
    return this.remove(id)?.send(text) ?? false;
  }

  private expire(id: string): void {
    const { code, message } = new MastodonError('login_expired');
    this.deliver(id, loginError(code, message, id));
    void this.forget(id);
  }

  private remove(id: string): WaitingRequest | undefined {
    const ref = busNameOf(id);
    const waiting = this.waiting.get(ref);
    clearTimeout(waiting?.expiry);
    this.waiting.delete(ref);
    return waiting;
  }

  private async forget(id: string): Promise<void> {
    await Promise.all([this.store.delete(this.key('request', id)), this.store.delete(this.key('claim', id))]);
  }

  /** `storeKey` hashes the ID, so a list of the store's keys does not show it. */
  private key(kind: 'request' | 'claim', id: string): string {
    return storeKey(`bridge-${kind}`, '', id, this.audience);
  }
}

/** A record may outlive `expiresAt` in the store: Memcached rounds times, and the clocks of machines differ. */
function isLive(value: unknown): value is StoredRequest {
  return value !== undefined && (value as StoredRequest).expiresAt > Date.now();
}
