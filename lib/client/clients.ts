/** Reads and writes client records. */

import { MastodonError } from '../errors.js';
import type { ReferralLimits } from '../http/referrals.js';
import { hasMembers, storeKey, type Store } from '../store.js';
import type { PinnedInstance, Settings } from '../options.js';
import {
  day,
  minute,
  nextClient,
  readClient,
  scopeSetOf,
  usedTtlMs,
  withFormer,
  type Client,
  type ClientCredentials,
  type RegisteredClient,
} from './client.js';
import { boundedMap } from '../util/memory.js';
import { UnknownRecordError } from '../util/site-store.js';

/** Time to live of an unused client. Short, because visitors can cause any number of them. */
const unusedTtlMs = 60 * minute;
/** Additional time to live of credentials, for a login that began just before the client record expired. */
const pendingTtlMs = 15 * minute;
/** Shortest interval between two writes of `lastLoginAt`. */
const lastLoginEveryMs = 30 * 1000;
/** Maximum number of scope sets. Each is a separate app at each instance. */
const maxScopes = 16;

/** Identifies a client in keys of records. */
export interface ClientOf {
  readonly host: string;
  readonly appKey: string;
  readonly clientId: string;
}

/**
 * Reads and writes these kinds of records: `client` and `credentials`; the same with `-unused` for apps with which no login was
 * finished, so that a flood of new ones evicts none in use; `unverifiable`, `grant` and `scopes`.
 */
export class Clients {
  /** Logins begun in a row with an app and not finished, and when the last one of them began (`performance.now()`). */
  readonly starts = boundedMap<{ readonly count: number; readonly at: number }>(1000, 10 * minute);
  private readonly changing = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: Store,
    private readonly site: Pick<Settings, 'clientName' | 'callbackURL'>,
    private readonly referrals: Pick<ReferralLimits, 'inUse'>,
  ) {}

  /**
   * The current client of an app, in any state. A login that was finished with it, also by another process, lifts the limit of
   * requests to its host.
   * @throws MastodonError `store_failed`
   */
  async current(host: string, appKey: string): Promise<Client | undefined> {
    const used = storeKey('client', host, appKey);
    const unused = storeKey('client-unused', host, appKey);
    // The first login moves the record from one key to the other, so the first key is read again if neither has it.
    for (const key of this.store.isShared ? [used, unused, used] : [used, unused]) {
      const record = await this.store.get(key).catch(ignoreUnknownRecord);
      if (record === undefined) continue;
      const client = readClient(record, Date.now());
      if (client?.lastLoginAt !== undefined) this.referrals.inUse.set(host, true);
      return client;
    }
    return undefined;
  }

  /**
   * The credentials of a client, current or replaced. Like `current`, lifts the limit of requests to the host of a used client.
   * @throws MastodonError `store_failed`
   */
  async credentials({ host, appKey, clientId }: ClientOf): Promise<ClientCredentials | undefined> {
    // The URL of a client metadata document: such a client has no secret.
    if (clientId.startsWith('https://')) return { clientId };
    const used = storeKey('credentials', host, appKey, clientId);
    const unused = storeKey('credentials-unused', host, appKey, clientId);
    let record: object | undefined;
    // The keys are read as in `current`.
    for (const key of this.store.isShared ? [used, unused, used] : [used, unused]) {
      record = await this.store.get(key);
      if (record !== undefined && key === used) this.referrals.inUse.set(host, true);
      if (record !== undefined) break;
    }
    const isWhole = hasMembers(record, 'string', ['clientId', 'clientSecret']);
    const credentials = record as ClientCredentials;
    return isWhole && credentials.clientId === clientId ? credentials : undefined;
  }

  /** Saves a new client as the current one. @throws MastodonError `store_failed` */
  async add(host: string, appKey: string, registered: RegisteredClient): Promise<Client> {
    const { clientId, clientSecret } = registered;
    // First under its own ID: a caller that finds it as the current one can rely on its credentials.
    const own = storeKey('credentials-unused', host, appKey, clientId);
    await this.store.set(own, { clientId, clientSecret }, unusedTtlMs + pendingTtlMs);
    return this.update(host, appKey, (before) => nextClient(registered, before, Date.now()));
  }

  /** Changes the record if the client is still the current one. Ignores failures of the store. */
  async change(
    { host, appKey, clientId }: ClientOf,
    changes: Partial<Pick<Client, 'state' | 'verifiedAt'>>,
  ): Promise<void> {
    await this.update(host, appKey, (client) =>
      client?.clientId === clientId ? { ...client, ...changes } : undefined,
    ).catch(() => undefined);
  }

  /** Records a finished login, so the client is `active`. Ignores failures of the store. */
  async loginFinished(of: ClientOf, credentials: ClientCredentials): Promise<void> {
    const { host, appKey, clientId } = of;
    this.starts.delete(appKey);
    const now = Date.now();
    const current = await this.current(host, appKey).catch(() => undefined);
    const client = current?.clientId === clientId ? current : undefined;
    if (client?.state === 'active' && now - (client.lastLoginAt ?? 0) < lastLoginEveryMs) return;
    // The client is recorded as dead but works. So verifications at this instance give no information.
    if (client?.state === 'dead') await this.rememberUnverifiable(host);
    try {
      if (credentials.clientSecret !== undefined) {
        const used = storeKey('credentials', host, appKey, clientId);
        await this.store.set(used, credentials, usedTtlMs + pendingTtlMs);
        await this.store.delete(storeKey('credentials-unused', host, appKey, clientId));
      }
      await this.update(host, appKey, (latest) => {
        if (latest?.clientId === clientId) return { ...latest, state: 'active', lastLoginAt: now };
        // The login was begun before another caller replaced its client. Token revocation must find this one.
        const isFresh = latest?.former?.some(
          (one) => one.clientId === clientId && one.until > now + usedTtlMs - lastLoginEveryMs,
        );
        return latest && !isFresh ? withFormer(latest, clientId, now + usedTtlMs) : undefined;
      });
    } catch {
      // The next login with this client writes the record.
    }
  }

  /**
   * Changes the record of an app. The changes of one record run one after another, so that this process loses none.
   * @param change returns the next record, or `undefined` to keep the current one
   * @returns what `change` returned
   * @throws MastodonError `store_failed`
   */
  private async update<T extends Client | undefined>(
    host: string,
    appKey: string,
    change: (current: Client | undefined) => T,
  ): Promise<T> {
    const turn = this.write(host, appKey, change, this.changing.get(appKey));
    this.changing.set(appKey, turn);
    try {
      return await turn;
    } finally {
      if (this.changing.get(appKey) === turn) this.changing.delete(appKey);
    }
  }

  private async write<T extends Client | undefined>(
    host: string,
    appKey: string,
    change: (current: Client | undefined) => T,
    before: Promise<unknown> | undefined,
  ): Promise<T> {
    await before?.catch(() => undefined);
    const current = await this.current(host, appKey);
    const next = change(current);
    if (!next) return next;
    const [used, unused] = [storeKey('client', host, appKey), storeKey('client-unused', host, appKey)];
    const key = next.lastLoginAt === undefined ? unused : used;
    const keyBefore = current?.lastLoginAt === undefined ? unused : used;
    // A record that names a used former client lives as long as that client's tokens may be in use.
    await this.store.set(key, next, key === used || next.former ? usedTtlMs : unusedTtlMs);
    // Only if it has moved: otherwise another process may have just moved it the other way.
    if (key !== keyBefore) await this.store.delete(keyBefore);
    return next;
  }

  /** Whether the instance gives the same answer for active and dead clients. */
  async isUnverifiable(host: string): Promise<boolean> {
    return (await this.store.cached(storeKey('unverifiable', host))) !== undefined;
  }

  async rememberUnverifiable(host: string): Promise<void> {
    await this.store.cache(storeKey('unverifiable', host), { since: Date.now() }, 7 * day);
  }

  /** Records the client that a refresh token was issued to. */
  async rememberGrant({ host, origin }: PinnedInstance, refreshToken: string, of: ClientOf): Promise<void> {
    const { appKey, clientId } = of;
    await this.store.cache(storeKey('grant', host, origin, refreshToken), { appKey, clientId }, usedTtlMs);
  }

  async ofGrant({ host, origin }: PinnedInstance, refreshToken: string): Promise<ClientOf | undefined> {
    const grant = await this.store.cached(storeKey('grant', host, origin, refreshToken));
    if (!hasMembers(grant, 'string', ['appKey', 'clientId'])) return undefined;
    const { appKey, clientId } = grant as Omit<ClientOf, 'host'>;
    // A login was finished there: as in `current`.
    this.referrals.inUse.set(host, true);
    return { host, appKey, clientId };
  }

  /**
   * The scope sets of logins that override the site's scope. Token revocation needs their clients, and the client metadata
   * document declares them.
   */
  async scopes(): Promise<readonly string[]> {
    const { clientName, callbackURL } = this.site;
    const record = await this.store.cached(storeKey('scopes', '', clientName, callbackURL));
    const { scopes } = (record ?? {}) as { readonly scopes?: unknown };
    return Array.isArray(scopes) ? scopes.filter((one) => typeof one === 'string').slice(0, maxScopes) : [];
  }

  /** @throws TypeError for the 17th set. Scopes come from the site, so visitors cannot reach this limit. */
  async addScope(scope: string): Promise<void> {
    const asked = scopeSetOf(scope);
    const known = await this.scopes();
    if (!known.includes(asked) && known.length === maxScopes) {
      throw new TypeError(
        `MastodonLogin: logins have asked for ${maxScopes} different sets of scopes, and "scope" holds another one. Choose from ` +
          'a few fixed sets, and take none from the request',
      );
    }
    const { clientName, callbackURL } = this.site;
    const scopes = [...new Set([...known, asked])];
    await this.store.cache(storeKey('scopes', '', clientName, callbackURL), { scopes }, usedTtlMs);
  }
}

/** Treats a value that is not a record of this package as missing. @throws the error of a store that failed */
function ignoreUnknownRecord(error: unknown): undefined {
  if (error instanceof MastodonError && error.cause instanceof UnknownRecordError) return;
  throw error;
}
