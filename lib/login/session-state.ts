/** The default state store: the browser's key in its session, the logins it began in the site's store. */

import type { IncomingMessage } from 'node:http';
import type { LoginTransaction, StateStore } from '../options.js';
import { digest, storeKey, type Store } from '../store.js';
import { loginTtlMs, randomToken } from './transaction.js';

/** Where in the session the browser's key is kept. */
const sessionKey = 'passport-mastodon-oauth2';

/** How long an unfinished login is a hint that something is wrong with it. Milliseconds. */
const unfinishedTtlMs = 60 * 60 * 1000;

/** What is used of a session; express-session, cookie-session and Fastify's all have it. */
type Session = Record<string, unknown> & { regenerate?: (done: (error?: unknown) => void) => unknown };
type RequestWithSession = IncomingMessage & { session?: Session };

interface Saved {
  /** Digest of the browser's key, so that the store alone is no use for hijacking a login. */
  readonly browser: string;
  readonly login: LoginTransaction;
}

/**
 * Only one short key per browser is in the session, written once: logins begun in two tabs at the same moment
 * would otherwise overwrite each other, as sessions are loaded and saved whole. Each login is a record of its
 * own in the store, where deleting it is what makes it single-use.
 */
export class SessionStateStore implements StateStore {
  constructor(private readonly store: Store) {}

  async save(req: IncomingMessage, state: string, login: LoginTransaction): Promise<void> {
    const browser = digest(browserKey(sessionOf(req)));
    const saved: Saved = { browser, login };
    await this.store.save(loginKey(state), saved, loginTtlMs);
    await this.store.cache(
      unfinishedKey(login.instance.host, browser),
      { begun: Date.now() },
      unfinishedTtlMs,
    );
  }

  async take(req: IncomingMessage, state: string): Promise<LoginTransaction | undefined> {
    const session = sessionOf(req);
    const key = session[sessionKey];
    if (typeof key !== 'string') return undefined;
    const storedAt = loginKey(state);
    const saved = (await this.store.read(storedAt)) as Saved | undefined;
    // Another browser's login is left where it is: knowing a state must not be enough to spoil it.
    if (saved?.browser !== digest(key)) return undefined;
    const taken = (await this.store.take(storedAt)) as Saved | undefined;
    if (taken === undefined) return undefined;
    keepKeyAcrossRegeneration(req as RequestWithSession, session, key);
    return taken.login;
  }

  async hasUnfinished(req: IncomingMessage, instanceHost: string): Promise<boolean> {
    const key = sessionOf(req)[sessionKey];
    if (typeof key !== 'string') return false;
    return (await this.store.cached(unfinishedKey(instanceHost, digest(key)))) !== undefined;
  }

  async finished(req: IncomingMessage, instanceHost: string): Promise<void> {
    const key = sessionOf(req)[sessionKey];
    if (typeof key === 'string') await this.store.drop(unfinishedKey(instanceHost, digest(key)));
  }
}

function sessionOf(req: IncomingMessage): Session {
  const { session } = req as RequestWithSession;
  if (typeof session !== 'object' || session === null) {
    throw new Error(
      'MastodonStrategy needs a session: use express-session (or its like) before Passport, or set stateStore',
    );
  }
  return session;
}

function browserKey(session: Session): string {
  const there = session[sessionKey];
  if (typeof there === 'string') return there;
  const key = randomToken();
  session[sessionKey] = key;
  return key;
}

/**
 * Passport gives the browser a new, empty session when someone is logged in, against session fixation. The
 * logins this browser began in other tabs must survive that; so the key moves along. It is worth nothing
 * without the state of a login, and says nothing about who is logged in.
 */
function keepKeyAcrossRegeneration(req: RequestWithSession, session: Session, key: string): void {
  const { regenerate } = session;
  if (typeof regenerate !== 'function') return;
  Object.defineProperty(session, 'regenerate', {
    configurable: true,
    enumerable: false,
    writable: true,
    value(this: Session, done: (error?: unknown) => void) {
      return regenerate.call(this, (error) => {
        if (!error && req.session) req.session[sessionKey] = key;
        done(error);
      });
    },
  });
}

function loginKey(state: string): string {
  return storeKey('login', '', state);
}

function unfinishedKey(instanceHost: string, browser: string): string {
  return storeKey('unfinished', instanceHost, browser);
}
