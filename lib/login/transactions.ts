/** Transactions: the records of pending logins, each bound to the browser that began it. */

import { MastodonError } from '../errors.js';
import type { RegisteredApp } from '../client/lifecycle.js';
import type { Address } from '../discovery/address.js';
import { isInstance } from '../discovery/discovery.js';
import { deniesWithoutState } from '../discovery/software.js';
import type { PinnedInstance } from '../options.js';
import { hasMembers, storeKey, type Store } from '../store.js';
import { digest } from '../util/crypto.js';
import { isSecretKey, loginTtlMs, OtherBrowserError, randomToken } from './browser.js';

/** The values that validate the authorization response. Plain JSON. */
export interface Transaction {
  readonly instance: PinnedInstance;
  /** Identifies the site and its options. Other sites that share the store cannot finish the login. */
  readonly audience: string;
  readonly appKey: string;
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** The scope was an option of this login, so the token belongs to a client of that scope. */
  readonly hasOwnScope?: true;
  /** PKCE code verifier (RFC 7636, section 4.1). */
  readonly codeVerifier: string;
  /** Host that the visitor typed. The instance may be on another host. */
  readonly typed: string;
  /** Set if the visitor typed an international name in its own script. Messages then show the name in that script. */
  readonly isInItsScript?: true;
  readonly applicationState?: unknown;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The logins that a browser began at an instance and never finished. */
export interface Unfinished {
  /** Start times, the latest first. Milliseconds since the epoch. */
  readonly begunAt: readonly number[];
  /** The application's state of the latest one, if its server may deny a login without `state`. */
  readonly applicationState?: () => Promise<unknown>;
}

/** The pending logins of one browser. */
export interface PendingLogins {
  /**
   * @param unfinished those that this browser began at the same instance
   * @throws MastodonError `store_failed`
   */
  save(state: string, login: Transaction, unfinished?: Unfinished): Promise<void>;
  /**
   * Removes and returns the login. Only one caller receives it.
   * @throws MastodonError `store_failed`; `login_expired` if there is no such login
   */
  take(state: string): Promise<Transaction | undefined>;
  /** Puts back a login that was taken, before its code was sent. The visitor can then open the callback URL again. */
  restore?(state: string, login: Transaction): Promise<void>;
  /** The unfinished logins at an instance. Undefined also if the store fails. */
  unfinished(instanceHost: string): Promise<Unfinished | undefined>;
  /** Deletes the records of unfinished logins at an instance that knows the client. */
  clearUnfinished(instanceHost: string): Promise<void>;
  /** Records that a login was finished: its key and the current key can begin no other login. */
  finished(instanceHost: string): Promise<void>;
}

/** A browser: its secret key, several keys of which the first begins logins, or its pending logins. */
export type Browser = string | readonly string[] | PendingLogins;

function loginExpired(cause: string | Error): MastodonError {
  return new MastodonError('login_expired', { cause });
}

/** Maximum length of the application's state as JSON. Limited because visitors can begin any number of logins. */
const maxStateLength = 10_000;

export function newTransaction(
  { instance, app, client: { clientId, redirectURI, scope } }: RegisteredApp,
  audience: string,
  { host, typedHost }: Address,
  applicationState: unknown,
): Transaction {
  // The callback does not need all of it.
  const pinned: Record<string, unknown> = { ...instance };
  for (const name of ['authorizationEndpoint', 'registrationEndpoint', 'scopesSupported'])
    delete pinned[name];
  return {
    instance: pinned as unknown as PinnedInstance,
    ...{ audience, appKey: app.key, clientId, redirectURI, scope },
    ...(app.isScopeOfLogin && { hasOwnScope: true }),
    codeVerifier: randomToken(),
    typed: host,
    ...(typedHost !== undefined && host === instance.host && { isInItsScript: true }),
    ...(applicationState !== undefined && { applicationState }),
    expiresAt: Date.now() + loginTtlMs,
  };
}

/** @throws TypeError for a value that is not JSON or is too long */
export function assertStorable(applicationState: unknown): void {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(applicationState) as string | undefined;
  } catch (error) {
    cause = error;
  }
  if (text === undefined) throw new TypeError('the login’s "state" must be a JSON value', { cause });
  if (text.length <= maxStateLength) return;
  throw new TypeError(
    `the login’s "state" has ${text.length} characters as JSON, and may have ${maxStateLength}: keep the rest in your database`,
  );
}

const texts = ['audience', 'appKey', 'clientId', 'redirectURI', 'scope', 'codeVerifier', 'typed'];

/** @throws MastodonError `login_expired` unless it is a login of this site that can still be finished */
export function assertLive(login: unknown, audience: string): asserts login is Transaction {
  if (login === undefined || login === null)
    throw loginExpired('the site’s stateStore has no such login for this browser');
  const record = login as Record<string, unknown>;
  const isWhole = isInstance(record.instance, true) && hasMembers(record, 'string', texts);
  const { expiresAt } = record;
  if (!isWhole || typeof expiresAt !== 'number' || expiresAt <= Date.now())
    throw loginExpired('the login has expired');
  if (record.audience !== audience) throw loginExpired('the login was begun for another site or strategy');
}

/** Handles a denial without `state`, which Hollo sends. It is accepted only from a browser with a pending login there. */
export async function denialWithoutState(
  pending: PendingLogins,
  { host: instance, error }: { readonly host: string; readonly error: string | undefined },
): Promise<MastodonError> {
  const begun = error === 'access_denied' && instance !== '' ? await pending.unfinished(instance) : undefined;
  if (!begun) return loginExpired('the response has no state');
  return new MastodonError('access_denied', { instance, state: await begun.applicationState?.() });
}

const noSuchLogin =
  'no login has this state: another request is using it, it was made up, is long over, or was begun for another site';

const sessionLost =
  'the browser brought no session with a login in it: a secure cookie over http, a missing "trust proxy", ' +
  'SameSite=Strict, or a start under another host name are the usual reasons; in a session without an ID of its own (such as one ' +
  'in a cookie), also a parallel request that wrote the session as it was before; without Passport, a redirect that was made ' +
  'of the Location of begin() alone, without its cookie';

/** Two login objects or processes cannot see each other's logins without a shared store. */
const noSharedStore =
  '. Without a shared store, each MastodonStrategy and each createLogin() finishes only the logins that it began itself: make ' +
  'it once, outside of the routes, in a module that all of them import (in Next.js, which loads modules more than once, as ' +
  'globalThis.mastodonLogin ??= …), or set the option store';

/** How long an unfinished login counts as a sign of a dead client. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

/** How long a used browser key is recorded. Longer than browsers keep session cookies. Milliseconds. */
const finishedKeyTtlMs = 30 * 24 * 60 * 60 * 1000;

/** Maximum number of stored start times. Callers only need to know whether there are none, one or several. */
const maxTimes = 3;

/** Maximum number of keys of one browser that a login uses. The adapters keep fewer. Each key costs operations of the store. */
const maxKeys = 8;

/** A pending login in the store. `assertLive` validates the login. */
interface LoginRecord {
  readonly browser?: unknown;
  readonly login?: Transaction;
}

/** The record of unfinished logins of one key at an instance. */
interface UnfinishedRecord {
  /** Start times, the latest first. */
  readonly times?: unknown;
  /** Key of the record of the latest login. */
  readonly login?: unknown;
}

/**
 * The pending logins of a browser. Its first key begins logins. Each login is one record, and deleting it makes it
 * single-use. Digests contain the audience, so sites that share a store cannot read each other's logins.
 * @throws TypeError for a key that does not look random
 */
export function pendingLogins(store: Store, audience: string, browser: Browser): PendingLogins {
  // A JSON cookie may hold an object.
  if (typeof Object(browser).take === 'function') return browser as PendingLogins;
  const given = typeof browser === 'string' ? [browser] : browser;
  if (!Array.isArray(given) || !given.every(isSecretKey)) {
    throw new TypeError(
      'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
    );
  }
  /** The keys by their digests. */
  const keys = new Map<string, string>();
  for (const key of given.slice(0, maxKeys)) keys.set(digest(key + audience), key);
  const [current] = keys.keys();
  /** The digest of the key with which the login that was taken was begun. */
  let owner: string | undefined;
  return {
    save: async (state, login, unfinished) => {
      if (current === undefined) throw new TypeError('a login is begun with the key of a browser');
      const key = storeKey('login', '', digest(state + audience));
      const times = [Date.now(), ...(unfinished?.begunAt ?? [])].slice(0, maxTimes);
      await Promise.all([
        store.set(key, { browser: current, login }, 2 * loginTtlMs),
        store.cache(
          storeKey('unfinished', login.instance.host, current),
          { times, login: key } satisfies UnfinishedRecord,
          unfinishedTtlMs,
        ),
      ]);
    },
    take: async (state) => {
      const hidden = digest(state + audience);
      const used = storeKey('used', '', hidden);
      // The record of its use takes precedence over the login itself. A store may lose a deletion without an error.
      if ((await store.get(used)) !== undefined) throw loginExpired('the login was used already');
      const record = (await store.take(storeKey('login', '', hidden))) as LoginRecord | undefined;
      if (record === undefined) throw loginExpired(noSuchLogin + (store.isShared ? '' : noSharedStore));
      await store.cache(used, { used: true }, loginTtlMs);
      // A login is used up also by a response in another browser, because the code may have leaked.
      owner = String(record.browser);
      if (keys.has(owner)) return record.login;
      const why = current === undefined ? sessionLost : 'the login was begun in another browser or session';
      throw loginExpired(new OtherBrowserError(why));
    },
    restore: async (state, login) => {
      const hidden = digest(state + audience);
      await store.cache(storeKey('login', '', hidden), { browser: owner, login }, 2 * loginTtlMs);
      await store.delete(storeKey('used', '', hidden));
    },
    unfinished: async (host) => {
      const records: Promise<unknown>[] = [];
      for (const one of keys.keys()) records.push(store.cached(storeKey('unfinished', host, one)));
      const times: number[] = [];
      let [latest, latestKey] = [0, ''];
      for (const record of (await Promise.all(records)) as (UnfinishedRecord | undefined)[]) {
        if (record === undefined) continue;
        const isWhole = Array.isArray(record.times) && record.times.every(Number.isFinite);
        if (!isWhole || typeof record.login !== 'string') continue;
        const ofKey = record.times as readonly number[];
        times.push(...ofKey);
        if ((ofKey[0] ?? 0) > latest) [latest, latestKey] = [ofKey[0] ?? 0, record.login];
      }
      if (latest === 0) return undefined;
      const begunAt = [...new Set(times)].sort((a, b) => b - a);
      const applicationState = async () => {
        const { login } = ((await store.cached(latestKey)) ?? {}) as LoginRecord;
        // Any page can link to a denial without `state`.
        return deniesWithoutState.has(login?.instance.software) ? login?.applicationState : undefined;
      };
      return { begunAt, applicationState };
    },
    clearUnfinished: async (host) => {
      await Promise.all([...keys.keys()].map((one) => store.delete(storeKey('unfinished', host, one))));
    },
    // The other former keys need no record: each has one, or the browser invented it.
    finished: async () => {
      for (const one of new Set([current, owner])) {
        const key = keys.get(String(one));
        // A session is shared by all strategies of a site, and so are these records.
        if (key !== undefined)
          await store.cache(storeKey('browser-finished', '', key), { finished: true }, finishedKeyTtlMs);
      }
    },
  };
}

/** Whether a login was finished with this key. Such a key cannot begin logins, because an attacker may have planted it. */
export async function hasFinished(store: Store, key: string): Promise<boolean> {
  return (await store.cached(storeKey('browser-finished', '', key))) !== undefined;
}
