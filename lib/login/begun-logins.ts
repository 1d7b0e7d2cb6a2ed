/** Begun logins: records in the store, each bound to the secret key of the browser that began it. */

import { MastodonError } from '../errors.js';
import type { LoginTransaction } from '../options.js';
import { digest } from '../digest.js';
import { storeKey, type Store } from '../store.js';
import { loginTtlMs } from './state.js';

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

/** The logins that a browser began at an instance, one after another, without ever coming back. */
export interface Unfinished {
  /** When each was begun, the last one first. Milliseconds since the epoch. */
  readonly begunAt: readonly number[];
  /** The application's own state of the last one, as long as that lasts. Asked for only where somebody needs it. */
  readonly applicationState?: () => Promise<unknown>;
}

/** What one browser began. */
export interface BrowserLogins {
  /** @throws MastodonError `store_failed` */
  save(state: string, login: LoginTransaction): Promise<void>;
  /**
   * The login, for one caller only.
   * @throws MastodonError `store_failed`; `login_expired` with the reason, where there is no such login
   */
  take(state: string): Promise<LoginTransaction | undefined>;
  /** Only a hint: whatever goes wrong is none. */
  unfinished(instanceHost: string): Promise<Unfinished | undefined>;
  finished(instanceHost: string): Promise<void>;
}

/** What is asked of the times is only whether there was one, or more than one. */
const maxTimes = 3;

interface Saved {
  /** Digest of the browser's key, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  readonly login: LoginTransaction;
}

/**
 * What is left of a login that was taken: only so that the operator can be told why it is not there. A record of its own:
 * in the login's place another process could delete it, and take that for the login.
 */
interface Spent {
  readonly used: true;
}

const noKey =
  'the browser brought no session with a login in it: a secure cookie over http, a missing "trust proxy", ' +
  'SameSite=Strict, or a start under another host name are the usual reasons';

function expired(why: string): MastodonError {
  return new MastodonError('login_expired', { cause: new Error(why) });
}

interface Hint {
  readonly begunAt: readonly number[];
  /** Key of the last login's own record. */
  readonly login: string;
}

/** What the hints of a browser say of the instance that it was last asked for. */
interface Known {
  readonly host: string;
  /** One for each key of the browser, in the same order. */
  readonly hints: ReadonlyArray<{ readonly at: string; readonly value: unknown }>;
}

/**
 * Every login is a record of its own; deleting the record is what makes the login single-use. The keys hold the
 * audience too: what one site (or one strategy of a site) began is not there for another that shares the store.
 */
export class BegunLogins {
  constructor(
    private readonly store: Store,
    private readonly audience: string,
  ) {}

  /** @param keys the browser's secret keys, of which the first begins logins; most browsers have one */
  of(keys: readonly string[]): BrowserLogins {
    const browsers = keys.map(digest);
    let last: Known | undefined;
    const hintsAt = async (host: string): Promise<Known['hints']> => {
      if (last?.host !== host) {
        const keys = browsers.map((browser) => this.hintKey(host, browser));
        const values = await Promise.all(keys.map((key) => this.store.cached(key)));
        last = { host, hints: keys.map((at, n) => ({ at, value: values[n] })) };
      }
      return last.hints;
    };
    return {
      save: async (state, login) => {
        const [browser] = browsers;
        const [hint] = await hintsAt(login.instance.host);
        if (browser === undefined || hint === undefined) {
          throw new TypeError('a login is begun with the key of a browser');
        }
        const key = this.loginKey(state);
        await Promise.all([
          this.store.save(key, { browser, login } satisfies Saved, 2 * loginTtlMs),
          this.store.cache(hint.at, hintOf(key, hint.value), unfinishedTtlMs),
        ]);
      },
      take: (state) => this.take(browsers, state),
      unfinished: async (host) => this.unfinished((await hintsAt(host)).map(({ value }) => value)),
      finished: async (host) => {
        await Promise.all(browsers.map((browser) => this.store.drop(this.hintKey(host, browser))));
      },
    };
  }

  private async take(browsers: readonly string[], state: string): Promise<LoginTransaction | undefined> {
    if (browsers.length === 0) throw expired(noKey);
    const key = this.loginKey(state);
    // The mark counts also where the login is: a store may lose the deleting, and say nothing.
    const [found, used] = await Promise.all([this.store.look(key), this.store.cached(usedKey(key))]);
    if (used !== undefined) throw expired('the login was used already');
    const saved = recordIn(found);
    if (!saved)
      throw expired('no login has this state: it was made up, is long over, or was begun for another site');
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (!browsers.includes(String(saved.browser)))
      throw expired('the login was begun in another browser or session');
    const taken = recordIn(await this.store.take(key));
    if (!taken) throw expired('the login is being used by another request');
    await this.store.cache(usedKey(key), { used: true } satisfies Spent, loginTtlMs);
    // Whatever it is: who takes it looks whether it is a login.
    const login = taken.login as LoginTransaction | undefined;
    if (login?.applicationState === undefined) return login;
    return { ...login, applicationState: ownState(login.applicationState) };
  }

  private unfinished(hints: readonly unknown[]): Unfinished | undefined {
    const found = hints.filter(isHint).sort((a, b) => (b.begunAt[0] ?? 0) - (a.begunAt[0] ?? 0));
    const [last] = found;
    if (!last) return undefined;
    const begunAt = found.flatMap((hint) => hint.begunAt);
    return { begunAt, applicationState: () => this.applicationStateOf(last) };
  }

  private async applicationStateOf({ login }: Hint): Promise<unknown> {
    const saved = recordIn(recordIn(await this.store.cached(login))?.login);
    return ownState(saved?.applicationState);
  }

  private loginKey(state: string): string {
    return storeKey('login', '', state, this.audience);
  }

  /** Both are digests already. */
  private hintKey(instanceHost: string, browser: string): string {
    return `${storeKey('unfinished', instanceHost)}:${browser}:${this.audience}`;
  }
}

function usedKey(loginKey: string): string {
  return loginKey.replace(':login:', ':used:');
}

/** What goes back to the application is its own, to change it, too. */
function ownState(state: unknown): unknown {
  return typeof state === 'object' ? (JSON.parse(JSON.stringify(state)) as unknown) : state;
}

function recordIn(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function hintOf(login: string, before: unknown): Hint {
  const begunAt = isHint(before) ? [Date.now(), ...before.begunAt].slice(0, maxTimes) : [Date.now()];
  return { begunAt, login };
}

function isHint(value: unknown): value is Hint {
  const { begunAt, login } = (value ?? {}) as Record<string, unknown>;
  return Array.isArray(begunAt) && begunAt.every((at) => typeof at === 'number') && typeof login === 'string';
}
