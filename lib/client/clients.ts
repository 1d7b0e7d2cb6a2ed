/** Reads and writes client records. */

import { MastodonError } from '../errors.js';
import { UnknownRecordError } from '../site-store.js';
import { hasMembers, storeKey, type Store } from '../store.js';
import type { PinnedInstance, Settings } from '../options.js';
import {
  isKnownByURL,
  nextClient,
  past,
  readClient,
  scopeSetOf,
  usedTtlMs,
  withFormer,
  type Client,
  type ClientCredentials,
  type RegisteredClient,
} from './client.js';
import { boundedMap } from '../util/memory.js';

const minute = 60 * 1000;
const day = 24 * 60 * minute;

/** Time to live of an unused client. Short, because visitors can cause any number of them. */
const unusedTtlMs = 60 * minute;
/** Additional time to live of credentials, for a login that began just before the client record expired. */
const pendingTtlMs = 15 * minute;
/** Shortest interval between two writes of `lastLoginAt`. */
const lastLoginEveryMs = 30 * 1000;
/** Starts within this time count as one. Milliseconds. */
const momentMs = 20;

/** Maximum number of scope sets. Each is a separate app at each instance. */
const maxScopes = 16;

/** Identifies a client in keys of records. */
export interface ClientOf {
  readonly host: string;
  readonly appKey: string;
  readonly clientId: string;
}

/** When the instance refused an invalid code of a client. Milliseconds since the epoch. */
export interface CodeCheck {
  /** By the check before the first code of a visitor. */
  readonly first?: number;
  /** By a check after a consent. */
  readonly afterConsent?: number;
}

/**
 * Reads and writes these kinds of records: `client` and `credentials`; the same with `-unused` for apps with which no login was
 * finished, so that a flood of new ones evicts none in use; and `code-check`.
 */
export class Clients {
  /** Registered clients that could not be saved. The next try saves them and does not register again. */
  private readonly unsaved = boundedMap<RegisteredClient>(1000, 10 * minute);
  private readonly starts = boundedMap<{ readonly count: number; readonly at: number }>(1000, 10 * minute);
  /** Changes of one record run one after another, so that none is lost within this process. */
  private readonly changing = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: Store,
    private readonly site: Pick<Settings, 'clientName' | 'callbackURL'>,
  ) {}

  /** The current client of an app, in any state. @throws MastodonError `store_failed` */
  async current(host: string, appKey: string): Promise<Client | undefined> {
    const used = storeKey('client', host, appKey);
    const unused = storeKey('client-unused', host, appKey);
    // With the first login it moves from one key to the other: a reader between the two looks again.
    for (const key of this.store.isShared ? [used, unused, used] : [used, unused]) {
      const record = await this.store.get(key).catch(ignoreUnknownRecord);
      if (record !== undefined) return readClient(record, Date.now());
    }
    return undefined;
  }

  /** The credentials of a client, current or replaced. @throws MastodonError `store_failed` */
  async credentials({ host, appKey, clientId }: ClientOf): Promise<ClientCredentials | undefined> {
    if (isKnownByURL({ clientId })) return { clientId };
    const used = storeKey('credentials', host, appKey, clientId);
    const record =
      (await this.store.get(used)) ??
      (await this.store.get(storeKey('credentials-unused', host, appKey, clientId))) ??
      // As above: with the first login they move.
      (this.store.isShared ? await this.store.get(used) : undefined);
    const isWhole = hasMembers(record, 'string', ['clientId', 'clientSecret']);
    const credentials = record as ClientCredentials;
    return isWhole && credentials.clientId === clientId ? credentials : undefined;
  }

  /**
   * Registers a client, and saves it as the current one.
   * @param register sends the registration; not called if an earlier result is still unsaved
   * @throws MastodonError as `register`, or `store_failed`
   */
  async add(host: string, appKey: string, register: () => Promise<RegisteredClient>): Promise<Client> {
    const registered = this.unsaved.get(appKey) ?? (await register());
    this.unsaved.set(appKey, registered);
    const { clientId, clientSecret } = registered;
    // First under its own ID: a caller that finds it as the current one can rely on its credentials.
    const own = storeKey('credentials-unused', host, appKey, clientId);
    await this.store.set(own, { clientId, clientSecret }, unusedTtlMs + pendingTtlMs);
    const client = await this.inTurn(appKey, async () => {
      const before = await this.current(host, appKey);
      const next = nextClient(registered, before, Date.now());
      await this.store.set(storeKey('client-unused', host, appKey), next, ttlOf(next));
      if (before?.lastLoginAt !== undefined) await this.store.delete(storeKey('client', host, appKey));
      return next;
    });
    this.unsaved.delete(appKey);
    this.starts.delete(appKey);
    return client;
  }

  /** Changes the record if the client is still the current one. Ignores failures of the store. */
  async change(
    { host, appKey, clientId }: ClientOf,
    changes: Partial<Pick<Client, 'state' | 'verifiedAt' | 'lastLoginAt'>>,
  ): Promise<void> {
    await this.update(host, appKey, (client) =>
      client.clientId === clientId ? { ...client, ...changes } : undefined,
    );
  }

  /** @param next returns the changed record, or `undefined` to keep the record */
  private async update(
    host: string,
    appKey: string,
    next: (client: Client) => Client | undefined,
  ): Promise<void> {
    await this.inTurn(appKey, async () => {
      const client = await this.current(host, appKey).catch(() => undefined);
      const changed = client && next(client);
      if (!changed) return;
      const [used, unused] = [storeKey('client', host, appKey), storeKey('client-unused', host, appKey)];
      const ttlMs = ttlOf(changed);
      if (changed.lastLoginAt === undefined) await this.store.cache(unused, changed, ttlMs);
      else if (client.lastLoginAt === undefined) await this.move(unused, used, changed, ttlMs);
      else await this.store.cache(used, changed, ttlMs);
    });
  }

  /** Runs the changes of one record one after another. */
  private async inTurn<T>(appKey: string, work: () => Promise<T>): Promise<T> {
    const before = this.changing.get(appKey) ?? Promise.resolve();
    const next = before.then(work, work);
    this.changing.set(appKey, next);
    return next.finally(() => {
      if (this.changing.get(appKey) === next) this.changing.delete(appKey);
    });
  }

  /** Records a finished login, so the client is `active`. */
  async loginFinished(of: ClientOf, credentials: ClientCredentials): Promise<void> {
    const { host, appKey, clientId } = of;
    this.starts.delete(appKey);
    const now = Date.now();
    const client = await this.current(host, appKey).catch(() => undefined);
    const isCurrent = client?.clientId === clientId;
    if (isCurrent && client.state === 'active' && now - (client.lastLoginAt ?? 0) < lastLoginEveryMs) return;
    if (!isKnownByURL(credentials)) {
      const own = storeKey('credentials', host, appKey, clientId);
      const unused = storeKey('credentials-unused', host, appKey, clientId);
      await this.move(unused, own, credentials, usedTtlMs + pendingTtlMs);
    }
    // The client is recorded as dead but works. So verifications at this instance give no information.
    if (isCurrent && client.state === 'dead') await this.rememberUnverifiable(host);
    if (isCurrent || !client) return this.change(of, { state: 'active', lastLoginAt: now });
    // The login was begun before another caller replaced its client. Token revocation must find this one.
    const isFresh = client.former?.some(
      (one) => one.clientId === clientId && one.until > now + usedTtlMs - lastLoginEveryMs,
    );
    if (isFresh) return;
    await this.update(host, appKey, (latest) =>
      latest.clientId === clientId ? undefined : withFormer(latest, clientId, now + usedTtlMs),
    );
  }

  /** Writes a record and deletes the one that it replaces. If the write fails, the old one stays. */
  private async move(from: string, to: string, value: object, ttlMs: number): Promise<void> {
    try {
      await this.store.set(to, value, ttlMs);
    } catch {
      return;
    }
    await this.store.delete(from);
  }

  /** @returns logins begun with the app since the last finished one, not counting this one */
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

  /** Whether the instance answers a verification alike for active and dead clients. */
  async isUnverifiable(host: string): Promise<boolean> {
    return (await this.store.cached(storeKey('unverifiable', host))) !== undefined;
  }

  async rememberUnverifiable(host: string): Promise<void> {
    await this.store.cache(storeKey('unverifiable', host), { since: Date.now() }, 7 * day);
  }

  async codeCheck({ host, appKey, clientId }: ClientOf): Promise<CodeCheck> {
    const check = await this.store.cached(storeKey('code-check', host, appKey, clientId));
    const { first, afterConsent } = (check ?? {}) as CodeCheck;
    return {
      ...(first !== undefined && { first }),
      ...(afterConsent !== undefined && { afterConsent: past(afterConsent, Date.now()) }),
    };
  }

  async rememberCodeCheck({ host, appKey, clientId }: ClientOf, check: CodeCheck): Promise<void> {
    await this.store.cache(storeKey('code-check', host, appKey, clientId), check, usedTtlMs);
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

/**
 * Time to live of a client record. A record that names a used former client lives as long as that client's tokens may
 * be in use.
 */
function ttlOf({ lastLoginAt, former }: Client): number {
  return lastLoginAt === undefined && former === undefined ? unusedTtlMs : usedTtlMs;
}
