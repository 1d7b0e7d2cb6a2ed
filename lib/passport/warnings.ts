/** Warnings about mistakes of a site that its requests show: a missing body parser, a misnamed field, a lost session. */

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { isDevelopment, warnOnce } from '../util/warnings.js';

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
