/** Keeps the OpenID library's records in our store, where several processes see the same. */

import { randomUUID } from 'node:crypto';
import type { Store } from '../store.js';
import type { Adapter, AdapterPayload } from './library.js';
import type { RecordKeys } from './records.js';

/** What is issued on the strength of a grant, and falls with it. */
const ofGrants = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

/** What is good once. */
const usedOnce = new Set(['AuthorizationCode', 'DeviceCode']);

/** A record is there a little longer than it is good for: the library says "expired" rather than "unknown". Seconds. */
const afterlife = 60;

/** For what the library gives no time; nothing of ours is among it. Seconds. */
const longest = 24 * 60 * 60;

interface Saved {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Of the grant, when this was issued: see `revokeByGrantId`. */
  readonly generation?: string;
}

interface Generation {
  readonly generation: string;
}

export interface AdapterOptions {
  readonly store: Store;
  readonly keys: RecordKeys;
  /** Longer than anything lives that is issued on a grant. Seconds. */
  readonly longestOfGrant: number;
  /** The library's error for a code that somebody else has used, in this very moment. */
  alreadyUsed(): Error;
}

export class StoreAdapter implements Adapter {
  constructor(
    private readonly options: AdapterOptions,
    private readonly model: string,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { store } = this.options;
    const ttl = ((expiresIn ?? longest) + afterlife) * 1000;
    const generation = await this.generationOf(payload);
    const saved: Saved = {
      payload,
      until: Date.now() + ttl,
      ...(generation !== undefined && { generation }),
    };
    // The ways to it come first: a record that is there can be found.
    if (payload.uid !== undefined) await store.save(this.key('uid', payload.uid), { id }, ttl);
    if (payload.userCode !== undefined) await store.save(this.key('code', payload.userCode), { id }, ttl);
    // With its first record only: what is written anew, as a device's is when its user agrees, is no second use.
    if (usedOnce.has(this.model) && (await store.readOrNone(this.key('id', id))) === undefined) {
      await store.save(this.key('use', id), { id }, ttl);
    }
    await store.save(this.key('id', id), saved, ttl);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const saved = (await this.options.store.read(this.key('id', id))) as Saved | undefined;
    if (saved === undefined || saved.until <= Date.now()) return undefined;
    const generation = await this.generationOf(saved.payload);
    // A generation that has expired itself was there longer than anything of the one before.
    if (generation !== undefined && generation !== saved.generation) return undefined;
    return saved.payload;
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.findBy('uid', uid);
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.findBy('code', userCode);
  }

  /**
   * Of any number of processes that found the record unused, one takes its use out of the store. The record itself
   * stays all the time, and is marked, so that a later use is recognised as a theft and ends what the first one was
   * given. Taking the record instead would let one process delete the mark that another one is just leaving.
   */
  async consume(id: string): Promise<void> {
    const { store } = this.options;
    const key = this.key('id', id);
    const saved = (await store.read(key)) as Saved | undefined;
    if (saved === undefined || (await store.take(this.key('use', id))) === undefined) {
      throw this.options.alreadyUsed();
    }
    const payload = { ...saved.payload, consumed: Math.floor(Date.now() / 1000) };
    await store.save(key, { ...saved, payload }, Math.max(1000, saved.until - Date.now()));
  }

  /** The ways to the record are left: they lead nowhere then, and expire. */
  async destroy(id: string): Promise<void> {
    await this.options.store.take(this.key('id', id));
  }

  /**
   * No list of what a grant was used for, which two processes could write over each other: the grant begins a new
   * generation, and nothing that was issued in another one counts any more.
   */
  async revokeByGrantId(grantId: string): Promise<void> {
    const begun: Generation = { generation: randomUUID() };
    const ttl = (this.options.longestOfGrant + afterlife) * 1000;
    await this.options.store.save(this.key('grant', grantId), begun, ttl);
  }

  private async findBy(way: string, value: string): Promise<AdapterPayload | undefined> {
    const found = (await this.options.store.read(this.key(way, value))) as { id: string } | undefined;
    return found && this.find(found.id);
  }

  private async generationOf({ grantId }: AdapterPayload): Promise<string | undefined> {
    if (grantId === undefined || !ofGrants.has(this.model)) return undefined;
    const found = (await this.options.store.readOrNone(this.key('grant', grantId))) as Generation | undefined;
    return found?.generation;
  }

  private key(way: string, value: string): string {
    return this.options.keys.of(this.model, way, value);
  }
}
