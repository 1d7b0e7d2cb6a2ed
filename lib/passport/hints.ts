/** Mistakes of new sites that their requests show: each is told once, with what to do, while the site is being built. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { plainName, type Advice } from '../login/advice.js';
import { ComingsAndGoings, type Start } from '../login/comings-and-goings.js';
import { targetOf } from '../login/response.js';

/** What frameworks add to a request, where they do. */
type Incoming = IncomingMessage & {
  readonly body?: unknown;
  /** Express: the connection was secure, or a trusted proxy says so. */
  readonly secure?: boolean;
  readonly res?: Partial<ServerResponse>;
  /** Passport's, where its session strategy has found somebody. */
  readonly user?: unknown;
  readonly session?: {
    readonly passport?: { readonly user?: unknown };
    readonly cookie?: { readonly secure?: unknown; readonly sameSite?: unknown };
  };
};

export class Hints {
  private readonly browsers: ComingsAndGoings;
  private readonly watched = new WeakSet<Server>();

  /** @param callbackURL without a slash at its end */
  constructor(
    private readonly advice: Advice,
    private readonly callbackURL: string,
    private readonly field: string,
    hasStore: boolean,
  ) {
    this.browsers = new ComingsAndGoings(this.advice, callbackURL, hasStore);
  }

  /**
   * A visitor is being sent away.
   * @param redirect where to
   * @param browserKey of the browser's session, if that is how logins are kept
   */
  begins(req: IncomingMessage, redirect: string, browserKey: string | undefined): void {
    this.advice.try(() => {
      this.ofThePolicy(req, new URL(redirect).origin);
      this.ofWhoIsLoggedIn(req);
      this.browsers.begins(startOf(req), browserKey);
      this.watchForAnswer(req);
    });
  }

  /** A login did not begin, or did not end well. */
  refused(error: unknown): void {
    this.advice.refused(error);
    this.browsers.refused(error);
  }

  /** A start without an instance. */
  missesField(req: IncomingMessage): void {
    this.advice.try(() => {
      this.ofTheForm(req);
      this.browsers.ofTheScript(startOf(req));
    });
  }

  /** @param hasKey whether the browser brought the session in which its login was begun */
  answers(req: IncomingMessage, hasKey: boolean): void {
    this.browsers.answers();
    // Sites are restarted, and asked by anybody.
    if (!hasKey && this.browsers.hasBegun) this.advice.try(() => this.ofTheSession(req));
  }

  /** An answer for which there is no route is heard of by the server alone, which is listened to until one arrives. */
  private watchForAnswer({ socket }: IncomingMessage): void {
    const { server } = Object(socket) as { server?: Server };
    if (!server || this.browsers.hasHeardAnswer || this.watched.has(server)) return;
    this.watched.add(server);
    const path = new URL(this.callbackURL).pathname.replace(/\/$/, '');
    const look = (req: IncomingMessage, res: ServerResponse): void =>
      this.advice.try(() => {
        if (this.browsers.hasHeardAnswer) return void server.off('request', look);
        const { pathname, searchParams } = targetOf(req.url ?? '/');
        if (!pathname.startsWith(`${path}/`) || !searchParams.has('state')) return;
        res.once('finish', () => this.ofTheRoute(path, res.statusCode));
      });
    // Before the routes, which may end the response at once.
    server.prependListener('request', look);
  }

  private ofTheRoute(path: string, status: number): void {
    if (status !== 404 || this.browsers.hasHeardAnswer) return;
    this.advice.tell(
      'MASTODON_NO_ANSWER',
      `an answer came to ${path}/<its host>, where this site has nothing (404): it needs a route for ${path}/:instance, with ` +
        `passport.authenticate('mastodon')`,
    );
  }

  /** What a form was sent as, or what it lacks. */
  private ofTheForm(req: IncomingMessage): void {
    if (req.method === 'GET' || req.method === 'HEAD') return;
    const { body } = req as Incoming;
    const type = req.headers['content-type']?.split(';', 1)[0] ?? '';
    const parser = parsers.get(type);
    const names = typeof body === 'object' ? Object.keys(body ?? {}) : [];
    // A parser for another type leaves an empty object (Express 4).
    const isEmpty =
      typeof body === 'object' && names.length === 0 && Number(req.headers['content-length']) > 0;
    if (body === undefined || isEmpty) {
      if (type === 'text/plain') {
        return this.advice.tell(
          'MASTODON_NO_BODY',
          'text was sent (text/plain, as fetch does without a content-type): send a form, or say content-type: application/json',
        );
      }
      if (parser === undefined) return;
      return this.advice.tell(
        'MASTODON_NO_BODY',
        `a form was sent, and ${body ? 'nothing of it is in req.body' : 'req.body is not there'}: ${parser} has to come before the route`,
      );
    }
    if (names.length === 0 || names.includes(this.field)) return;
    // What was sent as another type than it is has all of its text in the place of a name.
    const name = names.find((one) => plainName.test(one));
    const there = name === undefined ? '' : ` (there is "${name}")`;
    this.advice.tell(
      'MASTODON_NO_FIELD',
      `a form was sent, and none of its fields is "${this.field}"${there}: ` +
        'name the input so, or set the option instanceField',
    );
  }

  /** Why an answer came without it. */
  private ofTheSession(req: IncomingMessage): void {
    if (this.advice.hasTold('MASTODON_OTHER_NAME')) return;
    const { cookie } = (req as Incoming).session ?? {};
    const why =
      cookie?.secure === true && startOf(req).isByHTTP
        ? 'its cookie is secure, and this request came by http: leave "secure" out while you build the site, and behind a ' +
          `proxy with TLS say app.set('trust proxy', 1)`
        : cookie?.sameSite === 'strict' || cookie?.sameSite === true
          ? `its cookie is sameSite: 'strict', and browsers do not send that when they come back from another site: say 'lax'`
          : cookie?.sameSite === 'none' && cookie.secure !== true
            ? `its cookie is sameSite: 'none' and not secure, and browsers keep no such cookie: say 'lax'`
            : 'the login was begun under another name of this site, or sessions are not kept (in memory, they end with the process)';
    this.advice.tell(
      'MASTODON_NO_SESSION',
      `an answer came without the session in which the login was begun: ${why}`,
    );
  }

  /** Browsers hold the page's `form-action` against the redirect, too; a site mostly has one policy for all answers. */
  private ofThePolicy(req: IncomingMessage, target: string): void {
    // What koa-passport gives in its place is none of Node's.
    const policy = (req as Incoming).res?.getHeader?.('content-security-policy');
    const [, sources] = /(?:^|;)\s*form-action\s+([^;]*)/i.exec(String(policy ?? '')) ?? [];
    if (sources === undefined) return;
    const allowed = sources.trim().toLowerCase().split(/\s+/);
    const isHTTPS = target.startsWith('https:');
    if (allowed.includes('*') || allowed.includes(target) || (isHTTPS && allowed.includes('https:'))) return;
    this.advice.tell(
      'MASTODON_FORM_ACTION',
      `this site's Content-Security-Policy says form-action ${sources.trim()}, by which browsers stop the redirect to the ` +
        `instance: say form-action 'self' https:${isHTTPS ? '' : ` ${target} (while you build the site)`}`,
    );
  }

  /** A login that went well, and left its mark in the session, and that nobody has read. */
  private ofWhoIsLoggedIn(req: IncomingMessage): void {
    const { user, session } = req as Incoming;
    if (user !== undefined || session?.passport?.user === undefined) return;
    this.advice.tell(
      'MASTODON_NOT_READ',
      'this browser is logged in, and req.user is not there: app.use(passport.session()) has to come after the session and ' +
        'before the routes',
    );
  }
}

function startOf(req: Incoming): Start {
  const { headers, secure, socket } = req;
  // A framework's own request may come without its socket.
  const { encrypted = !socket } = Object(socket) as Partial<TLSSocket>;
  return {
    host: headers.host,
    isByHTTP: !encrypted && secure !== true,
    header: (name) => headers[name],
  };
}

const parsers: ReadonlyMap<string, string> = new Map([
  ['application/x-www-form-urlencoded', 'app.use(express.urlencoded({ extended: false }))'],
  ['application/json', 'app.use(express.json())'],
  ['multipart/form-data', 'a parser such as multer (or no enctype in the form, and express.urlencoded())'],
]);
