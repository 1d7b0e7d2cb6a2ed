/** Logins that clients wait for: known to all processes by the store, delivered by the one that holds the socket. */

import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MastodonError } from '../errors.js';
import type { Instance } from '../options.js';
import { storeKey, type Store } from '../store.js';
import type { Bus } from '../stores/bus.js';
import { loginError } from './messages.js';

/** Who waits for the end of a request; a client's socket. */
export interface Recipient {
  deliver(id: string, text: string): void;
}

/** A request as it is stored. Plain JSON. */
export interface PendingRequest {
  readonly id: string;
  /** Shown to the person by the client and by the page. */
  readonly code: string;
  readonly instance: { readonly origin: string; readonly host: string };
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Where the process that holds the socket listens. */
  readonly channel: string;
}

/** The browser a request belongs to, by its digest, and how often its button was pressed there. */
interface Bound {
  readonly browser: string;
  readonly presses: number;
}

/** More than a person in trouble needs. */
const maxPresses = 20;

interface Waiting {
  readonly recipient: Recipient;
  readonly expiresAt: number;
}

/** RFC 8628, section 6.1: no vowels, so no words, and nothing that is read as something else. */
const codeLetters = 'BCDFGHJKLMNPQRSTVWXZ';

export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  /** One for each process, not for each request: so a flood of requests costs the bus nothing. */
  private readonly channel = `passport-mastodon-oauth2:bridge:${randomBytes(18).toString('base64url')}`;
  private listening: Promise<() => unknown> | undefined;
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly bus: Bus,
    private readonly ttlMs: number,
  ) {}

  /** Requests that clients of this process wait for. */
  get size(): number {
    return this.waiting.size;
  }

  /** @throws MastodonError `store_failed`, also when the bus fails */
  async open(recipient: Recipient, { origin, host }: Instance): Promise<PendingRequest> {
    await this.listen();
    const request: PendingRequest = {
      id: randomBytes(18).toString('base64url'),
      code: newCode(),
      instance: { origin, host },
      expiresAt: Date.now() + this.ttlMs,
      channel: this.channel,
    };
    await this.store.save(freeKey(request.id), { free: true }, this.ttlMs);
    await this.store.save(requestKey(request.id), request, this.ttlMs);
    this.waiting.set(request.id, { recipient, expiresAt: request.expiresAt });
    this.scheduleExpiry();
    return request;
  }

  /** Nobody waits for it any more. */
  async abandon(id: string): Promise<void> {
    this.waiting.delete(id);
    await this.forget(id);
  }

  /** @throws MastodonError `store_failed` */
  async find(id: string): Promise<PendingRequest | undefined> {
    const stored = await this.store.read(requestKey(id));
    return isLive(stored) && stored.id === id ? stored : undefined;
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
        boundKey(id),
        { browser, presses } satisfies Bound,
        Math.max(1, expiresAt - Date.now()),
      );
    const bound = await this.boundTo(id);
    if (bound) {
      if (bound.browser !== browser || bound.presses >= maxPresses) return false;
      await bind(bound.presses + 1);
      return true;
    }
    if ((await this.store.take(freeKey(id))) !== undefined) {
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
    const { browser, presses } = ((await this.store.read(boundKey(id))) ?? {}) as Record<string, unknown>;
    return typeof browser === 'string' && typeof presses === 'number' ? { browser, presses } : undefined;
  }

  /** Whether the process that holds the client's socket is there. */
  async isHeard({ channel, id }: PendingRequest): Promise<boolean> {
    if (channel === this.channel) return this.waiting.has(id);
    return this.publish(channel, id, '');
  }

  /**
   * Ends the request, for one caller only, and tells the client.
   * @returns false when it had ended before, or nobody is there to be told
   */
  async finish(id: string, text: string): Promise<boolean> {
    const request = await this.store.take(requestKey(id));
    await this.forget(id);
    if (!isLive(request) || request.id !== id) return false;
    if (request.channel === this.channel) return this.receive(id, text);
    return this.publish(request.channel, id, text);
  }

  async close(): Promise<void> {
    clearTimeout(this.expiry);
    const ids = [...this.waiting.keys()];
    this.waiting.clear();
    await Promise.all(ids.map((id) => this.forget(id)));
    const unsubscribe = await this.listening?.catch(() => undefined);
    this.listening = undefined;
    await unsubscribe?.();
  }

  private async publish(channel: string, id: string, text: string): Promise<boolean> {
    const heard = await this.bus.publish(channel, JSON.stringify({ id, text }));
    return heard !== 0;
  }

  private listen(): Promise<() => unknown> {
    this.listening ??= this.bus
      .subscribe(this.channel, (message) => this.hear(message))
      .catch((error: unknown) => {
        this.listening = undefined;
        throw new MastodonError('store_failed', { cause: error });
      });
    return this.listening;
  }

  private hear(message: string): void {
    try {
      const { id, text } = JSON.parse(message) as { id?: unknown; text?: unknown };
      if (typeof id === 'string' && typeof text === 'string' && text !== '') this.receive(id, text);
    } catch {
      // Not from one of ours.
    }
  }

  private receive(id: string, text: string): boolean {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.recipient.deliver(id, text);
    return waiting !== undefined;
  }

  private async forget(id: string): Promise<void> {
    await Promise.all([requestKey(id), freeKey(id), boundKey(id)].map((key) => this.store.drop(key)));
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
    for (const [id, { expiresAt }] of this.waiting) {
      if (expiresAt > Date.now()) return;
      this.receive(id, loginError(code, message));
      void this.forget(id);
    }
  }
}

/** Six of twenty letters, as `WDJ-BMJ`. No secret: it tells two requests apart that are open at one time. */
function newCode(): string {
  const letters = Array.from({ length: 6 }, () => codeLetters[randomInt(codeLetters.length)]).join('');
  return `${letters.slice(0, 3)}-${letters.slice(3)}`;
}

/** An ID in a log: enough to tell two apart, too little to open the page with. */
export function shown(id: string): string {
  return id.slice(0, 6);
}

/** Keys hold a digest of the ID: who can list a store's keys learns no ID from them. */
function requestKey(id: string): string {
  return storeKey('bridge-request', '', id);
}

/** There as long as no browser has claimed the request. */
function freeKey(id: string): string {
  return storeKey('bridge-free', '', id);
}

function boundKey(id: string): string {
  return storeKey('bridge-bound', '', id);
}

function isLive(value: unknown): value is PendingRequest {
  const record = (value ?? {}) as Record<string, unknown>;
  const { origin, host } = (record.instance ?? {}) as Record<string, unknown>;
  return (
    [record.id, record.code, record.channel, origin, host].every((text) => typeof text === 'string') &&
    typeof record.expiresAt === 'number' &&
    record.expiresAt > Date.now()
  );
}
