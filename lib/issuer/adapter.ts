/** oidc-provider's store adapter for all records but sessions. One operation of the store uses up what is valid once. */

import type { ClientAddress } from '../util/client-address.js';
import { limits, type PendingRecords } from './limits.js';
import type { Adapter, AdapterPayload, KoaContextWithOIDC, OIDC } from './oidc-provider.js';
import { isCurrent, type EndingName, type Endings, type IssuerStore, type RecordName } from './store.js';

/** Models whose records are issued on a grant and end with it. */
const ofGrants = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

/** The uses of a record. Each has a record of its own, which one caller takes. */
const usesOf: Readonly<Record<string, readonly string[]>> = {
  AuthorizationCode: ['exchange'],
  RefreshToken: ['exchange'],
  Interaction: ['resume'],
  DeviceCode: ['confirm', 'answer', 'exchange'],
};

/** A record stays this much longer, so that oidc-provider answers "expired" rather than "unknown". Seconds. */
export const expiredKeepSeconds = 60;

interface Saved {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Of its names, as they were when the request began that issued it. */
  readonly generations?: readonly string[];
}

export interface AdapterOptions {
  readonly store: IssuerStore;
  readonly endings: Endings;
  readonly errors: OIDC['errors'];
  /** Longer than anything lives that is issued on a grant. Seconds. */
  readonly longest: number;
  /** By model, for those that visitors make before they log in. */
  readonly pending: ReadonlyMap<string, PendingRecords>;
  /** The request that is being answered. */
  context(): KoaContextWithOIDC | undefined;
  /** Of the visitor or program whose request is being answered. */
  address(): ClientAddress;
}

export class StoreAdapter implements Adapter {
  constructor(
    private readonly options: AdapterOptions,
    private readonly model: string,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn = this.options.longest): Promise<void> {
    const { store, longest } = this.options;
    // A client chooses the time of its own assertions.
    const ttl = (Math.min(expiresIn, longest) + expiredKeepSeconds) * 1000;
    if (this.model === 'ReplayDetection') return this.useAssertion(id, ttl);
    const isNew = this.isNew(payload);
    this.checkSize(payload, isNew);
    if (!isNew && this.model === 'DeviceCode') await this.use(id, isAnswered(payload) ? 'answer' : 'confirm');
    const generations = await this.generationsOf(payload);
    const until = Date.now() + ttl;
    const saved: Saved = { payload, until, generations };
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
    // oidc-provider refuses it, and revokes the grant.
    if (saved.payload.consumed !== undefined) return saved.payload;
    const current = await this.generationsOf(saved.payload);
    return current.every((one, i) => isCurrent(saved.generations?.[i], one)) ? saved.payload : undefined;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const found = await this.options.store.get<{ id: string }>(this.name('code', userCode));
    return found && this.find(found.id);
  }

  /** Of sessions only. */
  async findByUid(): Promise<undefined> {}

  /**
   * The record stays and says that it was used, so that oidc-provider recognises a second use as a theft and revokes the grant.
   * Without the record, one process would delete what another one has just written.
   */
  async consume(id: string): Promise<void> {
    const { store } = this.options;
    const saved = await store.get<Saved>(this.name('id', id));
    if (saved === undefined) throw this.alreadyUsed();
    try {
      await this.use(id, 'exchange');
    } catch (error) {
      // The second use came at the same time as the first one.
      if (this.model !== 'DeviceCode') await this.revokeByGrantId(String(saved.payload.grantId));
      throw error;
    }
    this.options.pending.get(this.model)?.end(id);
    const payload = { ...saved.payload, consumed: Math.floor(Date.now() / 1000) };
    await store.set(this.name('id', id), { ...saved, payload }, Math.max(1000, saved.until - Date.now()));
  }

  async destroy(id: string): Promise<void> {
    this.options.pending.get(this.model)?.end(id);
    if (this.model === 'Interaction') await this.use(id, 'resume');
    await this.drop(id);
  }

  /** Deletes a record and all that belong to it. A failure is ignored. */
  async drop(id: string): Promise<void> {
    const { store } = this.options;
    const names = [this.name('id', id), ...(usesOf[this.model] ?? []).map((use) => this.useOf(id, use))];
    if (this.model === 'Interaction') names.push(bindingOf(id));
    if (this.model === 'DeviceCode') {
      const saved = await store.cached<Saved>(this.name('id', id));
      names.push(this.name('code', saved?.payload.userCode ?? ''));
    }
    await Promise.all(names.map((name) => store.delete(name)));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.options.endings.end(['GrantEnded', grantId]);
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
    const address = this.options.address();
    pending.add({ id, address, client: String(client), size: JSON.stringify(payload).length, until });
  }

  /**
   * One request reads a generation once: what it issues has the generation of what it was issued for, and ends with that, also
   * where the end comes in between.
   */
  private generationsOf(payload: AdapterPayload): Promise<readonly string[]> {
    const state = this.options.context()?.state ?? {};
    const known = (state.generations ??= new Map()) as Map<string, Promise<string>>;
    const read = (name: EndingName) => {
      const key = JSON.stringify(name);
      const generation = known.get(key) ?? this.options.endings.generationOf(name);
      known.set(key, generation);
      return generation;
    };
    return Promise.all(this.endingsOf(payload).map(read));
  }

  private endingsOf({ grantId, accountId, clientId, gty }: AdapterPayload): readonly EndingName[] {
    if (!ofGrants.has(this.model)) return [];
    // A device stays logged in when the browser logs out that helped it.
    const isDevice = this.model === 'DeviceCode' || gty?.startsWith('device_code') === true;
    return [
      ['GrantEnded', grantId ?? ''],
      ['PersonEnded', accountId ?? ''],
      ...(isDevice ? [] : [['ClientEnded', accountId ?? '', clientId ?? ''] as const]),
    ];
  }

  private useOf(id: string, use: string): RecordName {
    return [`${this.model}-${use}`, id];
  }

  private name(way: string, value: string): RecordName {
    return [this.model, way, value];
  }
}

/** Of the record that names the browser of an interaction. */
export function bindingOf(uid: string): RecordName {
  return ['browser', uid];
}

function isAnswered({ accountId, error }: AdapterPayload): boolean {
  return accountId !== undefined || error !== undefined;
}
