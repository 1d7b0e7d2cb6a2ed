/** Binds a login to the browser by a cookie, which goes when the request ends, and to the request that it is for. */

import type { IncomingMessage } from 'node:http';
import type { LoginTransaction, StateStore } from '../options.js';
import { loginTtlMs } from '../login/transaction.js';
import { digest, storeKey, type Store } from '../store.js';
import type { BrowserCookies } from './cookies.js';
import type { Requests } from './requests.js';

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

interface Saved {
  readonly id: string;
  /** Digest of the browser's key, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  readonly login: LoginTransaction;
}

interface Begun {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What is known of a request's login beside what the strategy tells. */
export interface Ticket {
  readonly id: string;
  /** The scope asked for. */
  readonly scope: string | undefined;
}

/** The strategy is given the ID of the request as its `state`. */
export class CookieStateStore implements StateStore {
  private readonly tickets = new WeakMap<object, Ticket>();

  constructor(
    private readonly store: Store,
    private readonly requests: Requests,
    private readonly cookies: BrowserCookies,
  ) {}

  /** Which request this one of the browser's belongs to; for the callback, once its login was looked up. */
  ticketOf(req: object): Ticket | undefined {
    return this.tickets.get(req);
  }

  async save(req: IncomingMessage, state: string, login: LoginTransaction): Promise<void> {
    const id = String(login.applicationState);
    const key = this.cookies.read(req).get(id);
    if (key === undefined) throw new Error('a login was begun without a cookie');
    const saved: Saved = { id, browser: digest(key), login };
    await this.store.save(loginKey(state), saved, loginTtlMs);
    const begun: Begun = { id, at: Date.now() };
    await this.store.cache(unfinishedKey(login.instance.host, key), begun, unfinishedTtlMs);
  }

  async take(req: IncomingMessage, state: string): Promise<LoginTransaction | undefined> {
    const storedAt = loginKey(state);
    const saved = (await this.store.read(storedAt)) as Saved | undefined;
    const key = saved && this.cookies.read(req).get(saved.id);
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (key === undefined || saved?.browser !== digest(key)) return undefined;
    if ((await this.store.take(storedAt)) === undefined) return undefined;
    // A token that nobody waits for any more is not fetched.
    const request = await this.requests.find(saved.id);
    if (!request || !(await this.requests.isHeard(request))) return undefined;
    this.tickets.set(req, { id: saved.id, scope: saved.login.scope });
    return saved.login;
  }

  /** Also finds the request of a browser that comes back without a state: the last one it began there. */
  async hasUnfinished(req: IncomingMessage, instanceHost: string): Promise<boolean> {
    const keys = [...this.cookies.read(req).values()];
    const found = await Promise.all(
      keys.map((key) => this.store.cached(unfinishedKey(instanceHost, key)) as Promise<Begun | undefined>),
    );
    const [last] = found.filter((begun) => begun !== undefined).sort((a, b) => b.at - a.at);
    if (last && !this.tickets.has(req)) this.tickets.set(req, { id: last.id, scope: undefined });
    return last !== undefined;
  }
}

function loginKey(state: string): string {
  return storeKey('bridge-login', '', state);
}

function unfinishedKey(instanceHost: string, key: string): string {
  return storeKey('bridge-unfinished', instanceHost, digest(key));
}
