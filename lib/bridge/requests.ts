/** The logins that programs wait for: known to all processes by the store, delivered by the process with the socket. */

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from '../errors.js';
import type { Instance } from '../options.js';
import { storeKey, withoutDetails, type Store } from '../store.js';
import type { Bus } from '../stores/bus.js';
import { loginError } from './protocol.js';
import { newID, refOf, seal, unseal } from './secrets.js';

/** A program that waits for the end of a request. */
export interface Recipient {
  /** @returns whether the text was sent */
  deliver(id: string, text: string): boolean;
}

/** A request as it is stored. Without the ID: a reader of the store must not be able to open the request's page. */
interface StoredRequest {
  readonly instance: { readonly origin: string; readonly host: string };
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Where the process with the socket listens on the bus. */
  readonly channel: string;
}

export interface PendingRequest extends StoredRequest {
  readonly id: string;
}

/** The browser that a request belongs to, and how often its button was pressed there. */
interface Claim {
  /** Digest of the browser's key. */
  readonly browser: string;
  readonly presses: number;
}

/** Each press leaves a pending login in the store. */
const maxPresses = 20;

interface Waiting {
  readonly id: string;
  readonly recipient: Recipient;
  readonly expiresAt: number;
}

/** A request's records: `unclaimed` is there until a browser takes it, `claim` names that browser. */
const kinds = ['request', 'unclaimed', 'claim'] as const;

export class Requests {
  /** By the request's ref, in the order in which they expire. */
  private readonly waiting = new Map<string, Waiting>();
  /** One channel for each process, not for each request, so that many requests cost the bus nothing. */
  private readonly channel = `passport-mastodon-oauth2:bridge:${randomBytes(18).toString('base64url')}`;
  private listening: Promise<() => unknown> | undefined;
  private expiry: NodeJS.Timeout | undefined;

  /** @param audience tells bridges on the same store apart: one does not know the requests of another */
  constructor(
    private readonly store: Store,
    private readonly bus: Bus,
    private readonly busTimeoutMs: number,
    private readonly ttlMs: number,
    private readonly audience: string,
  ) {}

  /** The number of requests that programs at this process wait for. */
  get size(): number {
    return this.waiting.size;
  }

  /** @throws MastodonError `store_failed`, also when the bus fails */
  async open(recipient: Recipient, { origin, host }: Instance): Promise<PendingRequest> {
    await this.listen();
    const id = newID();
    const expiresAt = Date.now() + this.ttlMs;
    const stored: StoredRequest = { instance: { origin, host }, expiresAt, channel: this.channel };
    await this.store.set(this.key('unclaimed', id), { unclaimed: true }, this.ttlMs);
    await this.store.set(this.key('request', id), stored, this.ttlMs);
    this.waiting.set(refOf(id), { id, recipient, expiresAt });
    this.scheduleExpiry();
    return { id, ...stored };
  }

  /** Ends a request whose program is gone. */
  async abandon(id: string): Promise<void> {
    this.waiting.delete(refOf(id));
    await this.forget(id);
  }

  /** @throws MastodonError `store_failed` */
  async find(id: string): Promise<PendingRequest | undefined> {
    const stored = await this.store.get(this.key('request', id));
    return isLive(stored) ? { ...stored, id } : undefined;
  }

  /** The digest of the browser's key, once a browser pressed the button. */
  async browserOf(id: string): Promise<string | undefined> {
    return (await this.claimOf(id))?.browser;
  }

  /**
   * Gives the request to the first browser that asks; of several, the one that takes the record `unclaimed`. The same
   * browser may ask again, up to `maxPresses` times.
   * @throws MastodonError `store_failed`; the request has ended then, unless it had a browser before
   */
  async claim({ id, expiresAt }: PendingRequest, browser: string): Promise<boolean> {
    const save = (presses: number) => {
      const claim: Claim = { browser, presses };
      return this.store.set(this.key('claim', id), claim, Math.max(1, expiresAt - Date.now()));
    };
    const claim = await this.claimOf(id);
    if (claim) {
      if (claim.browser !== browser || claim.presses >= maxPresses) return false;
      await save(claim.presses + 1);
      return true;
    }
    try {
      if ((await this.store.take(this.key('unclaimed', id))) !== undefined) {
        await save(1);
        return true;
      }
    } catch (error) {
      // Whether the record is gone is not known: another browser must not get the request in place of this one.
      const failure = error instanceof MastodonError ? error : new MastodonError('store_failed');
      await this.finish(id, loginError(failure.code, failure.message)).catch(() => undefined);
      throw error;
    }
    // Another press was faster, and is about to save its claim.
    for (let tries = 0; tries < 20; tries++) {
      await pause(50);
      const now = await this.browserOf(id);
      if (now !== undefined) return now === browser;
    }
    return false;
  }

  /** Whether the process with the program's socket is there, and the program still waits. */
  async isAwaited({ channel, id }: PendingRequest): Promise<boolean> {
    if (channel === this.channel) return this.waiting.has(refOf(id));
    return this.publish(channel, '{}');
  }

  /**
   * Ends the request, for one caller only, and tells the program.
   * @returns false when it had ended before, or the program is gone
   * @throws MastodonError `store_failed`
   */
  async finish(id: string, text: string): Promise<boolean> {
    const ref = refOf(id);
    let request: unknown;
    try {
      request = await this.store.take(this.key('request', id));
    } catch (error) {
      // Without the store, the process with the socket can still tell its program, once.
      if (this.waiting.has(ref)) return this.deliver(ref, text);
      throw error;
    }
    await this.forget(id);
    if (!isLive(request)) return false;
    if (request.channel === this.channel) return this.deliver(ref, text);
    return this.publish(request.channel, JSON.stringify({ ref, sealed: seal(id, text) }));
  }

  async close(): Promise<void> {
    clearTimeout(this.expiry);
    const ids = [...this.waiting.values()].map(({ id }) => id);
    this.waiting.clear();
    await Promise.all(ids.map((id) => this.forget(id)));
    const unsubscribe = await this.listening?.catch(() => undefined);
    this.listening = undefined;
    if (unsubscribe) await this.onBus(async () => unsubscribe()).catch(() => undefined);
  }

  private async claimOf(id: string): Promise<Claim | undefined> {
    const record = ((await this.store.get(this.key('claim', id))) ?? {}) as Record<string, unknown>;
    const { browser, presses } = record;
    return typeof browser === 'string' && typeof presses === 'number' ? { browser, presses } : undefined;
  }

  /** @returns whether a process heard it, as far as the bus knows */
  private async publish(channel: string, message: string): Promise<boolean> {
    return (await this.onBus(() => this.bus.publish(channel, message))) !== 0;
  }

  private listen(): Promise<() => unknown> {
    this.listening ??= this.onBus(() =>
      this.bus.subscribe(this.channel, (message) => this.hear(message)),
    ).catch((error: unknown) => {
      this.listening = undefined;
      throw error;
    });
    return this.listening;
  }

  /**
   * An operation of the application's bus, within a time limit. Its errors keep only their kind: drivers put a command's
   * arguments, and with them what was to be sent, into theirs.
   * @throws MastodonError `store_failed`
   */
  private async onBus<T>(operation: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(reject, this.busTimeoutMs, new DOMException('', 'TimeoutError'));
    });
    try {
      return await Promise.race([(async () => operation())(), timeout]);
    } catch (error) {
      throw new MastodonError('store_failed', { cause: withoutDetails(error, 'bus') });
    } finally {
      clearTimeout(timer);
    }
  }

  private hear(message: string): void {
    try {
      const { ref, sealed } = JSON.parse(message) as { ref?: unknown; sealed?: unknown };
      const waiting = typeof ref === 'string' ? this.waiting.get(ref) : undefined;
      const text = waiting && typeof sealed === 'string' ? unseal(waiting.id, sealed) : undefined;
      if (text !== undefined) this.deliver(String(ref), text);
    } catch {
      // Not a message of a bridge.
    }
  }

  private deliver(ref: string, text: string): boolean {
    const waiting = this.waiting.get(ref);
    this.waiting.delete(ref);
    return waiting?.recipient.deliver(waiting.id, text) ?? false;
  }

  private async forget(id: string): Promise<void> {
    await Promise.all(kinds.map((kind) => this.store.delete(this.key(kind, id))));
  }

  /** Keys hold a digest of the ID, so that a list of the store's keys tells no ID. */
  private key(kind: (typeof kinds)[number], id: string): string {
    return storeKey(`bridge-${kind}`, '', id, this.audience);
  }

  /** One timer: all requests last equally long, so the first that was opened is the first to expire. */
  private scheduleExpiry(): void {
    if (this.expiry !== undefined) return;
    const [first] = this.waiting.values();
    if (!first) return;
    this.expiry = setTimeout(
      () => {
        this.expiry = undefined;
        this.expire();
        this.scheduleExpiry();
      },
      Math.max(1, first.expiresAt - Date.now()),
    ).unref();
  }

  private expire(): void {
    const { code, message } = new MastodonError('login_expired');
    for (const [ref, { id, expiresAt }] of this.waiting) {
      if (expiresAt > Date.now()) return;
      this.deliver(ref, loginError(code, message));
      void this.forget(id);
    }
  }
}

function isLive(value: unknown): value is StoredRequest {
  const record = (value ?? {}) as Record<string, unknown>;
  const { origin, host } = (record.instance ?? {}) as Record<string, unknown>;
  return (
    [record.channel, origin, host].every((text) => typeof text === 'string') &&
    typeof record.expiresAt === 'number' &&
    record.expiresAt > Date.now()
  );
}
