/** Begun logins as records in a store, each bound to the secret key of the browser that began it. */

import type { LoginTransaction } from '../options.js';
import { digest, storeKey, type Store } from '../store.js';
import { loginTtlMs } from './transaction.js';

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

interface Saved {
  /** Digest of the browser's key, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  readonly login: LoginTransaction;
}

/** Every login is a record of its own; deleting the record is what makes the login single-use. */
export class BrowserLogins {
  constructor(private readonly store: Store) {}

  /** @throws MastodonError `store_failed` */
  async save(browserKey: string, state: string, login: LoginTransaction): Promise<void> {
    const browser = digest(browserKey);
    const saved: Saved = { browser, login };
    await this.store.save(loginKey(state), saved, loginTtlMs);
    const unfinished = unfinishedKey(login.instance.host, browser);
    await this.store.cache(unfinished, { begun: Date.now() }, unfinishedTtlMs);
  }

  /** @throws MastodonError `store_failed` */
  async take(browserKey: string, state: string): Promise<LoginTransaction | undefined> {
    const key = loginKey(state);
    const saved = (await this.store.read(key)) as Saved | undefined;
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (saved?.browser !== digest(browserKey)) return undefined;
    const taken = (await this.store.take(key)) as Saved | undefined;
    return taken?.login;
  }

  async hasUnfinished(browserKey: string, instanceHost: string): Promise<boolean> {
    return (await this.store.cached(unfinishedKey(instanceHost, digest(browserKey)))) !== undefined;
  }

  async finished(browserKey: string, instanceHost: string): Promise<void> {
    await this.store.drop(unfinishedKey(instanceHost, digest(browserKey)));
  }
}

function loginKey(state: string): string {
  return storeKey('login', '', state);
}

function unfinishedKey(instanceHost: string, browser: string): string {
  return storeKey('unfinished', instanceHost, browser);
}
