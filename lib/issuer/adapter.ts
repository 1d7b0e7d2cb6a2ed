/** oidc-provider's store adapter for all records but sessions. What is good once is used up by one operation of the store. */

import { randomUUID } from 'node:crypto';
import type { ClientAddress } from '../util/client-address.js';
import { limits, type PendingRecords } from './limits.js';
import type { Adapter, AdapterPayload, KoaContextWithOIDC, OIDC } from './oidc-provider.js';
import type { IssuerStore, RecordName } from './store.js';

/** What is issued on the strength of a grant, and ends with it. */
const ofGrants = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

/** The uses of a record. For each of them there is a record of its own, which one caller takes away. */
const usesOf: Readonly<Record<string, readonly string[]>> = {
  AuthorizationCode: ['exchange'],
  Interaction: ['resume'],
  DeviceCode: ['confirm', 'answer', 'exchange'],
};

/** A record outlives its time a little, so that oidc-provider says "expired" rather than "unknown". Seconds. */
const afterlife = 60;

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
  readonly store: IssuerStore;
  readonly errors: OIDC['errors'];
  /** Longer than anything lives that is issued on a grant. Seconds. */
  readonly longest: number;
  /** By model, for those that visitors make before they log in. */
  readonly pending: ReadonlyMap<string, PendingRecords>;
  /** The request that is being answered. */
  context(): KoaContextWithOIDC | undefined;
  addressOf(ctx: KoaContextWithOIDC | undefined): ClientAddress;
}

export class StoreAdapter implements Adapter {
  constructor(
    private readonly options: AdapterOptions,
    private readonly model: string,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn = this.options.longest): Promise<void> {
    const { store, longest } = this.options;
    // A client chooses the time of its own assertions.
    const ttl = (Math.min(expiresIn, longest) + afterlife) * 1000;
    if (this.model === 'ReplayDetection') return this.useAssertion(id, ttl);
    const isNew = this.isNew(payload);
    this.checkSize(payload, isNew);
    if (!isNew && this.model === 'DeviceCode') await this.use(id, isAnswered(payload) ? 'answer' : 'confirm');
    const generation = await this.generationOf(payload);
    const until = Date.now() + ttl;
    const saved: Saved = { payload, until, ...(generation !== undefined && { generation }) };
    // What leads to a record comes first: a record that is there can be found.
    if (payload.userCode !== undefined) await store.set(this.name('code', payload.userCode), { id }, ttl);
    if (isNew) for (const use of usesOf[this.model] ?? []) await store.set(this.useOf(id, use), {}, ttl);
    await store.set(this.name('id', id), saved, ttl);
    if (isNew) this.countPending(id, payload, until);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    // Whether an assertion is new is decided as it is written.
    if (this.model === 'ReplayDetection') return undefined;
    const saved = await this.options.store.get<Saved>(this.name('id', id));
    if (saved === undefined || saved.until <= Date.now()) return undefined;
    const generation = await this.generationOf(saved.payload);
    // A generation that has expired itself was there longer than anything of the one before.
    if (generation !== undefined && generation !== saved.generation) return undefined;
    return saved.payload;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const found = await this.options.store.get<{ id: string }>(this.name('code', userCode));
    return found && this.find(found.id);
  }

  /** Of sessions only. */
  async findByUid(): Promise<undefined> {}

  /**
   * The record stays and is marked, so that a later use is recognised as a theft and ends what the first one was given.
   * Taking the record instead would let one process delete the mark that another one is just leaving.
   */
  async consume(id: string): Promise<void> {
    const { store } = this.options;
    const saved = await store.get<Saved>(this.name('id', id));
    if (saved === undefined) throw this.alreadyUsed();
    await this.use(id, 'exchange');
    this.options.pending.get(this.model)?.end(id);
    const payload = { ...saved.payload, consumed: Math.floor(Date.now() / 1000) };
    await store.set(this.name('id', id), { ...saved, payload }, Math.max(1000, saved.until - Date.now()));
  }

  /** What leads to the record is left: it leads nowhere then, and expires. */
  async destroy(id: string): Promise<void> {
    this.options.pending.get(this.model)?.end(id);
    if (this.model === 'Interaction') await this.use(id, 'resume');
    await this.options.store.delete(this.name('id', id));
  }

  /** Makes room. A failure is ignored. */
  async drop(id: string): Promise<void> {
    await this.options.store.delete(this.name('id', id));
  }

  /**
   * There is no list of what a grant was used for, which two processes could write over each other: the grant begins a new
   * generation, and what was issued in another one does not count any more.
   */
  async revokeByGrantId(grantId: string): Promise<void> {
    const begun: Generation = { generation: randomUUID() };
    await this.options.store.set(
      this.name('grant', grantId),
      begun,
      (this.options.longest + afterlife) * 1000,
    );
  }

  private isNew(payload: AdapterPayload): boolean {
    if (this.model === 'DeviceCode') return payload.inFlight !== true && !isAnswered(payload);
    return this.model !== 'Interaction' || payload.result === undefined;
  }

  private async use(id: string, use: string): Promise<void> {
    const ctx = this.options.context();
    // oidc-provider writes an error into the device's code for a request that failed, such as a repeated one.
    const isRepeated = ctx?.state.isRepeated === true;
    if (!isRepeated && (await this.options.store.take(this.useOf(id, use))) !== undefined) return;
    if (ctx) ctx.state.isRepeated = true;
    throw this.alreadyUsed();
  }

  private async useAssertion(id: string, ttl: number): Promise<void> {
    if (await this.options.store.isFirst(this.name('id', id), ttl)) return;
    throw new this.options.errors.InvalidClientAuth('client assertion tokens must only be used once');
  }

  private alreadyUsed(): Error {
    const { InvalidGrant, SessionNotFound } = this.options.errors;
    if (this.model === 'Interaction') return new SessionNotFound('the login was already used');
    return new InvalidGrant('already used');
  }

  private checkSize(payload: AdapterPayload, isNew: boolean): void {
    const most = isNew && this.model === 'DeviceCode' ? limits.device : limits.record;
    if (JSON.stringify(payload).length <= most) return;
    throw new this.options.errors.InvalidRequest(`the request has more than ${most} characters`);
  }

  private countPending(id: string, payload: AdapterPayload, until: number): void {
    const pending = this.options.pending.get(this.model);
    if (!pending) return;
    const { client_id: client } = payload.params as { readonly client_id?: unknown };
    const address = this.options.addressOf(this.options.context());
    pending.add({ id, address, client: String(client), size: JSON.stringify(payload).length, until });
  }

  private async generationOf({ grantId }: AdapterPayload): Promise<string | undefined> {
    if (grantId === undefined || !ofGrants.has(this.model)) return undefined;
    return (await this.options.store.get<Generation>(this.name('grant', grantId)))?.generation;
  }

  private useOf(id: string, use: string): RecordName {
    return [`${this.model}Use`, use, id];
  }

  private name(way: string, value: string): RecordName {
    return [this.model, way, value];
  }
}

function isAnswered({ accountId, error }: AdapterPayload): boolean {
  return accountId !== undefined || error !== undefined;
}
