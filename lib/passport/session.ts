/** The browser's secret key in its session, where the strategy finds it again. */

import type { IncomingMessage } from 'node:http';
import {
  allKeys,
  formerAfterLogin,
  readFormer,
  writeFormer,
  type BrowserKeys,
} from '../login/browser-keys.js';
import { isState, randomToken } from '../login/state.js';
import { digest } from '../util/digest.js';

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
  return allKeys(keysIn(sessionOf(req)));
}

/** The same, with a new key for a browser that has none. */
export function browserKeysOrNew(req: IncomingMessage): { keys: string[]; isNew: boolean } {
  const session = sessionOf(req);
  const known = keysIn(session);
  if (known.current !== undefined) return { keys: allKeys(known), isNew: false };
  session[sessionKey] = randomToken() + markOf(session);
  // Read again: a session that does not keep it is of no use.
  return { keys: allKeys(keysIn(session)), isNew: known.former.length === 0 };
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

/**
 * A key is good for as long as the same user, or nobody, is logged in. Whoever planted the session before a login by other
 * means (a password, another strategy) knows the key that was in it, and a site may take all of a session along.
 */
function keyIn(session: Session): string | undefined {
  const [key = '', mark = ''] = String(session[sessionKey]).split('.', 2);
  return isState(key) && markOf(session) === (mark && `.${mark}`) ? key : undefined;
}

/** Who is logged in, as Passport keeps it; of a whole user what does not change. Nobody is no mark. */
function markOf({ passport }: Session): string {
  const { user = passport } = Object(passport) as { user?: unknown };
  if (user === undefined || user === null) return '';
  if (typeof user !== 'object') return `.${digest(JSON.stringify(user))}`;
  const { id, _id = 'somebody' } = user as { id?: unknown; _id?: unknown };
  return Object.keys(user).length === 0 ? '' : `.${digest(JSON.stringify(id ?? _id))}`;
}

function keysIn(session: Session): BrowserKeys {
  const former = session[formerKey];
  return {
    current: keyIn(session),
    former: former === undefined ? [] : readFormer(String(former).split(' ')),
  };
}

/**
 * Once a login was finished with a key, no other is begun with it: whoever planted the session before knows the logins that
 * it began. Those that this browser began in other tabs must be finished still, for as long as they last; so it stays as a
 * former one, and moves along into the new, empty session that Passport makes.
 *
 * `regenerate` ends by a callback (express-session), by a promise after a list of fields to keep
 * (@fastify/session), or at once (@fastify/secure-session).
 */
export function retireKey(req: IncomingMessage): void {
  const session = sessionOf(req);
  const { regenerate } = session;
  const former = formerAfterLogin(keysIn(session));
  if (former.length === 0) return;
  // At once, whatever becomes of the session: a site may log in without a new one, or take all of the old one along.
  session[sessionKey] = undefined;
  session[formerKey] = former.map(writeFormer).join(' ');
  if (typeof regenerate !== 'function') return;
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
