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

interface StoredCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Whether a login was finished with them. */
  readonly isUsed: boolean;
}

/** Reads and writes these kinds of records: `client`, `credentials`, `unverifiable`, `grant` and `scopes`. */
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
    const record = await this.store.get(storeKey('client', host, appKey)).catch(ignoreUnknownRecord);
    const client = record && readClient(record, Date.now());
    if (client?.lastLoginAt !== undefined) this.referrals.inUse.set(host, true);
    return client;
  }

  /**
   * The credentials of a client, current or replaced. Like `current`, lifts the limit of requests to the host of a used client.
   * @throws MastodonError `store_failed`
   */
  async credentials({ host, appKey, clientId }: ClientOf): Promise<ClientCredentials | undefined> {
    // The URL of a client metadata document: such a client has no secret.
    if (clientId.startsWith('https://')) return { clientId };
    const record = await this.store.get(storeKey('credentials', host, appKey, clientId));
    if (!hasMembers(record, 'string', ['clientId', 'clientSecret'])) return undefined;
    const { clientSecret, isUsed, ...saved } = record as StoredCredentials;
    if (isUsed) this.referrals.inUse.set(host, true);
    return saved.clientId === clientId ? { clientId, clientSecret } : undefined;
  }

  /** Saves a new client as the current one. @throws MastodonError `store_failed` */
  async add(host: string, appKey: string, registered: RegisteredClient): Promise<Client> {
    // First under its own ID: a caller that finds it as the current one can rely on its credentials.
    await this.saveCredentials({ host, appKey, clientId: registered.clientId }, registered, false);
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
      await this.saveCredentials(of, credentials, true);
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
    const before = this.changing.get(appKey)?.catch(() => undefined);
    const turn = Promise.resolve(before).then(async () => {
      const next = change(await this.current(host, appKey));
      // A record that names a used former client lives as long as that client's tokens may be in use.
      const isUsed = next && (next.lastLoginAt !== undefined || next.former);
      if (next)
        await this.store.set(storeKey('client', host, appKey), next, isUsed ? usedTtlMs : unusedTtlMs);
      return next;
    });
    this.changing.set(appKey, turn);
    try {
      return await turn;
    } finally {
      if (this.changing.get(appKey) === turn) this.changing.delete(appKey);
    }
  }

  private async saveCredentials(
    { host, appKey, clientId }: ClientOf,
    { clientSecret }: ClientCredentials,
    isUsed: boolean,
  ): Promise<void> {
    if (clientSecret === undefined) return;
    const key = storeKey('credentials', host, appKey, clientId);
    const stored = { clientId, clientSecret, isUsed } satisfies StoredCredentials;
    await this.store.set(key, stored, (isUsed ? usedTtlMs : unusedTtlMs) + pendingTtlMs);
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
