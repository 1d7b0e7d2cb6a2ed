/**
 * The client of this site at an instance: its states, and the decision to use, verify or replace it. A client whose ID is a URL
 * has no state: the instance stores nothing for it.
 *
 * | state | observation | action → state |
 * |---|---|---|
 * | none, dead | login start | register → unverified, generation + 1 |
 * | any | the secret expires within 15 minutes | replace, rate-limited |
 * | unverified, active | registered, verified or used within 10 minutes (unused) or 24 hours (used), nothing abandoned | use |
 * | unverified | unused for more than 10 minutes | verify |
 * | active | more than 24 hours | verify |
 * | unverified, active | this browser abandoned a login since the last registration or login, or three logins began and none finished | verify, at most once a minute |
 * | the same | this browser abandoned another one since that verification | replace, rate-limited; else use |
 * | verifying | recognised, or no clear answer | use |
 * | verifying | unknown client, `invalid_scope` | dead |
 * | unverifiable | this browser abandoned a login | replace, rate-limited; else use |
 * | any | the exchange of a code says `invalid_client` | dead, and `login_restart` |
 * | any | the exchange of a code succeeds | active |
 * | any | a token for an invalid code | dead, and `instance_insecure` for an hour |
 *
 * If the instance reports three unused clients in a row as unknown within ten minutes, the next client is kept. Replacements
 * without a verification are rate-limited: one in ten minutes. The interval doubles with each unused client in a row, and with
 * each former client whose tokens may still be in use. So visitors who leave logins unfinished cannot push a client out of the
 * record before its tokens have ended.
 */

import type { Instance, Settings } from '../options.js';
import { hasMembers } from '../store.js';
import { digest } from '../util/crypto.js';
import { withHost } from '../util/url.js';
import { clientIdAt, documentScope } from './metadata-document.js';

/** Client credentials as the instance issued them. Immutable. */
export interface ClientCredentials {
  readonly clientId: string;
  /** Absent if the ID is the URL of a client metadata document. */
  readonly clientSecret?: string;
  /** Milliseconds since the epoch. Absent if the secret does not expire. */
  readonly secretExpiresAt?: number;
}

/** Client credentials with the values of their registration. */
export interface RegisteredClient extends ClientCredentials {
  readonly redirectURI: string;
  readonly scope: string;
}

/** The current client of an app, with its state. Times are milliseconds since the epoch. Plain JSON. */
export interface Client {
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** Incremented by each replacement. A write for an earlier generation is discarded. */
  readonly generation: number;
  readonly state: 'unverified' | 'active' | 'dead';
  readonly registeredAt: number;
  /** Time of the last verification, written before its request. 0 for never. */
  readonly verifiedAt: number;
  /** Time of the last finished login. May be up to 30 seconds too early. */
  readonly lastLoginAt?: number;
  readonly secretExpiresAt?: number;
  /**
   * Set if it replaced a client in another state than `dead`: the time, and the number of such unused clients in a row.
   */
  readonly replaced?: { readonly at: number; readonly unusedInARow: number };
  /** Earlier unused clients that the instance reported as unknown, since a time. */
  readonly deaths?: { readonly count: number; readonly since: number };
  /** Earlier used clients, the latest first. Token revocation needs them. */
  readonly former?: readonly FormerClient[];
}

/** A used client that was replaced. */
export interface FormerClient {
  readonly clientId: string;
  /** End of its credentials. Milliseconds since the epoch. */
  readonly until: number;
}

/** What may indicate a dead client. */
export interface Observations {
  /** Start times of the unfinished logins of this browser at the instance. */
  readonly abandoned: readonly number[];
  /** Logins of all browsers at the instance since the last finished one. */
  readonly startsInARow: number;
  /** Whether the instance gives the same answer for active and dead clients (Takahē, Iceshrimp). */
  readonly isUnverifiable: boolean;
}

export const minute = 60 * 1000;
export const day = 24 * 60 * minute;
/** Time to live of a used client after its last login, also if it was replaced. */
export const usedTtlMs = 90 * day;
/**
 * Maximum number of former clients in a record. Replacements without a verification cannot reach it: within `usedTtlMs` their
 * interval allows 22. An instance that forgets one client after another can, and has forgotten the tokens as well.
 */
const maxFormer = 32;
/** A client is verified at most this often. */
const verifyEveryMs = minute;
/** Age at which an unused client is verified. Pleroma deletes unused apps after 15 minutes. */
const unusedForMs = 10 * minute;
/** Remaining validity that a secret needs for a login: the time limit of a pending login, plus a margin. */
const secretNeededMs = 15 * minute;
const replaceEveryMs = 10 * minute;
const suspiciousStartsInARow = 3;
const maxDeathsInARow = 3;

/**
 * Decides what to do with a client. An unfinished login may mean that the instance deleted the client, because visitors
 * then see an error page there. It leads to a verification. If a verification was recent or gives no information, it
 * leads to a new client. Both are rate-limited, because any visitor can leave a login unfinished.
 */
export function decide(
  client: Client | undefined,
  observed: Observations,
  now: number,
): 'use' | 'verify' | 'replace' {
  if (!client || client.state === 'dead') return 'replace';
  const { registeredAt, verifiedAt, lastLoginAt = 0, secretExpiresAt = Infinity } = client;
  // A former client with an expired secret does not count: its tokens cannot be revoked anyway.
  if (secretExpiresAt - now < secretNeededMs && mayReplace(client, now, 0)) return 'replace';
  const abandoned = observed.abandoned.filter((at) => at >= Math.max(registeredAt, lastLoginAt));
  const isSuspicious = abandoned.length > 0 || observed.startsInARow >= suspiciousStartsInARow;
  const age = now - Math.max(verifiedAt, registeredAt, lastLoginAt);
  const isStale = age > (lastLoginAt > 0 ? day : unusedForMs);
  if (!isSuspicious && !isStale) return 'use';
  if (!observed.isUnverifiable && now - verifiedAt >= verifyEveryMs) return 'verify';
  const sinceVerified = abandoned.filter((at) => at >= verifiedAt).length;
  // A verification between abandoned logins was the response to the earlier ones. Then a replacement needs two later
  // ones.
  const isUnanswered = sinceVerified > 0 && (sinceVerified === abandoned.length || sinceVerified > 1);
  return isUnanswered && mayReplace(client, now, formerOf(client, now).length) ? 'replace' : 'use';
}

function mayReplace({ replaced }: Client, now: number, formerClients: number): boolean {
  if (!replaced) return true;
  return now - replaced.at >= replaceEveryMs * 2 ** Math.min(replaced.unusedInARow + formerClients, 10);
}

/** The former clients whose tokens may still be in use. */
function formerOf({ former = [] }: Client, now: number): FormerClient[] {
  return former.filter(({ until }) => until > now);
}

/** The record with a former client: one that was replaced, or with which a login finished after that. */
export function withFormer(client: Client, clientId: string, until: number): Client {
  const others = (client.former ?? []).filter((one) => one.clientId !== clientId);
  return { ...client, former: [{ clientId, until }, ...others].slice(0, maxFormer) };
}

/** Whether a new client may be registered after the instance reported this one as unknown. */
export function acceptsDeath({ lastLoginAt, deaths }: Client, now: number): boolean {
  if (lastLoginAt !== undefined || !deaths) return true;
  return deaths.count < maxDeathsInARow || now - deaths.since > replaceEveryMs;
}

/** The record of a new client, with the history of the one before it. */
export function nextClient(
  { clientId, redirectURI, scope, secretExpiresAt }: RegisteredClient,
  before: Client | undefined,
  now: number,
): Client {
  const client: Client = {
    ...{ clientId, redirectURI, scope, state: 'unverified', registeredAt: now, verifiedAt: 0 },
    generation: (before?.generation ?? 0) + 1,
    ...(secretExpiresAt !== undefined && { secretExpiresAt }),
  };
  if (!before) return client;
  const { lastLoginAt, deaths, replaced } = before;
  const wasUsed = lastLoginAt !== undefined;
  // After this time its tokens cannot be revoked any more.
  const until = Math.min((lastLoginAt ?? 0) + usedTtlMs, before.secretExpiresAt ?? Infinity);
  const former = formerOf(wasUsed ? withFormer(before, before.clientId, until) : before, now);
  const history = former.length > 0 && { former };
  if (before.state === 'dead') {
    const isRecent = !wasUsed && deaths && now - deaths.since <= replaceEveryMs;
    const counted = isRecent ? { count: deaths.count + 1, since: deaths.since } : { count: 1, since: now };
    return { ...client, ...history, deaths: counted };
  }
  // A replacement without a verification counts as a verification at this time.
  const unusedInARow = wasUsed ? 0 : (replaced?.unusedInARow ?? 0) + 1;
  return { ...client, ...history, verifiedAt: now, replaced: { at: now, unusedInARow } };
}

/** The clocks of a site's processes differ by less than this. */
const clockSkewMs = 10 * minute;

/** A time that a process wrote. One in the future comes from a wrong clock and counts as two days ago, so it delays nothing. */
export function past(time: number, now: number): number {
  return time > now + clockSkewMs ? now - 2 * day : time;
}

/** Reads a record from a store. @returns `undefined` unless it is complete; its times are in the past */
export function readClient(value: unknown, now: number): Client | undefined {
  const { replaced, deaths, former, ...record } = Object(value) as Record<string, unknown>;
  const { lastLoginAt = 0, secretExpiresAt = 0 } = record;
  const isWhole =
    hasMembers(record, 'string', ['clientId', 'redirectURI', 'scope']) &&
    hasMembers(record, 'number', ['generation', 'registeredAt', 'verifiedAt']) &&
    hasMembers({ lastLoginAt, secretExpiresAt }, 'number', ['lastLoginAt', 'secretExpiresAt']) &&
    ['unverified', 'active', 'dead'].includes(String(record.state)) &&
    (replaced === undefined || hasMembers(replaced, 'number', ['at', 'unusedInARow'])) &&
    (deaths === undefined || hasMembers(deaths, 'number', ['count', 'since'])) &&
    (former === undefined ||
      (Array.isArray(former) &&
        former.every(
          (one) => hasMembers(one, 'string', ['clientId']) && hasMembers(one, 'number', ['until']),
        )));
  if (!isWhole) return undefined;
  const client = value as Client;
  return {
    ...client,
    registeredAt: past(client.registeredAt, now),
    verifiedAt: past(client.verifiedAt, now),
    ...(client.lastLoginAt !== undefined && { lastLoginAt: past(client.lastLoginAt, now) }),
    ...(client.replaced && { replaced: { ...client.replaced, at: past(client.replaced.at, now) } }),
    ...(client.deaths && { deaths: { ...client.deaths, since: past(client.deaths.since, now) } }),
  };
}

/** The properties of an app. Different properties need different apps. */
export interface App {
  readonly host: string;
  readonly clientName: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** Whether the site requested this scope. Then no other scope may replace it. */
  readonly isScopeOfSite: boolean;
  /** Whether the scope is an option of one login, so its token belongs to another client than the site's own. */
  readonly isScopeOfLogin: boolean;
  readonly website: string | undefined;
  /** The URL of the client metadata document, at an instance without registration. */
  readonly clientId?: string;
  /** Identifies the app in keys of records. */
  readonly key: string;
}

/** @param scope of this login; default: the site's scope, else the smallest that reads the profile */
export function describeApp(instance: Instance, settings: Settings, scope?: string): App {
  const { clientName, callbackURL, clientMetadataURL, website } = settings;
  const { host, origin, clientMetadata } = instance;
  // The option `scope` holds Mastodon scopes. Misskey uses other names.
  const ofSite = instance.api === 'misskey' ? undefined : (scope ?? settings.scope);
  const asked = ofSite ?? (instance.api === 'misskey' ? misskeyScope : leastScope(instance));
  const redirectURI = withHost(callbackURL, host);
  const clientId = clientMetadataURL && clientMetadata && clientIdAt(clientMetadataURL, host, clientMetadata);
  return {
    ...{ host, clientName, redirectURI, scope: asked, isScopeOfSite: ofSite !== undefined, website },
    isScopeOfLogin: scope !== undefined,
    ...(clientId && { clientId }),
    key: digest(
      JSON.stringify([origin, clientName, redirectURI, scopeSetOf(asked), website ?? '', clientId ?? '']),
    ),
  };
}

/** The scopes in a canonical order. */
export function scopeSetOf(scope: string): string {
  return [...new Set(scope.split(' '))].sort().join(' ');
}

/** The smallest scope that allows `/api/i`. */
const misskeyScope = 'read:account';

/** Software known to support `read:accounts`. Others refuse it, or grant it and then refuse the account. */
const takesReadAccounts = new Set<unknown>(['mastodon', 'gotosocial', 'hollo', 'pleroma', 'akkoma']);

/** The smallest scope that allows /api/v1/accounts/verify_credentials on this server. */
export function leastScope(instance: Pick<Instance, 'scopesSupported' | 'software'>): string {
  if (instance.scopesSupported?.includes('profile')) return documentScope;
  return takesReadAccounts.has(instance.software) ? 'read:accounts' : 'read';
}
