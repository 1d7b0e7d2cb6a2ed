/** Reads and writes the records of clients. */

import { LRUCache } from 'lru-cache';
import { MastodonError } from '../errors.js';
import { storeKey, type Store } from '../store.js';
import { UnknownRecordError } from '../util/backend.js';
import type { PinnedInstance } from '../options.js';
import {
  recordKey,
  isClient,
  isKnownByURL,
  successor,
  type Client,
  type ClientCredentials,
  type RegisteredClient,
} from './client.js';

const minute = 60 * 1000;
const day = 24 * 60 * minute;

/** How long a client that was never used is kept: any visitor can make any number of them. */
const unusedTtlMs = 60 * minute;
/** How long a used one is kept after its last login, and how long its tokens find it. */
const usedTtlMs = 90 * day;
/** Credentials outlive the record that points to them by the time of a login that was begun at the last moment. */
const pendingTtlMs = 15 * minute;
/** A login that finishes so soon after another need not be written down. */
const lastLoginEveryMs = 30 * 1000;
/** Starts at the same moment are one sign: no visitor has had time to come back. */
const momentMs = 20;

/** Of which app a client is, in the keys of records. */
export interface ClientOf {
  readonly host: string;
  readonly appKey: string;
  readonly clientId: string;
}

/** When the instance was seen to refuse an invalid code of a client. Milliseconds since the epoch. */
export interface CodeCheck {
  /** Before the first code of a visitor. */
  readonly first?: number;
  /** After a consent. */
  readonly afterConsent?: number;
}

export class Clients {
  /** Registered, but not saved yet: the next try continues from there and does not register again. */
  private readonly unsaved = new LRUCache<string, RegisteredClient>({
    max: 1000,
    ttl: 10 * minute,
    perf: Date,
  });
  private readonly starts = new LRUCache<string, { readonly count: number; readonly at: number }>({
    max: 1000,
    ttl: 10 * minute,
    perf: Date,
  });
  /** Changes of one record follow each other, so that none is lost within this process. */
  private readonly changing = new Map<string, Promise<unknown>>();

  constructor(private readonly store: Store) {}

  /** The current client of an app, in whichever state. @throws MastodonError `store_failed` */
  async current(host: string, appKey: string): Promise<Client | undefined> {
    const used = recordKey('client', host, appKey);
    const record =
      (await this.read(used)) ??
      (await this.read(recordKey('client-unused', host, appKey))) ??
      // With the first login it moves from one key to the other: a reader between the two looks again.
      (this.store.isShared ? await this.read(used) : undefined);
    return isClient(record) ? record : undefined;
  }

  /** A value that is no record of ours is missing: a store that fails is not. @throws MastodonError `store_failed` */
  private read(key: string): Promise<object | undefined> {
    return this.store.get(key).catch((error: unknown) => {
      if (error instanceof MastodonError && error.cause instanceof UnknownRecordError) return undefined;
      throw error;
    });
  }

  /** The credentials of a client, current or replaced. @throws MastodonError `store_failed` */
  async credentials({ host, appKey, clientId }: ClientOf): Promise<ClientCredentials | undefined> {
    if (isKnownByURL({ clientId })) return { clientId };
    const used = recordKey('credentials', host, appKey, clientId);
    const record =
      (await this.store.get(used)) ??
      (await this.store.get(recordKey('credentials-unused', host, appKey, clientId))) ??
      // As above: with the first login they move.
      (this.store.isShared ? await this.store.get(used) : undefined);
    return isCredentials(record) && record.clientId === clientId ? record : undefined;
  }

  /**
   * Registers, and saves the result as the current client.
   * @param register sends the registration; left out where its result could not be saved the last time
   * @throws MastodonError as `register`, or `store_failed`
   */
  async add(host: string, appKey: string, register: () => Promise<RegisteredClient>): Promise<Client> {
    const registered = this.unsaved.get(appKey) ?? (await register());
    this.unsaved.set(appKey, registered);
    const { clientId, clientSecret } = registered;
    // First under its own ID: a caller that finds it as the current one can rely on its credentials.
    const own = recordKey('credentials-unused', host, appKey, clientId);
    if (!isKnownByURL(registered))
      await this.store.set(own, { clientId, clientSecret }, unusedTtlMs + pendingTtlMs);
    const before = await this.current(host, appKey);
    const client = successor(registered, before, Date.now());
    await this.store.set(recordKey('client-unused', host, appKey), client, ttlOf(client));
    if (before?.lastLoginAt !== undefined) await this.store.delete(recordKey('client', host, appKey));
    this.unsaved.delete(appKey);
    this.starts.delete(appKey);
    return client;
  }

  /** Changes the record where the client is still the current one. A failing store changes nothing. */
  async change(
    of: ClientOf,
    changes: Partial<Pick<Client, 'state' | 'verifiedAt' | 'lastLoginAt'>>,
  ): Promise<void> {
    const { host, appKey, clientId } = of;
    const work = async () => {
      const client = await this.current(host, appKey).catch(() => undefined);
      if (client?.clientId !== clientId) return;
      const changed = { ...client, ...changes };
      const [used, unused] = [recordKey('client', host, appKey), recordKey('client-unused', host, appKey)];
      const isUsed = changed.lastLoginAt !== undefined;
      if (isUsed && client.lastLoginAt === undefined) return this.move(unused, used, changed, ttlOf(changed));
      await this.store.cache(isUsed ? used : unused, changed, ttlOf(changed));
    };
    const before = this.changing.get(appKey) ?? Promise.resolve();
    const next = before.then(work, work);
    this.changing.set(appKey, next);
    await next.finally(() => {
      if (this.changing.get(appKey) === next) this.changing.delete(appKey);
    });
  }

  /** A login was finished: the instance knows the client, and it is in use. */
  async loginFinished(of: ClientOf, credentials: ClientCredentials): Promise<void> {
    const { host, appKey, clientId } = of;
    this.starts.delete(appKey);
    const now = Date.now();
    const client = await this.current(host, appKey).catch(() => undefined);
    const isCurrent = client?.clientId === clientId;
    if (isCurrent && client.state === 'active' && now - (client.lastLoginAt ?? 0) < lastLoginEveryMs) return;
    if (!isKnownByURL(credentials)) {
      const own = recordKey('credentials', host, appKey, clientId);
      const unused = recordKey('credentials-unused', host, appKey, clientId);
      await this.move(unused, own, credentials, usedTtlMs + pendingTtlMs);
    }
    // It was called dead, and is not: what the instance says to a verification means nothing.
    if (isCurrent && client.state === 'dead') await this.rememberUnverifiable(host);
    await this.change(of, { state: 'active', lastLoginAt: now });
  }

  /** Writes a record and deletes the one that it takes the place of. Where the write fails, that one stays. */
  private async move(from: string, to: string, value: object, ttlMs: number): Promise<void> {
    const isKept = await this.store.set(to, value, ttlMs).then(
      () => true,
      () => false,
    );
    if (isKept) await this.store.delete(from);
  }

  /** @returns logins begun at the app since one was last finished, before this one */
  startsInARow(appKey: string): number {
    return this.starts.get(appKey)?.count ?? 0;
  }

  started(appKey: string): void {
    const now = performance.now();
    const { count, at } = this.starts.get(appKey) ?? { count: 0, at: -Infinity };
    if (now - at >= momentMs) this.starts.set(appKey, { count: count + 1, at: now });
  }

  verified(appKey: string): void {
    this.starts.delete(appKey);
  }

  /** Whether the instance answers a verification alike for living and dead clients. */
  async isUnverifiable(host: string): Promise<boolean> {
    return (await this.store.cached(storeKey('unverifiable', host))) !== undefined;
  }

  async rememberUnverifiable(host: string): Promise<void> {
    await this.store.cache(storeKey('unverifiable', host), { since: Date.now() }, 7 * day);
  }

  async codeCheck({ host, appKey, clientId }: ClientOf): Promise<CodeCheck> {
    return ((await this.store.cached(recordKey('code-check', host, appKey, clientId))) ?? {}) as CodeCheck;
  }

  async rememberCodeCheck({ host, appKey, clientId }: ClientOf, check: CodeCheck): Promise<void> {
    await this.store.cache(recordKey('code-check', host, appKey, clientId), check, usedTtlMs);
  }

  /** Which client a refresh token was issued to. */
  async rememberGrant({ host, origin }: PinnedInstance, refreshToken: string, of: ClientOf): Promise<void> {
    const { appKey, clientId } = of;
    await this.store.cache(storeKey('grant', host, origin, refreshToken), { appKey, clientId }, usedTtlMs);
  }

  async ofGrant({ host, origin }: PinnedInstance, refreshToken: string): Promise<ClientOf | undefined> {
    const grant = await this.store.cached(storeKey('grant', host, origin, refreshToken));
    const { appKey, clientId } = (grant ?? {}) as Partial<Record<string, unknown>>;
    return typeof appKey === 'string' && typeof clientId === 'string'
      ? { host, appKey, clientId }
      : undefined;
  }
}

/** One that replaced a used client names it, for as long as that one's tokens may be in use. */
function ttlOf({ lastLoginAt, former }: Client): number {
  return lastLoginAt === undefined && former === undefined ? unusedTtlMs : usedTtlMs;
}

function isCredentials(value: unknown): value is ClientCredentials {
  const { clientId, clientSecret } = (value ?? {}) as Record<string, unknown>;
  return typeof clientId === 'string' && typeof clientSecret === 'string';
}
