/** The browser's secret keys in its session, by which the strategy recognises the browser that began a login. */

import type { IncomingMessage } from 'node:http';
import {
  allKeys,
  formerAfterLogin,
  readFormer,
  writeFormer,
  type BrowserKeys,
  isSecretKey,
  randomToken,
} from '../login/browser-keys.js';
import { digest } from '../util/digest.js';
import { warnOnce } from '../util/warnings.js';

/** Holds the key that begins logins. Its presence also tells that this session was there when a login began. */
const currentField = 'passport-mastodon-oauth2';
/** Holds keys that finished a login. They finish the pending logins that they began, and begin none. */
const formerField = `${currentField}:former`;

/** What is used of a session; express-session, koa-session, cookie-session and Fastify's all have it. */
type Session = Record<string, unknown>;

export interface SessionKeys {
  /** The key that begins logins first, if there is one. */
  readonly keys: readonly string[];
  /** Whether the session holds a key. */
  readonly isStored: boolean;
}

/** @throws Error where there is no session */
export function browserKeys(req: IncomingMessage): SessionKeys {
  const session = sessionOf(req);
  const stored = storedKeys(session);
  const derived = derivedKey(session);
  const keys = [...new Set([...allKeys(stored), ...(derived === undefined ? [] : [derived])])];
  return { keys, isStored: stored.current !== undefined || stored.former.length > 0 };
}

/**
 * The browser's keys, with one that may begin a login. It is derived from the session's ID, so that a parallel request that
 * saves the whole session as it was before (`resave: true`) cannot remove it. A session without an ID holds a random key. The
 * key is written into the session in either case, or the session would not be kept.
 * @param hasFinished whether a login was finished with a key
 * @returns `isNew`: the key was made just now
 * @throws Error where there is no session, or where it does not keep the key
 */
export async function browserKeysToBegin(
  req: IncomingMessage,
  hasFinished: (key: string) => Promise<boolean>,
): Promise<{ keys: readonly string[]; isNew: boolean }> {
  const session = sessionOf(req);
  const stored = storedKeys(session);
  const known = stored.current ?? derivedKey(session);
  const isUsable = known !== undefined && !(await hasFinished(known));
  if (stored.current === undefined || !isUsable) {
    session[currentField] = (isUsable ? known : randomToken()) + markOf(session);
  }
  if (known !== undefined && !isUsable) retire(session, known, stored);
  const { keys } = browserKeys(req);
  if (storedKeys(session).current === undefined)
    throw new Error('the session does not keep what is written into it');
  return { keys, isNew: known === undefined && stored.former.length === 0 };
}

/**
 * After a login: its key begins no other, as the owner of a planted session knows it. It stays in the session as a former
 * one, for the logins of other tabs. A site that replaces the session, as Passport does, ends those.
 */
export function retireKeys(req: IncomingMessage): void {
  const session = sessionOf(req);
  const stored = storedKeys(session);
  // Beside former keys, a session without a stored key has begun no login.
  const current = stored.current ?? (stored.former.length === 0 ? derivedKey(session) : undefined);
  session[currentField] = undefined;
  retire(session, current, stored);
}

function retire(session: Session, current: string | undefined, { former }: BrowserKeys): void {
  const next = formerAfterLogin({ current, former });
  if (next.length > 0) session[formerField] = next.map(writeFormer).join(' ');
}

function sessionOf(req: IncomingMessage): Session {
  const { session } = req as IncomingMessage & { session?: Session };
  if (typeof session === 'object' && session !== null) return session;
  const problem =
    'MastodonStrategy needs a session, and the request has none. Use express-session (or the session of your framework) ' +
    'before the route, or set the option stateStore';
  warnOnce('MASTODON_NO_SESSION', problem);
  throw new Error(problem);
}

function storedKeys(session: Session): BrowserKeys {
  const former = session[formerField];
  return {
    current: currentKey(session),
    former: former === undefined ? [] : readFormer(String(former).split(' ')),
  };
}

/**
 * A key is valid as long as the same user, or none, is logged in. The owner of a session that was planted before a login by
 * other means (a password, another strategy) knows its key, and a site may take the content of a session along.
 */
function currentKey(session: Session): string | undefined {
  const [key = '', mark = ''] = String(session[currentField]).split('.', 2);
  return isSecretKey(key) && markOf(session) === (mark && `.${mark}`) ? key : undefined;
}

function derivedKey(session: Session): string | undefined {
  const id = idOf(session);
  return id === undefined ? undefined : digest(JSON.stringify([currentField, id, markOf(session)]));
}

/** Shorter values are not random enough to be a session's ID. */
const shortestId = 16;

/** The ID of a session that the server keeps: `id` of express-session, `sessionId` of @fastify/session. */
function idOf(session: Session): string | undefined {
  return ['id', 'sessionId'].map((name) => idIn(session, name)).find((id) => id !== undefined);
}

/** Not the application's own content: a `session.id` of that kind may be the same for all visitors. */
function idIn(session: Session, name: string): string | undefined {
  const own = Object.getOwnPropertyDescriptor(session, name);
  const isContent = own ? own.enumerable : !(name in Object(Object.getPrototypeOf(session)));
  const id = session[name];
  return !isContent && typeof id === 'string' && id.length >= shortestId ? id : undefined;
}

/** The logged-in user as Passport keeps it; of a whole user only the ID, which does not change. Empty without a user. */
function markOf({ passport }: Session): string {
  const { user = passport } = Object(passport) as { user?: unknown };
  if (user === undefined || user === null) return '';
  if (typeof user !== 'object') return `.${digest(JSON.stringify(user))}`;
  const { id, _id = 'a user' } = user as { id?: unknown; _id?: unknown };
  return Object.keys(user).length === 0 ? '' : `.${digest(JSON.stringify(id ?? _id))}`;
}
