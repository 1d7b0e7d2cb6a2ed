/** Logins that clients wait for: known to all processes by the store, delivered by the one that holds the socket. */

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from '../errors.js';
import type { Instance } from '../options.js';
import { storeKey, type Store } from '../store.js';
import type { Bus } from '../stores/bus.js';
import { loginError } from './messages.js';
import { newID, refOf, seal, unseal } from './request-secrets.js';

/** Who waits for the end of a request; a client's socket. */
export interface Recipient {
  deliver(id: string, text: string): void;
}

/** A request as it is stored. Plain JSON, without the ID: who reads the store must not be able to go on with it. */
interface StoredRequest {
  readonly instance: { readonly origin: string; readonly host: string };
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Where the process that holds the socket listens. */
  readonly channel: string;
}

export interface PendingRequest extends StoredRequest {
  readonly id: string;
}

/** The browser a request belongs to, by its digest, and how often its button was pressed there. */
interface Bound {
  readonly browser: string;
  readonly presses: number;
}

/** More than a person in trouble needs. */
const maxPresses = 20;

interface Waiting {
  readonly id: string;
  readonly recipient: Recipient;
  readonly expiresAt: number;
}

export class Requests {
  /** By the request's ref. */
  private readonly waiting = new Map<string, Waiting>();
  /** One for each process, not for each request: so a flood of requests costs the bus nothing. */
  private readonly channel = `passport-mastodon-oauth2:bridge:${randomBytes(18).toString('base64url')}`;
  private listening: Promise<() => unknown> | undefined;
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly bus: Bus,
    private readonly ttlMs: number,
    /** Says whose requests these are: another bridge on the same store does not know them. */
    private readonly audience: string,
  ) {}

  /** Requests that clients of this process wait for. */
  get size(): number {
    return this.waiting.size;
  }

  /** @throws MastodonError `store_failed`, also when the bus fails */
  async open(recipient: Recipient, { origin, host }: Instance): Promise<PendingRequest> {
    await this.listen();
    const request: PendingRequest = {
      id: newID(),
      instance: { origin, host },
      expiresAt: Date.now() + this.ttlMs,
      channel: this.channel,
    };
    const { id, ...stored } = request;
    await this.store.save(this.key('free', id), { free: true }, this.ttlMs);
    await this.store.save(this.key('request', id), stored satisfies StoredRequest, this.ttlMs);
    this.waiting.set(refOf(id), { id, recipient, expiresAt: request.expiresAt });
    this.scheduleExpiry();
    return request;
  }

  /** Nobody waits for it any more. */
  async abandon(id: string): Promise<void> {
    this.waiting.delete(refOf(id));
    await this.forget(id);
  }

  /** @throws MastodonError `store_failed` */
  async find(id: string): Promise<PendingRequest | undefined> {
    const stored = await this.store.read(this.key('request', id));
    return isLive(stored) ? { ...stored, id } : undefined;
  }

  /** The browser that the request belongs to, by its digest; none before the button was pressed. */
  async browserOf(id: string): Promise<string | undefined> {
    return (await this.boundTo(id))?.browser;
  }

  /**
   * Gives the request to the first browser that asks. A store has no compare-and-set, but one of several
   * deletions finds something to delete: that one decides. The same browser may ask again, but not without end:
   * each time leaves a begun login in the store.
   */
  async claim({ id, expiresAt }: PendingRequest, browser: string): Promise<boolean> {
    const bind = (presses: number) =>
      this.store.save(
        this.key('bound', id),
        { browser, presses } satisfies Bound,
        Math.max(1, expiresAt - Date.now()),
      );
    const bound = await this.boundTo(id);
    if (bound) {
      if (bound.browser !== browser || bound.presses >= maxPresses) return false;
      await bind(bound.presses + 1);
      return true;
    }
    if ((await this.store.take(this.key('free', id))) !== undefined) {
      await bind(1);
      return true;
    }
    // Somebody was a moment faster; a second press of the button, most likely.
    for (let tries = 0; tries < 20; tries++) {
      await pause(50);
      const now = await this.browserOf(id);
      if (now !== undefined) return now === browser;
    }
    return false;
  }

  private async boundTo(id: string): Promise<Bound | undefined> {
    const { browser, presses } = ((await this.store.read(this.key('bound', id))) ?? {}) as Record<
      string,
      unknown
    >;
    return typeof browser === 'string' && typeof presses === 'number' ? { browser, presses } : undefined;
  }

  /** Whether the process that holds the client's socket is there. */
  async isHeard({ channel, id }: PendingRequest): Promise<boolean> {
    if (channel === this.channel) return this.waiting.has(refOf(id));
    return this.publish(channel, '{}');
  }

  /**
   * Ends the request, for one caller only, and tells the client.
   * @returns false when it had ended before, or nobody is there to be told
   */
  async finish(id: string, text: string): Promise<boolean> {
    const request = await this.store.take(this.key('request', id));
    await this.forget(id);
    if (!isLive(request)) return false;
    const ref = refOf(id);
    if (request.channel === this.channel) return this.receive(ref, text);
    return this.publish(request.channel, JSON.stringify({ ref, sealed: seal(id, text) }));
  }

  async close(): Promise<void> {
    clearTimeout(this.expiry);
    const ids = [...this.waiting.values()].map(({ id }) => id);
    this.waiting.clear();
    await Promise.all(ids.map((id) => this.forget(id)));
    const unsubscribe = await this.listening?.catch(() => undefined);
    this.listening = undefined;
    await unsubscribe?.();
  }

  private async publish(channel: string, message: string): Promise<boolean> {
    const heard = await this.bus.publish(channel, message);
    return heard !== 0;
  }

  private listen(): Promise<() => unknown> {
    this.listening ??= this.bus
      .subscribe(this.channel, (message) => this.hear(message))
      .catch((error: unknown) => {
        this.listening = undefined;
        throw error;
      });
    return this.listening;
  }

  private hear(message: string): void {
    try {
      const { ref, sealed } = JSON.parse(message) as { ref?: unknown; sealed?: unknown };
      const waiting = typeof ref === 'string' ? this.waiting.get(ref) : undefined;
      const text = waiting && typeof sealed === 'string' ? unseal(waiting.id, sealed) : undefined;
      if (text !== undefined) this.receive(String(ref), text);
    } catch {
      // Not from one of ours.
    }
  }

  private receive(ref: string, text: string): boolean {
    const waiting = this.waiting.get(ref);
    this.waiting.delete(ref);
    waiting?.recipient.deliver(waiting.id, text);
    return waiting !== undefined;
  }

  private async forget(id: string): Promise<void> {
    const kinds = ['request', 'free', 'bound'] as const;
    await Promise.all(kinds.map((kind) => this.store.drop(this.key(kind, id))));
  }

  /**
   * A request's records: `free` is there as long as no browser has claimed it, `bound` names the one that did. Keys hold
   * a digest of the ID: who can list a store's keys learns no ID from them.
   */
  private key(kind: 'request' | 'free' | 'bound', id: string): string {
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
      this.receive(ref, loginError(code, message));
      void this.forget(id);
    }
  }
}

/** An ID in a log: enough to tell two apart, too little to open the page with. */
export function shown(id: string): string {
  return id.slice(0, 6);
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
