/** Stores the secret browser keys in the session, and warns about sessions and forms that cannot work. */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  formerAfterLogin,
  isSecretKey,
  randomToken,
  readFormer,
  type BrowserKeys,
  writeFormer,
} from '../login/browser.js';
import type { MastodonLogin } from '../login/login.js';
import { digest } from '../util/crypto.js';
import { isDevelopment, warnOnce } from '../events.js';

/** Session field with the key that begins logins. A session with this field existed when a login began. */
const currentField = 'passport-mastodon-oauth2';
/** Session field with former keys. They can finish the logins that they began, and cannot begin others. */
const formerField = `${currentField}:former`;

/** The type of a session in express-session, koa-session, cookie-session and Fastify. */
type Session = Record<string, unknown>;

/** The keys of a session. */
export interface SessionKeys extends BrowserKeys {
  /** Derived from the session's ID, if it has one. */
  readonly derived: string | undefined;
  /** All keys, the one that begins logins first. */
  readonly keys: readonly string[];
}

/**
 * The browser's keys, with one that may begin a login. It is derived from the session's ID, so that a parallel request that
 * saves the whole session as it was before (`resave: true`) cannot remove it. A session without an ID holds a random key. The
 * key is written into the session in either case, or the session would not be kept.
 * @returns `isNew`: the key was made just now
 * @throws Error where there is no session, or where it does not keep the key
 */
export async function browserKeysToBegin(
  req: IncomingMessage,
  login: Pick<MastodonLogin, 'hasFinished'>,
): Promise<{ keys: readonly string[]; isNew: boolean }> {
  const session = sessionOf(req);
  const before = browserKeys(req);
  const known = before.current ?? before.derived;
  const isUsable = known !== undefined && !(await login.hasFinished(known));
  if (isUsable && known === before.current) return { keys: before.keys, isNew: false };
  const current = isUsable ? known : randomToken();
  const written = current + userSuffix(session);
  session[currentField] = written;
  if (session[currentField] !== written) throw new Error('the session does not keep what is written into it');
  if (known !== undefined && !isUsable) retire(session, known, before);
  return {
    keys: [...new Set([current, ...before.keys])],
    isNew: known === undefined && before.keys.length === 0,
  };
}

/**
 * Makes the current key a former one after a login. The attacker who planted a session knows its key, so it must not
 * begin another login. Former keys finish logins of other tabs. A site that replaces the session, as Passport does,
 * ends those logins.
 */
export function retireKeys(req: IncomingMessage, { current, derived, former }: SessionKeys): void {
  const session = sessionOf(req);
  session[currentField] = undefined;
  // A session with former keys and no current key has begun no login.
  retire(session, current ?? (former.length === 0 ? derived : undefined), { former });
}

function retire(
  session: Session,
  current: string | undefined,
  { former }: Pick<BrowserKeys, 'former'>,
): void {
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

/**
 * The browser's keys. The stored key counts only if the logged-in user is the same as when it was created. An attacker who
 * planted a session knows its key. A site may copy the session's content at a login by other means, such as a password.
 * @throws Error without a session
 */
export function browserKeys(req: IncomingMessage): SessionKeys {
  const session = sessionOf(req);
  const suffix = userSuffix(session);
  const [key = '', user = ''] = String(session[currentField]).split('.', 2);
  const current = isSecretKey(key) && suffix === (user && `.${user}`) ? key : undefined;
  const formerKeys = session[formerField];
  const former = formerKeys === undefined ? [] : readFormer(String(formerKeys).split(' '));
  // `id` of express-session, `sessionId` of @fastify/session.
  const id = idIn(session, 'id') ?? idIn(session, 'sessionId');
  const derived = id === undefined ? undefined : digest(JSON.stringify([currentField, id, suffix]));
  const keys = [current, ...former.map((one) => one.key), derived].filter((one) => one !== undefined);
  return { current, former, derived, keys: [...new Set(keys)] };
}

/** Minimum length of a random session ID. */
const shortestId = 16;

/** The ID of a session that the server keeps. Not the application's own content, which may be the same for all visitors. */
function idIn(session: Session, name: string): string | undefined {
  const own = Object.getOwnPropertyDescriptor(session, name);
  const isContent = own ? own.enumerable : !(name in Object(Object.getPrototypeOf(session)));
  const id = session[name];
  return !isContent && typeof id === 'string' && id.length >= shortestId ? id : undefined;
}

/**
 * A suffix that identifies the logged-in user in Passport's session. For a whole user object only the ID is used,
 * because other fields change. Empty without a user.
 */
function userSuffix({ passport }: Session): string {
  const { user = passport } = Object(passport) as { user?: unknown };
  if (user === undefined || user === null) return '';
  if (typeof user !== 'object') return `.${digest(JSON.stringify(user))}`;
  const { id, _id = 'a user' } = user as { id?: unknown; _id?: unknown };
  return Object.keys(user).length === 0 ? '' : `.${digest(JSON.stringify(id ?? _id))}`;
}

/** A request with the members that frameworks add. */
type Incoming = IncomingMessage & {
  readonly body?: unknown;
  /** Express: whether the connection is secure, or a trusted proxy reports that. */
  readonly secure?: boolean;
  /** Express and Fastify: the protocol of the connection, or the one that a trusted proxy reports. */
  readonly protocol?: string;
  readonly session?: { readonly cookie?: { readonly secure?: unknown; readonly sameSite?: unknown } };
};

const parsers: ReadonlyMap<string, string> = new Map([
  ['application/x-www-form-urlencoded', 'app.use(express.urlencoded({ extended: false }))'],
  ['application/json', 'app.use(express.json())'],
  ['multipart/form-data', 'a parser such as multer (or no enctype in the form, and express.urlencoded())'],
]);

/** Other names are content that was parsed with a wrong type. */
const plainName = /^[\w$-]{1,40}$/;

/** Warns that a start has no instance. The body was not parsed, or the field has another name. */
export function warnOfMissingField(req: IncomingMessage, field: string): void {
  if (!isDevelopment() || req.method === 'GET') return;
  const { body } = req as Incoming;
  const type = req.headers['content-type']?.split(';', 1)[0] ?? '';
  const names = typeof body === 'object' ? Object.keys(body ?? {}) : [];
  // In Express 4, a parser for another type leaves an empty object.
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

/** Warns at a login start if the browser cannot send the session cookie back. */
export function warnOfSessionCookie(req: IncomingMessage): void {
  // express-session with `proxy: true` trusts this header, and that option is not readable here.
  const mayBeSecure = /https/i.test(String(req.headers['x-forwarded-proto'] ?? ''));
  const problem = cookieProblem(req, !mayBeSecure);
  if (problem !== undefined) {
    warnOnce('MASTODON_NO_SESSION', `MastodonStrategy: the session of this login will be lost. ${problem}`);
  }
}

/**
 * Warns that a pending login has the state, but the request has no session that began it. In production it warns only
 * about a cookie that cannot work, because visitors and attackers may use another browser.
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

/** @param isByHTTP whether a request that does not look secure uses http */
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
  // The request of a framework may have no socket.
  const { encrypted = !socket } = Object(socket) as Partial<TLSSocket>;
  return secure === true || protocol === 'https' || encrypted;
}
