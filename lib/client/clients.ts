/** Keeps the clients of every instance: the current one, and those before it for as long as anything belongs to them. */

import { lru } from 'tiny-lru';
import type { Instance, PinnedInstance } from '../options.js';
import { storeKey, type Store } from '../store.js';
import {
  grantKey,
  isClient,
  newClientKey,
  ownKey,
  ownTtlOf,
  successionKey,
  ttlOf,
  unusedTtlMs,
  usedTtlMs,
  type Client,
} from './client.js';

/** What a client that was replaced hands down. Plain JSON. */
export interface Succession {
  readonly former?: string | undefined;
  readonly replacedAt?: number | undefined;
  readonly inVain?: number | undefined;
  /** The instance said that it does not know the client. */
  readonly wasRefused?: boolean | undefined;
}

const hour = 60 * 60 * 1000;
/** Most former clients that a token is looked for at. */
const maxFormers = 3;
/** A login that finishes so soon after another need not be written down as the last one. */
const finishedEveryMs = 30 * 1000;

export class Clients {
  /** What this process used last, for when the store cannot be read or did not take it. */
  private readonly recent = lru<Client>(1000, hour, true);

  constructor(private readonly store: Store) {}

  /** The current client. */
  async current(key: string): Promise<Client | undefined> {
    try {
      const stored = await this.read(key);
      // A store in this process does not fail.
      if (stored && this.store.isShared) this.recent.set(key, stored);
      return stored;
    } catch {
      // Registering at every login while the store is away would soon be throttled.
      return this.recent.get(key);
    }
  }

  /** The very client a login was begun with, current or replaced. @throws MastodonError `store_failed` */
  async find(key: string, clientId: string): Promise<Client | undefined> {
    const remembered = this.recent.get(ownKey(key, clientId));
    if (remembered) return remembered;
    const current = await this.read(key);
    if (current?.clientId === clientId) return current;
    const replaced = await this.store.look(ownKey(key, clientId));
    return isClient(replaced) && replaced.clientId === clientId ? replaced : undefined;
  }

  /** The current one first, then those whose tokens may still be in use. */
  async all(key: string): Promise<Client[]> {
    const found: Client[] = [];
    let next = await this.current(key);
    while (next && found.length <= maxFormers) {
      found.push(next);
      const { former } = next;
      next = former === undefined ? undefined : await this.find(key, former).catch(() => undefined);
    }
    return found;
  }

  /** @throws MastodonError `store_failed` */
  async add(added: Client): Promise<void> {
    const client = this.store.shared(added);
    const own = ownKey(client.key, client.clientId);
    this.recent.set(client.key, client);
    this.recent.set(own, client);
    // Under its own name first: whoever finds it as the current one can rely on finding it again.
    await this.store.save(own, client, ownTtlOf(client));
    await this.store.save(newClientKey(client.key), client, unusedTtlMs);
  }

  /** Best effort, and only where this client is still known: the changes go to every place it is kept at. */
  async update(client: Client, changes: Partial<Client>): Promise<void> {
    const { key, clientId } = client;
    const own = ownKey(key, clientId);
    const current = await this.read(key).catch(() => undefined);
    const isCurrent = current?.clientId === clientId;
    const known = isCurrent ? current : (this.recent.get(own) ?? (await this.store.cached(own)));
    if (!isClient(known)) return;
    const updated = this.store.shared({ ...known, ...changes });
    this.recent.set(own, updated);
    await this.store.cache(own, updated, ownTtlOf(updated));
    if (!isCurrent) return;
    const isUsed = updated.finishedAt !== undefined;
    await this.store.cache(isUsed ? key : newClientKey(key), updated, ttlOf(updated));
    if (isUsed && known.finishedAt === undefined) await this.store.drop(newClientKey(key));
  }

  /** A login was finished with it. */
  async finished(client: Client): Promise<void> {
    const now = Date.now();
    if (now - (client.finishedAt ?? 0) < finishedEveryMs) return;
    await this.update(client, { finishedAt: now, inVain: 0 });
  }

  /**
   * Makes room for a successor, unless another process has done so already. The client stays: logins that were begun
   * with it come back to it, whatever anybody found out meanwhile.
   */
  async retire(client: Client, succession: Succession): Promise<void> {
    const { key, clientId } = client;
    this.recent.delete(key);
    const current = await this.read(key).catch(() => undefined);
    const isCurrent = current?.clientId === clientId;
    // What is kept may be newer than what the caller began with.
    const known = isCurrent ? current : client;
    await this.store.cache(ownKey(key, clientId), known, ownTtlOf(known));
    if (!isCurrent) return;
    const former = known.finishedAt === undefined ? known.former : clientId;
    await this.store.cache(successionKey(key), { ...succession, former }, usedTtlMs);
    await this.store.drop(key);
    await this.store.drop(newClientKey(key));
  }

  async succession(key: string): Promise<Succession> {
    return ((await this.store.cached(successionKey(key))) ?? {}) as Succession;
  }

  /** Which client a refresh token belongs to; each use begins the time anew. */
  async rememberGrant(instance: PinnedInstance, refreshToken: string, client: Client): Promise<void> {
    const { key, clientId } = client;
    await this.store.cache(grantKey(instance, refreshToken), { key, clientId }, usedTtlMs);
  }

  /** @throws MastodonError `store_failed` */
  async ofGrant(instance: Instance, refreshToken: string): Promise<Client | undefined> {
    const grant = (await this.store.cached(grantKey(instance, refreshToken))) as
      Record<string, unknown> | undefined;
    const { key, clientId } = grant ?? {};
    return typeof key === 'string' && typeof clientId === 'string' ? this.find(key, clientId) : undefined;
  }

  /** Whether the instance is known to answer a proof alike for living and dead clients. */
  async isMute({ host, origin }: PinnedInstance): Promise<boolean> {
    return (await this.store.cached(storeKey('mute', host, origin))) !== undefined;
  }

  async rememberMute({ host, origin }: PinnedInstance): Promise<void> {
    await this.store.cache(storeKey('mute', host, origin), { since: Date.now() }, 7 * 24 * hour);
  }

  private async read(key: string): Promise<Client | undefined> {
    // With its first login it moves from one place to the other: who looked between the two looks again.
    const stored =
      (await this.store.look(key)) ??
      (await this.store.look(newClientKey(key))) ??
      (this.store.isShared ? await this.store.look(key) : undefined);
    return isClient(stored) && stored.key === key ? stored : undefined;
  }
}
