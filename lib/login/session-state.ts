/** The default state store: the browser's key in its session, the logins it began in the site's store. */

import type { IncomingMessage } from 'node:http';
import type { LoginTransaction, StateStore } from '../options.js';
import type { Store } from '../store.js';
import { BrowserLogins } from './browser-logins.js';
import { randomToken } from './transaction.js';

/** Where in the session the browser's key is kept. */
const sessionKey = 'passport-mastodon-oauth2';

/** What is used of a session; express-session, koa-session, cookie-session and Fastify's all have it. */
type Session = Record<string, unknown>;
type RequestWithSession = IncomingMessage & { session?: Session };

/**
 * Only one short key per browser is in the session, written once: logins begun in two tabs at the same moment
 * would otherwise overwrite each other, as sessions are loaded and saved whole.
 */
export class SessionStateStore implements StateStore {
  private readonly logins: BrowserLogins;

  constructor(store: Store) {
    this.logins = new BrowserLogins(store);
  }

  async save(req: IncomingMessage, state: string, login: LoginTransaction): Promise<void> {
    const session = sessionOf(req);
    const key = keyIn(session) ?? randomToken();
    session[sessionKey] = key;
    await this.logins.save(key, state, login);
  }

  async take(req: IncomingMessage, state: string): Promise<LoginTransaction | undefined> {
    const session = sessionOf(req);
    const key = keyIn(session);
    const login = key === undefined ? undefined : await this.logins.take(key, state);
    if (key !== undefined && login) keepKeyAcrossRegeneration(req as RequestWithSession, session, key);
    return login;
  }

  async hasUnfinished(req: IncomingMessage, instanceHost: string): Promise<boolean> {
    const key = keyIn(sessionOf(req));
    return key !== undefined && this.logins.hasUnfinished(key, instanceHost);
  }

  async finished(req: IncomingMessage, instanceHost: string): Promise<void> {
    const key = keyIn(sessionOf(req));
    if (key !== undefined) await this.logins.finished(key, instanceHost);
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

function keyIn(session: Session): string | undefined {
  const key = session[sessionKey];
  return typeof key === 'string' ? key : undefined;
}

/**
 * Passport gives the browser a new, empty session when someone is logged in, against session fixation. The
 * logins this browser began in other tabs must survive that; so the key moves along. It is worth nothing
 * without the state of a login, and says nothing about who is logged in.
 *
 * `regenerate` ends by a callback (express-session), by a promise after a list of fields to keep
 * (@fastify/session), or at once (@fastify/secure-session).
 */
function keepKeyAcrossRegeneration(req: RequestWithSession, session: Session, key: string): void {
  const { regenerate } = session;
  if (typeof regenerate !== 'function') return;
  const moveAlong = () => {
    if (req.session) req.session[sessionKey] = key;
  };
  // A session that does not let itself be changed so only loses the logins of other tabs.
  Reflect.defineProperty(session, 'regenerate', {
    configurable: true,
    enumerable: false,
    writable: true,
    value(this: Session, ...args: unknown[]): unknown {
      const done = args.at(-1);
      if (typeof done === 'function') {
        const movedAndDone = (error?: unknown) => {
          if (!error) moveAlong();
          done(error);
        };
        return regenerate.apply(this, [...args.slice(0, -1), movedAndDone]);
      }
      const result: unknown = regenerate.apply(this, args);
      if (result instanceof Promise) return result.then(moveAlong);
      moveAlong();
      return result;
    },
  });
}
