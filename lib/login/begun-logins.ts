/** Begun logins: records in the store, each bound to the secret key of the browser that began it. */

import type { LoginTransaction } from '../options.js';
import { digest, storeKey, type Store } from '../store.js';
import { loginTtlMs } from './transaction.js';

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

/** The last login that a browser began at an instance and has not finished. */
export interface Unfinished {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** The application's own state, as long as the login lasts. */
  readonly applicationState?: unknown;
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

interface Saved {
  /** Digest of the browser's key, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  readonly login: LoginTransaction;
}

interface Hint {
  readonly begun: number;
  /** Key of the login's own record. */
  readonly login: string;
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
    const [first] = browsers;
    return {
      save: (state, login) => {
        if (first === undefined) throw new TypeError('a login is begun with the key of a browser');
        return this.save(first, state, login);
      },
      take: (state) => this.take(browsers, state),
      unfinished: (host) => this.unfinished(browsers, host),
      finished: async (host) => {
        await Promise.all(browsers.map((browser) => this.store.drop(this.hintKey(host, browser))));
      },
    };
  }

  private async save(browser: string, state: string, login: LoginTransaction): Promise<void> {
    const key = this.loginKey(state);
    await this.store.save(key, { browser, login } satisfies Saved, loginTtlMs);
    const hint: Hint = { begun: Date.now(), login: key };
    await this.store.cache(this.hintKey(login.instance.host, browser), hint, unfinishedTtlMs);
  }

  private async take(browsers: readonly string[], state: string): Promise<LoginTransaction | undefined> {
    const key = this.loginKey(state);
    const saved = (await this.store.read(key)) as Saved | undefined;
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (!saved || !browsers.includes(saved.browser)) return undefined;
    const taken = (await this.store.take(key)) as Saved | undefined;
    return taken?.login;
  }

  private async unfinished(browsers: readonly string[], host: string): Promise<Unfinished | undefined> {
    const hints = await Promise.all(
      browsers.map((browser) => this.store.cached(this.hintKey(host, browser))),
    );
    const [last] = hints.filter(isHint).sort((a, b) => b.begun - a.begun);
    if (!last) return undefined;
    return { since: last.begun, applicationState: await this.applicationStateOf(last) };
  }

  private async applicationStateOf({ login }: Hint): Promise<unknown> {
    const saved = (await this.store.cached(login)) as Saved | undefined;
    return saved?.login.applicationState;
  }

  private loginKey(state: string): string {
    return storeKey('login', '', state, this.audience);
  }

  private hintKey(instanceHost: string, browser: string): string {
    return storeKey('unfinished', instanceHost, browser, this.audience);
  }
}

function isHint(value: unknown): value is Hint {
  const { begun, login } = (value ?? {}) as Record<string, unknown>;
  return typeof begun === 'number' && typeof login === 'string';
}
