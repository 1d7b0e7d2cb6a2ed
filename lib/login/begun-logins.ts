/** Begun logins: records in the store, each bound to the secret key of the browser that began it. */

import { MastodonError } from '../errors.js';
import type { LoginTransaction } from '../options.js';
import { digest } from '../util/digest.js';
import { storeKey, type Store } from '../store.js';
import { loginTtlMs } from './state.js';
import { hintOf, isHint, timesIn, unfinishedTtlMs, type Hint, type Unfinished } from './unfinished.js';

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

interface Saved {
  /** Digest of the browser's key and the audience, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  /** Without the application's own state. */
  readonly login: LoginTransaction;
  /** That, as JSON: a visitor may have chosen it, and as objects it could take twenty times its length. */
  readonly state?: string;
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
  'SameSite=Strict, or a start under another host name are the usual reasons; without Passport, a redirect that was made ' +
  'of the Location of begin() alone, without its cookie';

function expired(why: string): MastodonError {
  return new MastodonError('login_expired', { cause: new Error(why) });
}

/** What the hints of a browser say of the instance that it was last asked for. */
interface Known {
  readonly host: string;
  /** Key of the hint that belongs to the browser's own key, the first. */
  readonly at: string;
  /** One for each key of the browser, in the same order. */
  readonly hints: readonly unknown[];
}

/**
 * Those of one browser. Every login is a record of its own; deleting the record is what makes the login single-use. The keys
 * hold the audience too: what one site (or one strategy of a site) began is not there for another that shares the store.
 */
export class BegunLogins implements BrowserLogins {
  private readonly browsers: readonly string[];
  private known: Known | undefined;

  /**
   * @param keys the browser's secret keys, of which the first begins logins; most browsers have one
   * @param isNew whether they were made just now, so that the store has nothing of them
   */
  constructor(
    private readonly store: Store,
    private readonly audience: string,
    keys: readonly string[],
    private readonly isNew = false,
  ) {
    this.browsers = keys.map((key) => digest(key + audience));
  }

  async save(state: string, login: LoginTransaction): Promise<void> {
    const [browser] = this.browsers;
    if (browser === undefined) throw new TypeError('a login is begun with the key of a browser');
    const { at, hints } = await this.knownAt(login.instance.host);
    const key = this.loginKey(state);
    const hinted = this.store.cache(at, this.store.given(hintOf(key, hints[0])), unfinishedTtlMs);
    await this.store.save(key, this.store.given(this.savedOf(browser, login)), 2 * loginTtlMs);
    await hinted;
  }

  async take(state: string): Promise<LoginTransaction | undefined> {
    if (this.browsers.length === 0) throw expired(noKey);
    const key = this.loginKey(state);
    // The mark counts also where the login is: a store may lose the deleting, and say nothing. Not known is not unused.
    const [found, used] = await Promise.all([this.store.look(key), this.store.readOrNone(usedKey(key))]);
    if (used !== undefined) throw expired('the login was used already');
    const saved = recordIn(found);
    if (!saved)
      throw expired('no login has this state: it was made up, is long over, or was begun for another site');
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (!this.browsers.includes(String(saved.browser)))
      throw expired('the login was begun in another browser or session');
    const taken = recordIn(await this.store.take(key));
    if (!taken) throw expired('the login is being used by another request');
    await this.store.cache(usedKey(key), { used: true } satisfies Spent, loginTtlMs);
    // Whatever it is: who takes it looks whether it is a login.
    const login = taken.login as LoginTransaction | undefined;
    const applicationState = stateIn(taken);
    return login === undefined || applicationState === undefined ? login : { ...login, applicationState };
  }

  async unfinished(host: string): Promise<Unfinished | undefined> {
    const { hints } = await this.knownAt(host);
    const found = hints.filter(isHint).sort((a, b) => b.begunAt - a.begunAt);
    const [last] = found;
    if (!last) return undefined;
    const begunAt = found.flatMap(timesIn);
    return { begunAt, applicationState: () => this.applicationStateOf(last) };
  }

  async finished(host: string): Promise<void> {
    await Promise.all(this.browsers.map((browser) => this.store.drop(this.hintKey(host, browser))));
  }

  private knownAt(host: string): Known | Promise<Known> {
    if (this.known?.host === host) return this.known;
    return this.isNew ? (this.known = { host, at: this.ownHintKey(host), hints: [] }) : this.lookAt(host);
  }

  private async lookAt(host: string): Promise<Known> {
    const hints = await Promise.all(
      this.browsers.map((browser) => this.store.cached(this.hintKey(host, browser))),
    );
    return (this.known = { host, at: this.ownHintKey(host), hints });
  }

  private async applicationStateOf({ login }: Hint): Promise<unknown> {
    return stateIn(recordIn(await this.store.cached(login)));
  }

  private savedOf(browser: string, login: LoginTransaction): Saved {
    const { applicationState, ...rest } = login;
    if (applicationState === undefined) return { browser, login: this.store.given(login) };
    const state = textOf(applicationState);
    return { browser, login: this.store.given(rest), ...(state !== undefined && { state }) };
  }

  private loginKey(state: string): string {
    return `${loginKeys}:${digest(state + this.audience)}`;
  }

  private ownHintKey(instanceHost: string): string {
    return this.hintKey(instanceHost, this.browsers[0] ?? '');
  }

  /** @param browser a digest already */
  private hintKey(instanceHost: string, browser: string): string {
    return `${storeKey('unfinished', instanceHost)}:${browser}`;
  }
}

const loginKeys = storeKey('login', '');

function usedKey(loginKey: string): string {
  return loginKey.replace(':login:', ':used:');
}

/** @throws TypeError for what is no JSON value */
function textOf(state: unknown): string | undefined {
  try {
    return JSON.stringify(state) as string | undefined;
  } catch (cause) {
    throw new TypeError('the login’s "state" must be a JSON value', { cause });
  }
}

/** Made anew for whoever asks: it is the application's own, to change it, too. */
function stateIn(saved: Record<string, unknown> | undefined): unknown {
  return typeof saved?.state === 'string' ? (JSON.parse(saved.state) as unknown) : undefined;
}

function recordIn(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
