/**
 * The client that this site has at an instance, and the one rule for its use.
 *
 * | state | sign | action → state |
 * |---|---|---|
 * | none, dead | login start | register → unverified, generation + 1 |
 * | any | the client ID is a URL | use |
 * | any | the secret expires within 15 minutes | replace, rationed |
 * | unverified, active | registered, verified or used within 10 minutes (unused) or 24 hours (used), nothing abandoned | use |
 * | unverified | unused for more than 10 minutes | verify |
 * | active | more than 24 hours | verify |
 * | unverified, active | this browser abandoned a login since the last registration or login, or any three were | verify, at most once a minute |
 * | the same | this browser abandoned another one since that verification | replace, rationed; else use |
 * | verifying | recognised, or no clear answer | use |
 * | verifying | unknown client, `invalid_scope` | dead |
 * | unverifiable | this browser abandoned a login | replace, rationed; else use |
 * | any | the exchange of a code says `invalid_client` | dead, and `login_restart` |
 * | any | the exchange of a code succeeds | active |
 * | any | a token for an invalid code | dead, and `instance_insecure` for an hour |
 *
 * After three unused clients in a row that the instance called unknown within ten minutes, registering again is no cure: the
 * client stays. Replacements without a verification are rationed: ten minutes, doubled each time until a login finishes.
 */

import { leastScope, misskeyScope } from '../discovery/software.js';
import type { Instance, Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import { digest } from '../util/digest.js';
import { withHost } from '../util/url.js';
import { clientIdAt } from './metadata-document.js';

/** What the instance gave. Never changes. */
export interface ClientCredentials {
  readonly clientId: string;
  /** Absent where the ID is the URL of a client metadata document. */
  readonly clientSecret?: string;
  /** Milliseconds since the epoch; absent where it does not expire. */
  readonly secretExpiresAt?: number;
}

/** Credentials with what they were registered for. */
export interface RegisteredClient extends ClientCredentials {
  readonly redirectURI: string;
  readonly scope: string;
}

/** The current client of an app, with its state. Times are milliseconds since the epoch. Plain JSON. */
export interface Client {
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** Raised by each replacement: a write about an earlier generation is discarded. */
  readonly generation: number;
  readonly state: 'unverified' | 'active' | 'dead';
  readonly registeredAt: number;
  /** When the instance was last asked whether it knows the client; 0 for never. Written before the request. */
  readonly verifiedAt: number;
  /** When a login was last finished, give or take a moment. */
  readonly lastLoginAt?: number;
  readonly secretExpiresAt?: number;
  /** It replaced a client that was not known to be dead: when, and how many in a row of which none was used. */
  readonly replaced?: { readonly at: number; readonly unusedInARow: number };
  /** Unused clients before it that the instance called unknown, since a time. */
  readonly deaths?: { readonly count: number; readonly since: number };
  /** Used clients before it, the last one first: their tokens may still be in use. */
  readonly former?: readonly string[];
}

/** What speaks for or against a client. */
export interface Signs {
  /** When this browser began the logins at the instance that it never finished. */
  readonly abandoned: readonly number[];
  /** Logins begun there by any browser since one was last finished. */
  readonly startsInARow: number;
  /** Whether the instance answers alike for living and dead clients (Takahē, Iceshrimp). */
  readonly isUnverifiable: boolean;
}

const minute = 60 * 1000;
const day = 24 * 60 * minute;

/** A client is verified at most this often. */
export const verifyEveryMs = minute;

/** Pleroma deletes unused apps after 15 minutes. */
const unusedForMs = 10 * minute;
/** The longest time for a login at the instance, and some for the way. */
const secretNeededMs = 15 * minute;
const replaceEveryMs = 10 * minute;
const startsInARowTold = 3;
const deathsBelieved = 3;

/**
 * A login that was not finished is a sign that the instance forgot the client: visitors get stuck on an error page there. The
 * sign leads to a verification; where that was just done, or tells nothing, to a new client. Both are rationed, as any
 * visitor can give the sign.
 */
export function decide(client: Client | undefined, signs: Signs, now: number): 'use' | 'verify' | 'replace' {
  if (!client || client.state === 'dead') return 'replace';
  if (isKnownByURL(client)) return 'use';
  const { registeredAt, verifiedAt, lastLoginAt = 0, secretExpiresAt = Infinity } = client;
  if (secretExpiresAt - now < secretNeededMs && mayReplace(client, now)) return 'replace';
  const abandoned = signs.abandoned.filter((at) => at >= Math.max(registeredAt, lastLoginAt));
  const isSuspicious = abandoned.length > 0 || signs.startsInARow >= startsInARowTold;
  const age = now - Math.max(verifiedAt, registeredAt, lastLoginAt);
  const isStale = age > (lastLoginAt > 0 ? day : unusedForMs);
  if (!isSuspicious && !isStale) return 'use';
  if (!signs.isUnverifiable && now - verifiedAt >= verifyEveryMs) return 'verify';
  const sinceVerified = abandoned.filter((at) => at >= verifiedAt).length;
  // A verification between two tries of one row was the answer to them; it takes two more to call that into question.
  const isUnanswered = sinceVerified > 0 && (sinceVerified === abandoned.length || sinceVerified > 1);
  return isUnanswered && mayReplace(client, now) ? 'replace' : 'use';
}

function mayReplace({ replaced }: Client, now: number): boolean {
  if (!replaced) return true;
  return now - replaced.at >= replaceEveryMs * 2 ** Math.min(replaced.unusedInARow, 10);
}

/** The instance fetches a document of this site's. Nothing was given for the client, so it cannot be lost. */
export function isKnownByURL({ clientId }: { readonly clientId: string }): boolean {
  return clientId.startsWith('https://');
}

/** Whether a new client may be registered because the instance called this one unknown. */
export function believesDeath({ lastLoginAt, deaths }: Client, now: number): boolean {
  if (lastLoginAt !== undefined || !deaths) return true;
  return deaths.count < deathsBelieved || now - deaths.since > replaceEveryMs;
}

/** The new client's record, with what is left of the one before it. */
export function successor(registered: RegisteredClient, before: Client | undefined, now: number): Client {
  const { clientId, redirectURI, scope, secretExpiresAt } = registered;
  const isDead = before?.state === 'dead';
  const wasUsed = before?.lastLoginAt !== undefined;
  const former = [...(before && wasUsed ? [before.clientId] : []), ...(before?.former ?? [])].slice(0, 3);
  return {
    ...{ clientId, redirectURI, scope },
    generation: (before?.generation ?? 0) + 1,
    state: 'unverified',
    registeredAt: now,
    // A replacement without a verification was the answer to the signs of this moment.
    verifiedAt: before && !isDead ? now : 0,
    ...(secretExpiresAt !== undefined && { secretExpiresAt }),
    ...(before &&
      !isDead && {
        replaced: { at: now, unusedInARow: wasUsed ? 0 : (before.replaced?.unusedInARow ?? 0) + 1 },
      }),
    ...(before && isDead && { deaths: wasUsed ? { count: 1, since: now } : moreDeaths(before, now) }),
    ...(former.length > 0 && { former }),
  };
}

function moreDeaths({ deaths }: Client, now: number): NonNullable<Client['deaths']> {
  if (!deaths || now - deaths.since > replaceEveryMs) return { count: 1, since: now };
  return { count: deaths.count + 1, since: deaths.since };
}

/** Whether a value from a store is such a record. It may be half of one, or another program's. */
export function isClient(value: unknown): value is Client {
  const { replaced, deaths, former, ...record } = Object(value) as Record<string, unknown>;
  const has = (of: unknown, type: string, ...names: string[]) =>
    names.every((name) => typeof (Object(of) as Record<string, unknown>)[name] === type);
  return (
    has(record, 'string', 'clientId', 'redirectURI', 'scope') &&
    has(record, 'number', 'generation', 'registeredAt', 'verifiedAt') &&
    ['unverified', 'active', 'dead'].includes(String(record.state)) &&
    ['lastLoginAt', 'secretExpiresAt'].every(
      (name) => record[name] === undefined || has(record, 'number', name),
    ) &&
    (replaced === undefined || has(replaced, 'number', 'at', 'unusedInARow')) &&
    (deaths === undefined || has(deaths, 'number', 'count', 'since')) &&
    (former === undefined || (Array.isArray(former) && former.every((id) => typeof id === 'string')))
  );
}

/** Another value of any of these needs another app. */
export interface App {
  readonly host: string;
  readonly clientName: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** The site asked for this very scope, so that no other one may take its place. */
  readonly isScopeOfSite: boolean;
  /** The scope was given for one login, so that its token belongs to another client than most. */
  readonly isScopeOfLogin: boolean;
  readonly website: string | undefined;
  /** The URL of the client metadata document, at an instance that registers no client. */
  readonly clientId?: string;
  /** Stands for all of them in the keys of records. */
  readonly key: string;
}

/** @param scope for this login alone; default: the site's own, else the least that reads the profile */
export function describeApp(instance: Instance, settings: Settings, scope?: string): App {
  const { clientName, callbackURL, clientMetadataURL, website } = settings;
  const { host, origin, clientMetadata } = instance;
  // Scopes are named as Mastodon names them; Misskey's are others.
  const ofSite = instance.api === 'misskey' ? undefined : (scope ?? settings.scope);
  const asked = ofSite ?? (instance.api === 'misskey' ? misskeyScope : leastScope(instance));
  const redirectURI = withHost(callbackURL, host);
  const clientId = clientMetadataURL && clientMetadata && clientIdAt(clientMetadataURL, host, clientMetadata);
  return {
    ...{ host, clientName, redirectURI, scope: asked, isScopeOfSite: ofSite !== undefined, website },
    isScopeOfLogin: scope !== undefined,
    ...(clientId && { clientId }),
    key: digest(
      JSON.stringify([origin, clientName, redirectURI, setOf(asked), website ?? '', clientId ?? '']),
    ),
  };
}

/** The same text for the same scopes. */
function setOf(scope: string): string {
  return [...new Set(scope.split(' '))].sort().join(' ');
}

/** Each set of scopes is an app of its own at each instance. */
const maxScopes = 16;

/** Since the last login with them. */
const scopesTtlMs = 90 * 24 * 60 * 60 * 1000;

/**
 * The sets of scopes that logins of this site asked for in place of its own: by their clients tokens are revoked, and the client
 * metadata document declares them.
 */
export class LoginScopes {
  private readonly key: string;

  constructor(
    private readonly store: Store,
    { clientName, callbackURL }: Pick<Settings, 'clientName' | 'callbackURL'>,
  ) {
    this.key = storeKey('scopes', '', clientName, callbackURL);
  }

  async list(): Promise<readonly string[]> {
    const { scopes } = ((await this.store.cached(this.key)) ?? {}) as { readonly scopes?: unknown };
    return Array.isArray(scopes) ? scopes.filter((one) => typeof one === 'string').slice(0, maxScopes) : [];
  }

  /** @throws TypeError for one set more than 16: scopes come from the site, and not from its visitors */
  async add(scope: string): Promise<void> {
    const asked = setOf(scope);
    const known = await this.list();
    if (!known.includes(asked) && known.length === maxScopes) {
      throw new TypeError(
        `MastodonLogin: logins have asked for ${maxScopes} different sets of scopes, and "scope" holds another one. Choose from ` +
          'a few fixed sets, and take none from the request',
      );
    }
    await this.store.cache(this.key, { scopes: [...new Set([...known, asked])] }, scopesTtlMs);
  }
}

/** Kinds of records. Those of apps with which no login was finished have kinds of their own, so that a flood of new ones evicts none in use. */
export type ClientRecordKind =
  'client' | 'client-unused' | 'credentials' | 'credentials-unused' | 'code-check';

/** @param clientId of the records that belong to one client, and not to the app */
export function recordKey(kind: ClientRecordKind, host: string, appKey: string, clientId = ''): string {
  return storeKey(kind, host, appKey, clientId);
}
