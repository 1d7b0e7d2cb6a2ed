/**
 * oidc-provider's store adapter for all records but sessions. A record that is valid once is used up by one operation of the
 * store.
 */

import type { Result } from './interactions.js';
import { limits, MinuteQuota, PendingRecords } from './limits.js';
import type { Adapter, AdapterPayload } from './oidc-provider.js';
import { lifetimes } from './options.js';
import { generationIn, type Shared } from './shared.js';
import { bindingRecord, isCurrent, type EndingName, type RecordName } from './store.js';

/** Models whose records are issued on a grant and end with it. */
const ofGrants = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

/** The uses of a record. Each has a record of its own, which one caller takes. */
const usesOf: Readonly<Record<string, readonly string[]>> = {
  AuthorizationCode: ['exchange'],
  RefreshToken: ['exchange'],
  Interaction: ['resume'],
  DeviceCode: ['confirm', 'answer', 'exchange'],
};

interface Saved {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** The generations of its names when the request began that issued it. */
  readonly generations?: readonly string[];
}

export class StoreAdapter implements Adapter {
  /** Set for the models whose records visitors and programs create before a login. */
  private readonly pending: PendingRecords | undefined;
  /** Wrong user codes. */
  private readonly wrongCodes = new MinuteQuota(limits.codes);

  constructor(
    private readonly shared: Shared,
    private readonly model: string,
  ) {
    const isPending = model === 'Interaction' || model === 'DeviceCode';
    this.pending = isPending ? new PendingRecords((id) => void this.drop(id)) : undefined;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn = Infinity): Promise<void> {
    const { store, settings, oidc, address } = this.shared;
    // A client chooses the time of its own assertions.
    const ttl = (Math.min(expiresIn, settings.longestTtl) + lifetimes.expired) * 1000;
    if (this.model === 'ReplayDetection') return this.useAssertion(id, ttl);
    const isNew = this.isNew(payload);
    const size = JSON.stringify(payload).length;
    const most = isNew && this.model === 'DeviceCode' ? limits.device : limits.record;
    if (size > most) throw new oidc.errors.InvalidRequest(`the request has more than ${most} characters`);
    if (!isNew && this.model === 'DeviceCode') await this.use(id, isAnswered(payload) ? 'answer' : 'confirm');
    const generations = await this.generationsOf(payload);
    const until = Date.now() + ttl;
    const saved: Saved = { payload, until, generations };
    // The records that lead to this one are written first, so that it can be found as soon as it exists.
    if (payload.userCode !== undefined) await store.set(this.name('code', payload.userCode), { id }, ttl);
    if (isNew) for (const use of usesOf[this.model] ?? []) await store.set(this.useOf(id, use), {}, ttl);
    await store.set(this.name('id', id), saved, ttl);
    const { client_id: client } = (payload.params ?? {}) as { readonly client_id?: unknown };
    if (isNew) this.pending?.add({ id, address: address(), client: String(client), size, until });
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    // Whether an assertion is new is decided as it is written.
    if (this.model === 'ReplayDetection') return undefined;
    const { store, settings, oidc } = this.shared;
    const saved = await store.get<Saved>(this.name('id', id));
    if (saved === undefined || saved.until <= Date.now()) return undefined;
    const { ctx } = oidc.Provider;
    // oidc-provider resumes what a cookie names, at any URL. A sibling host can set that cookie.
    const isResumed = this.model === 'Interaction' && ctx !== undefined;
    if (isResumed && saved.payload.returnTo !== settings.issuerURL + ctx.path) return undefined;
    // oidc-provider refuses it, and revokes the grant.
    if (saved.payload.consumed !== undefined) return saved.payload;
    const current = await this.generationsOf(saved.payload);
    return current.every((one, i) => isCurrent(saved.generations?.[i], one)) ? saved.payload : undefined;
  }

  /** RFC 8628, section 5.1: a network can try a limited number of codes. */
  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const { store, oidc, address } = this.shared;
    if (!this.wrongCodes.hasRoom(address())) throw new oidc.errors.SlowDown('too many wrong codes');
    const found = await store.get<{ id: string }>(this.name('code', userCode));
    if (!found) this.wrongCodes.addForMinute(address());
    return found && this.find(found.id);
  }

  /** Of sessions only. */
  async findByUid(): Promise<undefined> {}

  /**
   * The record stays and says that it was used, so that oidc-provider recognises a second use as a theft and revokes the grant.
   * Without the record, one process would delete what another one has just written.
   */
  async consume(id: string): Promise<void> {
    const { store } = this.shared;
    const saved = await store.get<Saved>(this.name('id', id));
    if (saved === undefined) throw this.alreadyUsed();
    try {
      await this.use(id, 'exchange');
    } catch (error) {
      // The second use came at the same time as the first one.
      if (this.model !== 'DeviceCode') await this.revokeByGrantId(String(saved.payload.grantId));
      throw error;
    }
    this.pending?.end(id);
    const payload = { ...saved.payload, consumed: Math.floor(Date.now() / 1000) };
    await store.set(this.name('id', id), { ...saved, payload }, Math.max(1000, saved.until - Date.now()));
  }

  async destroy(id: string): Promise<void> {
    this.pending?.end(id);
    if (this.model === 'Interaction') await this.use(id, 'resume');
    await this.drop(id);
  }

  /** Deletes a record and all that belong to it. A failure is ignored. */
  async drop(id: string): Promise<void> {
    const { store } = this.shared;
    const names = [this.name('id', id), ...(usesOf[this.model] ?? []).map((use) => this.useOf(id, use))];
    if (this.model === 'Interaction') names.push(bindingRecord(id));
    if (this.model === 'DeviceCode') {
      const saved = await store.cached<Saved>(this.name('id', id));
      names.push(this.name('code', saved?.payload.userCode ?? ''));
    }
    await Promise.all(names.map((name) => store.delete(name)));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.shared.store.end(['GrantEnded', grantId]);
  }

  private isNew(payload: AdapterPayload): boolean {
    if (this.model === 'DeviceCode') return payload.inFlight !== true && !isAnswered(payload);
    return this.model !== 'Interaction' || payload.result === undefined;
  }

  private async use(id: string, use: string): Promise<void> {
    const { ctx } = this.shared.oidc.Provider;
    // oidc-provider writes an error into the device's code for a request that failed, such as a repeated one.
    const isRepeated = ctx?.state.isRepeated === true;
    if (!isRepeated && (await this.shared.store.take(this.useOf(id, use))) !== undefined) return;
    if (ctx) ctx.state.isRepeated = true;
    throw this.alreadyUsed();
  }

  private async useAssertion(id: string, ttl: number): Promise<void> {
    const { store, oidc } = this.shared;
    const isFirst = await store.update(this.name('id', id), ttl, (known) =>
      known ? undefined : { isUsed: true },
    );
    if (!isFirst) throw new oidc.errors.InvalidClientAuth('client assertion tokens must only be used once');
  }

  private alreadyUsed(): Error {
    const { InvalidGrant, SessionNotFound } = this.shared.oidc.errors;
    if (this.model === 'Interaction') return new SessionNotFound('the login was already used');
    return new InvalidGrant('already used');
  }

  private generationsOf(payload: AdapterPayload): Promise<readonly string[]> {
    return Promise.all(this.endingsOf(payload).map((name) => generationIn(this.shared, name)));
  }

  private endingsOf(payload: AdapterPayload): readonly EndingName[] {
    const { grantId, accountId, clientId, gty } = payload;
    if (this.model === 'Interaction') {
      const { login } = (payload.result ?? {}) as Result;
      return login ? [['PersonEnded', login.accountId]] : [];
    }
    if (!ofGrants.has(this.model)) return [];
    // A device stays logged in after a logout in the browser that approved it.
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

function isAnswered({ accountId, error }: AdapterPayload): boolean {
  return accountId !== undefined || error !== undefined;
}
