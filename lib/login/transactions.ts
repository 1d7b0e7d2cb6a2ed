/** Transactions: what is stored of a login between its two halves, bound to the browser that began it. */

import { MastodonError } from '../errors.js';
import type { Client, App } from '../client/client.js';
import type { Address } from '../discovery/address.js';
import { isPinned, pin } from '../discovery/discovery.js';
import type { Instance, PinnedInstance } from '../options.js';
import { storeKey, type Store } from '../store.js';
import { digest } from '../util/digest.js';
import { loginExpired } from './expiry.js';
import { loginTtlMs, randomToken } from './browser-keys.js';

/** Everything that the authorization response is compared with. Plain JSON. */
export interface Transaction {
  readonly instance: PinnedInstance;
  /** Of the site and its options: another site that shares the store must not finish the login. */
  readonly audience: string;
  readonly appKey: string;
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** The scope was given for this login, so that its token belongs to another client than most. */
  readonly hasOwnScope?: true;
  /** PKCE code verifier (RFC 7636, section 4.1). */
  readonly codeVerifier: string;
  /** Host that the visitor typed; it may have led to the instance. */
  readonly typed: string;
  /** The visitor typed an international name in its own script, and reads it so in messages. */
  readonly isInItsScript?: true;
  readonly applicationState?: unknown;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The logins that a browser began at an instance and never finished. */
export interface Unfinished {
  /** When each was begun, the last one first. Milliseconds since the epoch. */
  readonly begunAt: readonly number[];
  /** The application's state of the last one. */
  readonly applicationState?: () => Promise<unknown>;
}

/** The pending logins of one browser. */
export interface PendingLogins {
  /** @throws MastodonError `store_failed` */
  save(state: string, login: Transaction): Promise<void>;
  /**
   * Removes and returns the login, to one caller only.
   * @throws MastodonError `store_failed`; `login_expired` where there is no such login
   */
  take(state: string): Promise<Transaction | undefined>;
  /** A hint, whose failure is no unfinished login. */
  unfinished(instanceHost: string): Promise<Unfinished | undefined>;
  finished(instanceHost: string): Promise<void>;
  /** After a whole login: the key that began it, and the one that begins logins, begin no other. */
  keysFinished?(): Promise<unknown>;
}

/** Most characters of the application's state as JSON: any visitor may begin any number of logins. */
const maxStateLength = 10_000;

export function newTransaction(
  instance: Instance,
  app: App,
  client: Pick<Client, 'clientId' | 'redirectURI' | 'scope'>,
  audience: string,
  address: Address,
  applicationState: unknown,
): Transaction {
  const isInItsScript = address.typedHost !== undefined && address.host === instance.host;
  return {
    instance: pin(instance),
    audience,
    appKey: app.key,
    clientId: client.clientId,
    redirectURI: client.redirectURI,
    scope: client.scope,
    ...(app.isScopeOfLogin && { hasOwnScope: true }),
    codeVerifier: randomToken(),
    typed: address.host,
    ...(isInItsScript && { isInItsScript }),
    ...(applicationState !== undefined && { applicationState }),
    expiresAt: Date.now() + loginTtlMs,
  };
}

/** @throws TypeError for what is no JSON value, or too long */
export function assertStorable(applicationState: unknown): void {
  if (applicationState === undefined) return;
  let text: string | undefined;
  try {
    text = JSON.stringify(applicationState) as string | undefined;
  } catch (cause) {
    throw new TypeError('the login’s "state" must be a JSON value', { cause });
  }
  if (text !== undefined && text.length <= maxStateLength) return;
  if (text === undefined) throw new TypeError('the login’s "state" must be a JSON value');
  throw new TypeError(
    `the login’s "state" has ${text.length} characters as JSON, and may have ${maxStateLength}: keep the rest in the session`,
  );
}

/** @throws MastodonError `login_expired` unless it is a login of this site that can still be finished */
export function assertLive(login: unknown, audience: string): asserts login is Transaction {
  if (login === undefined || login === null)
    throw loginExpired('unknown', 'the site’s stateStore has no such login for this browser');
  const record = login as Record<string, unknown>;
  const isWhole =
    isPinned(record.instance) &&
    ['audience', 'appKey', 'clientId', 'redirectURI', 'scope', 'codeVerifier', 'typed'].every(
      (name) => typeof record[name] === 'string',
    );
  const { expiresAt } = record;
  if (!isWhole || typeof expiresAt !== 'number' || expiresAt <= Date.now())
    throw loginExpired('unknown', 'the login has expired');
  if (record.audience !== audience)
    throw loginExpired('unknown', 'the login was begun for another site or strategy');
}

/** Hollo reports a denial without `state`. It is believed only of a browser that began a login there. */
export async function denialWithoutState(
  pending: PendingLogins,
  instance: string,
  error: string | undefined,
): Promise<MastodonError> {
  const begun = error === 'access_denied' && instance !== '' ? await pending.unfinished(instance) : undefined;
  if (!begun) return loginExpired('unknown', 'the response has no state');
  return new MastodonError('access_denied', { instance, state: await begun.applicationState?.() });
}

const sessionLost =
  'the browser brought no session with a login in it: a secure cookie over http, a missing "trust proxy", ' +
  'SameSite=Strict, or a start under another host name are the usual reasons; in a session without an ID of its own (such as one ' +
  'in a cookie), also a parallel request that wrote the session as it was before; without Passport, a redirect that was made ' +
  'of the Location of begin() alone, without its cookie';

/** Two login objects, and two processes, know nothing of each other's logins without a shared store. */
const noSharedStore =
  '. Without a shared store, each MastodonStrategy and each createLogin() finishes only the logins that it began itself: make ' +
  'it once, outside of the routes, in a module that all of them import (in Next.js, which loads modules more than once, as ' +
  'globalThis.mastodonLogin ??= …), or set the option store';

/** How long an unfinished login is a sign that something is wrong at the instance. */
const unfinishedTtlMs = 60 * 60 * 1000;

/** For how long the key of a browser that finished a login begins no other: longer than browsers keep session cookies. */
const finishedKeyTtlMs = 30 * 24 * 60 * 60 * 1000;

/** Whether there was one, or more than one, is all that is asked of them. */
const maxTimes = 3;

interface Hint {
  /** The last one first. */
  readonly times: readonly number[];
  /** Key of the last login's record. */
  readonly login: string;
}

export class Transactions {
  constructor(
    private readonly store: Store,
    private readonly audience: string,
  ) {}

  /**
   * The pending logins of the browser with these secret keys. The first key begins logins; a browser mostly has one. Each login
   * is a record of its own; deleting it makes it single-use. Keys hold the audience: what one site began is not there for
   * another that shares the store.
   * @param isNew the keys were made for this request, so that the store has nothing of them
   */
  of(keys: readonly string[], isNew = false): PendingLogins {
    const browsers = keys.map((key) => digest(key + this.audience));
    const [current = ''] = browsers;
    let begunWith: string | undefined;
    const hints = new Map<string, Promise<Hint | undefined>>();
    /** Read once: a login that begins asks for its hint twice. */
    const hintAt = (host: string, browser: string): Promise<Hint | undefined> => {
      const key = hintKey(host, browser);
      const hint = hints.get(key) ?? (isNew ? Promise.resolve(undefined) : this.hint(key));
      hints.set(key, hint);
      return hint;
    };
    return {
      save: async (state, login) => {
        if (current === '') throw new TypeError('a login is begun with the key of a browser');
        const key = this.loginKey(state);
        const { host } = login.instance;
        const before = await hintAt(host, current);
        const times = [Date.now(), ...(before?.times ?? [])].slice(0, maxTimes);
        await Promise.all([
          this.store.set(key, { browser: current, login }, 2 * loginTtlMs),
          this.store.cache(hintKey(host, current), { times, login: key }, unfinishedTtlMs),
        ]);
      },
      take: async (state) => {
        const { browser, login } = await this.take(state, browsers);
        begunWith = keys[browsers.indexOf(browser)];
        return login;
      },
      unfinished: async (host) => {
        const all = await Promise.all(browsers.map((browser) => hintAt(host, browser)));
        const found = all.filter((hint) => hint !== undefined);
        const [last] = found.sort((a, b) => (b.times[0] ?? 0) - (a.times[0] ?? 0));
        if (!last) return undefined;
        const applicationState = async () => loginIn(await this.store.cached(last.login))?.applicationState;
        return { begunAt: found.flatMap(({ times }) => times), applicationState };
      },
      finished: async (host) => {
        await Promise.all(browsers.map((browser) => this.store.delete(hintKey(host, browser))));
      },
      // Not the other former keys: each has finished a login before, or the browser made it up.
      keysFinished: () => {
        const ended = new Set([keys[0], begunWith].filter((key) => key !== undefined));
        const finish = (key: string) =>
          this.store.cache(this.finishedKey(key), { finished: true }, finishedKeyTtlMs);
        return Promise.all([...ended].map(finish));
      },
    };
  }

  /** Whether a login was finished with this key: then it begins no other. An attacker may have known it before. */
  async hasFinished(key: string): Promise<boolean> {
    return (await this.store.cached(this.finishedKey(key))) !== undefined;
  }

  private async take(
    state: string,
    browsers: readonly string[],
  ): Promise<{ browser: string; login: Transaction | undefined }> {
    const key = this.loginKey(state);
    const used = storeKey('used', '', digest(state + this.audience));
    // The record of its use counts also where the login is still there: a store may lose a deletion and not say so.
    if ((await this.store.get(used)) !== undefined) throw loginExpired('used', 'the login was used already');
    const record = await this.store.take(key);
    if (record === undefined) {
      const why =
        'no login has this state: another request is using it, it was made up, is long over, or was begun for another site';
      throw loginExpired('unknown', why + (this.store.isShared ? '' : noSharedStore));
    }
    // Another process may have taken it as well, where the store cannot tell who deleted a record and lost the lock.
    // The login is spent now: a failed read here must not end it without its state, which an adapter needs.
    const isTwice = this.store.isShared && (await this.store.cached(used)) !== undefined;
    if (isTwice) throw loginExpired('used', 'another process used the login at the same moment');
    await this.store.cache(used, { used: true }, loginTtlMs);
    // In another browser, too, the login is over: where the address was seen, its code is in other hands.
    const browser = String((record as { readonly browser?: unknown }).browser);
    if (!browsers.includes(browser)) {
      const why = 'the login was begun in another browser or session';
      throw loginExpired('other_browser', browsers.length === 0 ? sessionLost : why);
    }
    return { browser, login: loginIn(record) };
  }

  private async hint(key: string): Promise<Hint | undefined> {
    const hint = (await this.store.cached(key)) as Partial<Hint> | undefined;
    const { times, login } = hint ?? {};
    const isHint = Array.isArray(times) && times.every(Number.isFinite) && typeof login === 'string';
    return isHint ? { times, login } : undefined;
  }

  private loginKey(state: string): string {
    return storeKey('login', '', digest(state + this.audience));
  }

  private finishedKey(key: string): string {
    // A session is shared by all strategies of a site.
    return storeKey('browser-finished', '', key);
  }
}

/** @param browser a digest already */
function hintKey(instanceHost: string, browser: string): string {
  return storeKey('unfinished', instanceHost, browser);
}

/** What was stored, for `assertLive` to judge. */
function loginIn(record: unknown): Transaction | undefined {
  return (record as { readonly login?: Transaction } | undefined)?.login;
}
