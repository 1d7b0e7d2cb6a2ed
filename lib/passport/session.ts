/** The browser's secret keys in its session, by which the strategy recognises the browser that began a login, and warnings about sessions and forms that cannot work. */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  allKeys,
  formerAfterLogin,
  isSecretKey,
  randomToken,
  readFormer,
  type BrowserKeys,
  writeFormer,
} from '../login/browser-keys.js';
import { digest } from '../util/digest.js';
import { isDevelopment, warnOnce } from '../util/warnings.js';

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

/** What frameworks add to a request. */
type Incoming = IncomingMessage & {
  readonly body?: unknown;
  /** Express: the connection is secure, or a trusted proxy says so. */
  readonly secure?: boolean;
  /** Express and Fastify, likewise. */
  readonly protocol?: string;
  readonly session?: { readonly cookie?: { readonly secure?: unknown; readonly sameSite?: unknown } };
};

const parsers: ReadonlyMap<string, string> = new Map([
  ['application/x-www-form-urlencoded', 'app.use(express.urlencoded({ extended: false }))'],
  ['application/json', 'app.use(express.json())'],
  ['multipart/form-data', 'a parser such as multer (or no enctype in the form, and express.urlencoded())'],
]);

/** Other names are content that was sent with a wrong type. */
const plainName = /^[\w$-]{1,40}$/;

/** A start came without an instance: the body was not parsed, or the field has another name. */
export function warnOfMissingField(req: IncomingMessage, field: string): void {
  if (!isDevelopment() || req.method === 'GET') return;
  const { body } = req as Incoming;
  const type = req.headers['content-type']?.split(';', 1)[0] ?? '';
  const names = typeof body === 'object' ? Object.keys(body ?? {}) : [];
  // A parser for another type leaves an empty object (Express 4).
  const isEmpty = typeof body === 'object' && names.length === 0 && Number(req.headers['content-length']) > 0;
  if (body === undefined || isEmpty) {
    const parser = parsers.get(type);
    const what =
      type === 'text/plain'
        ? 'the request has text/plain, as fetch sends it without a Content-Type. Send a form, or set Content-Type: application/json'
        : `a form was sent, and ${body ? 'req.body is empty' : 'there is no req.body'}. Before the route, add ${parser}`;
    if (type === 'text/plain' || parser !== undefined)
      warnOnce('MASTODON_NO_BODY', `MastodonStrategy: ${what}`);
  } else if (names.length > 0 && !names.includes(field)) {
    const other = names.find((name) => plainName.test(name));
    warnOnce(
      'MASTODON_NO_FIELD',
      `MastodonStrategy: a form was sent, and none of its fields is "${field}"` +
        (other === undefined ? '' : ` (there is "${other}")`) +
        '. Name the input so, or set the option instanceField',
    );
  }
}

/** A login begins: warns if the browser will certainly not bring the session's cookie along. */
export function warnOfSessionCookie(req: IncomingMessage): void {
  // express-session with `proxy: true` believes this header, which cannot be seen from here.
  const mayBeSecure = /https/i.test(String(req.headers['x-forwarded-proto'] ?? ''));
  const problem = cookieProblem(req, !mayBeSecure);
  if (problem !== undefined) {
    warnOnce('MASTODON_NO_SESSION', `MastodonStrategy: the session of this login will be lost. ${problem}`);
  }
}

/**
 * A pending login has the state of an authorization response, and the browser came without the session that began it. In
 * production only a cookie that cannot work is a reason: visitors do change browsers, and strangers may.
 */
export function warnOfLostSession(req: IncomingMessage): void {
  const problem = cookieProblem(req, true) ?? (isDevelopment() ? otherReasons : undefined);
  if (problem === undefined) return;
  warnOnce(
    'MASTODON_NO_SESSION',
    `MastodonStrategy: an authorization response came without the session in which its login was begun. ${problem}`,
  );
}

const otherReasons =
  'The login was begun under another host name than that of callbackURL (localhost and 127.0.0.1 are two names), in another ' +
  'browser, or the session store has lost it';

/** @param isByHTTP whether a request that does not look secure is not */
function cookieProblem(req: Incoming, isByHTTP: boolean): string | undefined {
  const { secure, sameSite } = req.session?.cookie ?? {};
  if (secure === true && isByHTTP && !isSecure(req)) {
    return (
      'Its cookie is "secure", and this request is not, as far as the application knows. Behind a proxy with TLS, set ' +
      "app.set('trust proxy', 1). Over http, leave secure out"
    );
  }
  if (sameSite === 'strict' || sameSite === true) {
    return "Its cookie is sameSite: 'strict'. Browsers do not send that when a visitor comes from another site: set 'lax'";
  }
  if (sameSite === 'none' && secure !== true) {
    return "Its cookie is sameSite: 'none' and not secure. Browsers refuse that cookie: set 'lax'";
  }
  return undefined;
}

function isSecure({ secure, protocol, socket }: Incoming): boolean {
  // A framework's own request may have no socket.
  const { encrypted = !socket } = Object(socket) as Partial<TLSSocket>;
  return secure === true || protocol === 'https' || encrypted;
}
