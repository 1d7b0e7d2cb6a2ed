/** Stores the secret browser keys in the session or the pending logins in a `stateStore`, and warns of lost sessions. */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  formerAfterLogin,
  formerKey,
  isSecretKey,
  keysToBegin,
  validFormer,
  type BrowserKeys,
} from '../login/browser.js';
import type { MastodonLogin } from '../login/login.js';
import type { PendingLogins, Transaction } from '../login/transactions.js';
import { digest } from '../util/crypto.js';
import { isDevelopment, warnOnce } from '../events.js';
import type { LoginTransaction, StateStore } from './options.js';

/** Session field with the key that begins logins. A user that was logged in then follows behind a ".". */
const currentField = 'passport-mastodon-oauth2';
/** Session field with former keys, separated by "~". */
const formerField = `${currentField}:former`;

/** Minimum length of a random session ID. */
const shortestId = 16;

/** The type of a session in express-session, koa-session, cookie-session and Fastify. */
type Session = Record<string, unknown>;

/** The keys of a session. */
export interface SessionKeys extends BrowserKeys {
  readonly session: Session;
  /** Identifies the user who is logged in. Empty without a user. */
  readonly user: string;
  /** The current key as the session holds it. Without one, the current key is derived from the session's ID. */
  readonly stored: string | undefined;
}

/**
 * The browser's keys. The stored key counts only if the logged-in user is the same as when it was created. An attacker
 * who planted a session knows its key, and a site may copy the session's content at a login by other means, such as a
 * password.
 *
 * Another key is derived from the session's ID, so that a parallel request that saves the whole session as it was before
 * (`resave: true`) cannot remove it.
 * @throws Error without a session
 */
export function readSession(req: IncomingMessage): SessionKeys {
  const { session } = req as IncomingMessage & { session?: Session };
  if (typeof session !== 'object' || session === null) {
    const problem =
      'MastodonStrategy needs a session, and the request has none. Use express-session (or the session of your framework) ' +
      'before the route, or set the option stateStore';
    warnOnce('MASTODON_NO_SESSION', problem);
    throw new Error(problem);
  }
  const user = userIn(session);
  const [key, keyUser = ''] = String(session[currentField]).split('.', 2);
  const stored = isSecretKey(key) && keyUser === user ? key : undefined;
  const formerTexts = session[formerField];
  const former = formerTexts === undefined ? [] : validFormer(String(formerTexts).split('~'));
  // `id` of express-session, `sessionId` of @fastify/session.
  let derived: string | undefined;
  for (const name of ['id', 'sessionId']) {
    // Only the ID of a session that the server keeps. The application's own content may be the same for all visitors.
    const own = Object.getOwnPropertyDescriptor(session, name);
    const isContent = own ? own.enumerable : !(name in Object(Object.getPrototypeOf(session)));
    const id = session[name];
    if (!isContent && typeof id === 'string' && id.length >= shortestId)
      derived ??= digest(JSON.stringify([currentField, id, user]));
  }
  const current = stored ?? derived;
  const all = [current ?? [], former.map(formerKey), derived ?? []].flat();
  return { session, user, stored, current, former, all: [...new Set(all)] };
}

/**
 * A text that identifies the logged-in user in Passport's session. For a whole user object only the ID is used, because
 * other fields change.
 */
function userIn({ passport }: Session): string {
  const { user = passport } = Object(passport) as { user?: unknown };
  if (user === undefined || user === null) return '';
  if (typeof user !== 'object') return digest(JSON.stringify(user));
  const { id, _id = 'a user' } = user as { id?: unknown; _id?: unknown };
  return Object.keys(user).length === 0 ? '' : digest(JSON.stringify(id ?? _id));
}

/**
 * The browser's keys for a login start. The current key is written into the session even if it is derived from its ID, or
 * the session would not be kept.
 * @throws Error where there is no session, or where it does not keep the key
 */
export async function sessionKeysToBegin(
  req: IncomingMessage,
  login: Pick<MastodonLogin, 'hasFinished'>,
): Promise<readonly string[]> {
  const known = readSession(req);
  const { session, user } = known;
  const { current, former, all } = await keysToBegin(known, login);
  const written = user === '' ? current : `${current}.${user}`;
  session[currentField] = written;
  if (session[currentField] !== written) throw new Error('the session does not keep what is written into it');
  if (former.length > 0) session[formerField] = former.join('~');
  return all;
}

/**
 * Makes the stored key a former one after a login. The attacker who planted a session knows its key, so it must not begin
 * another login. Former keys finish logins of other tabs. A site that replaces the session, as Passport does, ends those
 * logins.
 */
export function retireKey({ session, stored, former }: SessionKeys): void {
  session[currentField] = undefined;
  if (stored !== undefined) session[formerField] = formerAfterLogin(stored, former).join('~');
}

/** The logins of the request's browser, as the site's own store keeps them. */
export function loginsIn(stateStore: StateStore, req: IncomingMessage): PendingLogins {
  // The failure of an optional method ends no login: it costs at most a verification of the client.
  const ifAble = <T>(call: () => Promise<T> | undefined) => (async () => call())().catch(() => undefined);
  const finished = (host: string) => ifAble(() => stateStore.finished?.(req, host));
  return {
    // For the site, a record without known members. The instance is one object for many logins.
    save: (state, login) => {
      const record: Partial<Transaction> = { ...login, instance: { ...login.instance } };
      return stateStore.save(req, state, record as LoginTransaction);
    },
    take: async (state) => (await stateStore.take(req, state)) as Transaction | undefined,
    async unfinished(host) {
      const isUnfinished = await ifAble(() => stateStore.hasUnfinished?.(req, host));
      return isUnfinished ? { begunAt: [Date.now()] } : undefined;
    },
    clearUnfinished: finished,
    finished,
  };
}

/** A request with the members that frameworks add. */
type FrameworkRequest = IncomingMessage & {
  /** Express: whether the connection is secure, or a trusted proxy reports that. */
  readonly secure?: boolean;
  /** Express and Fastify: the protocol of the connection, or the one that a trusted proxy reports. */
  readonly protocol?: string;
  readonly session?: { readonly cookie?: { readonly secure?: unknown; readonly sameSite?: unknown } };
};

/**
 * Warns if the browser cannot send the session cookie back.
 * @param isLost whether a pending login has the state of an authorization response, and the request has no session that began
 *   it. In production only a cookie that cannot work is a reason to warn, because visitors and attackers may use another
 *   browser.
 */
export function warnOfSession(req: FrameworkRequest, isLost: boolean): void {
  const { secure, sameSite } = req.session?.cookie ?? {};
  // The request of a framework may have no socket.
  const { encrypted = !req.socket } = Object(req.socket) as Partial<TLSSocket>;
  const isSecure = req.secure === true || req.protocol === 'https' || encrypted;
  // express-session with `proxy: true` trusts this header, and that option is not readable here.
  const mayBeSecure = !isLost && /https/i.test(String(req.headers['x-forwarded-proto'] ?? ''));
  let problem: string | undefined;
  if (secure === true && !isSecure && !mayBeSecure)
    problem =
      'Its cookie is "secure", and this request is not, as far as the application knows. Behind a proxy with TLS, set ' +
      "app.set('trust proxy', 1). Over http, leave secure out";
  else if (sameSite === 'strict' || sameSite === true)
    problem =
      "Its cookie is sameSite: 'strict'. Browsers do not send that when a visitor comes from another site: set 'lax'";
  else if (sameSite === 'none' && secure !== true)
    problem = "Its cookie is sameSite: 'none' and not secure. Browsers refuse that cookie: set 'lax'";
  else if (isLost && isDevelopment())
    problem =
      'The login was begun under another host name than that of callbackURL (localhost and 127.0.0.1 are two names), in ' +
      'another browser, or the session store has lost it';
  if (problem === undefined) return;
  const what = isLost
    ? 'an authorization response came without the session in which its login was begun'
    : 'the session of this login will be lost';
  warnOnce('MASTODON_NO_SESSION', `MastodonStrategy: ${what}. ${problem}`);
}
