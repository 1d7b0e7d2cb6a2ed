/** The browser's secret key in its session, where the strategy finds it again. */

import type { IncomingMessage } from 'node:http';
import {
  allKeys,
  formerAfterLogin,
  readFormer,
  writeFormer,
  type BrowserKeys,
} from './login/browser-keys.js';
import { randomToken } from './login/transaction.js';

/** Where in the session the key is kept. */
const sessionKey = 'passport-mastodon-oauth2';
/** Where keys of the sessions before are kept: they may finish what they began, and begin nothing. */
const formerKey = `${sessionKey}:former`;

/** What is used of a session; express-session, koa-session, cookie-session and Fastify's all have it. */
type Session = Record<string, unknown>;
type RequestWithSession = IncomingMessage & { session?: Session };

/**
 * The browser's keys, the current one first. Only one short key is in the session, written once: logins begun in two
 * tabs at the same moment would otherwise overwrite each other, as sessions are loaded and saved whole.
 * @throws Error where there is no session
 */
export function browserKeys(req: IncomingMessage): string[] {
  const session = sessionOf(req);
  return allKeys(keysIn(session));
}

/** The same, with a new key for a browser that has none. */
export function browserKeysOrNew(req: IncomingMessage): string[] {
  const session = sessionOf(req);
  if (keyIn(session) === undefined) session[sessionKey] = randomToken();
  return browserKeys(req);
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

function keysIn(session: Session): BrowserKeys {
  const former = String(session[formerKey]).split(' ').flatMap(readFormer);
  return { current: keyIn(session), former };
}

/**
 * Passport gives the browser a new, empty session when someone is logged in, against session fixation. The logins
 * this browser began in other tabs must survive that; so the key moves along, for as long as they last. New logins get a
 * new key: whoever planted the session before knows the old one's logins.
 *
 * `regenerate` ends by a callback (express-session), by a promise after a list of fields to keep
 * (@fastify/session), or at once (@fastify/secure-session).
 */
export function keepKeyAcrossRegeneration(req: IncomingMessage): void {
  const session = sessionOf(req);
  const { regenerate } = session;
  const former = formerAfterLogin(keysIn(session));
  if (typeof regenerate !== 'function' || former.length === 0) return;
  const moveAlong = () => {
    const { session: next } = req as RequestWithSession;
    if (next) next[formerKey] = former.map(writeFormer).join(' ');
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
