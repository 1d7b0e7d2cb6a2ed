/** A site that lets visitors log in: Express, express-session, Passport and the strategy under test. */

import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:http';
import expressFive, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
} from 'express';
import expressSession, { type SessionOptions } from 'express-session';
import { Passport, type AuthenticateOptions } from 'passport';
import { MastodonStrategy } from '../../lib/index.js';
import type { MastodonAuthenticateOptions, MastodonStrategyOptions } from '../../lib/passport/options.js';

declare module 'express-session' {
  interface SessionData {
    messages?: string[];
    authInfo?: unknown;
  }
}

/** A verify function of any of the accepted forms, for code that only passes it on. */
type AnyVerify = (...args: never[]) => unknown;

export interface Failure {
  readonly code?: string;
  readonly message?: string;
  readonly instance?: string;
}

export interface SiteOptions {
  /** Strategy options; `clientName` and `callbackURL` have defaults that fit this site. */
  options?: Partial<MastodonStrategyOptions>;
  /** Origins of stand-ins; short for `options.developmentInstances`. */
  instances?: readonly { readonly origin: string }[];
  /** Default: the profile is the user. */
  verify?: AnyVerify;
  /** Options of express-session, or false for a site without sessions. Default true. */
  session?: boolean | Partial<SessionOptions>;
  /** Makes the application, so that another version of Express can be used. */
  express?: () => Express;
  /** Options of `passport.authenticate` at the start of a login. */
  authenticate?: MastodonAuthenticateOptions | ((req: Request) => MastodonAuthenticateOptions);
  /**
   * True: failures redirect to /login, with a message in the session. Default false: the site answers them with
   * their status and JSON.
   */
  failureRedirect?: boolean;
  /** Passport copies the content of the session into the new one after a login. Default false. */
  keepSessionInfo?: boolean;
  /** Default 0: any free port. */
  port?: number;
}

export interface Site {
  readonly origin: string;
  /** The `callbackURL` of the strategy, without the instance's host. */
  readonly callbackURL: string;
  readonly app: Express;
  readonly strategy: MastodonStrategy;
  readonly passport: InstanceType<typeof Passport>;
  /** Profiles in the order in which verify received them. */
  readonly verified: any[]; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests look into them
  /** Errors that reached the error handler. */
  readonly errors: unknown[];
  close(): Promise<void>;
}

export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const server = createServer();
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // The callback URL contains the port, so the server listens before there is an application.
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const callbackURL = options.options?.callbackURL ?? `${origin}/auth/mastodon/callback`;

  const verified: unknown[] = [];
  const errors: unknown[] = [];
  const strategy = new MastodonStrategy(
    {
      clientName: 'A site under test',
      developmentInstances: (options.instances ?? []).map((instance) => instance.origin),
      ...options.options,
      callbackURL,
      // Only the test knows which form verify has, so one of the typed forms stands for all.
    } as MastodonStrategyOptions & { passReqToCallback: true },
    recording(options.verify ?? acceptUser, verified) as never,
  );
  const passport = new Passport();
  passport.use(strategy);
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user: Express.User, done) => done(null, user));

  const app = (options.express ?? expressFive)();
  build(app, passport, options, errors);
  server.on('request', app);
  return {
    origin,
    callbackURL,
    app,
    strategy,
    passport,
    verified,
    errors,
    close: () => close(server, sockets),
  };
}

function build(app: Express, passport: Site['passport'], options: SiteOptions, errors: unknown[]): void {
  const { session = true } = options;
  app.use(expressFive.urlencoded({ extended: false }));
  if (session !== false) {
    const chosen = typeof session === 'object' ? session : {};
    app.use(
      expressSession({ secret: 'of no importance', resave: false, saveUninitialized: false, ...chosen }),
    );
    app.use(passport.session());
  }
  const start: RequestHandler = (req, res, next) => {
    const { authenticate = {} } = options;
    const chosen = typeof authenticate === 'function' ? authenticate(req) : authenticate;
    enter(passport, options, chosen)(req, res, next);
  };
  const welcome: RequestHandler = (req, res) => {
    if (session === false) return void res.json({ user: req.user, authInfo: req.authInfo });
    req.session.authInfo = req.authInfo;
    res.redirect('/me');
  };
  app.all('/auth/mastodon', start);
  app.get('/auth/mastodon/callback/:instance', enter(passport, options, {}), welcome);
  app.get('/me', (req, res) => {
    const authInfo: unknown = session === false ? undefined : req.session.authInfo;
    res.status(req.user ? 200 : 401).json({ user: req.user ?? null, authInfo: authInfo ?? null });
  });
  app.get('/login', (req, res) => {
    const { messages = [] } = session === false ? {} : req.session;
    if (session !== false) delete req.session.messages;
    res.json({ messages });
  });
  const fail: ErrorRequestHandler = (error: Error & { code?: string }, _req, res, next) => {
    errors.push(error);
    if (res.headersSent) return next(error);
    res.status(500).json({ name: error.name, code: error.code, message: error.message });
  };
  app.use(fail);
}

/** The two ways in which applications handle a failure: with a redirect, or in a callback of their own. */
function enter(
  passport: Site['passport'],
  options: SiteOptions,
  chosen: MastodonAuthenticateOptions,
): RequestHandler {
  const { session = true } = options;
  // `state` is any JSON value here, where Passport's own types know strings only.
  const common = { ...chosen, session: session !== false } as AuthenticateOptions;
  if (options.failureRedirect === true) {
    return passport.authenticate('mastodon', {
      ...common,
      failureRedirect: '/login',
      failureMessage: true,
    }) as RequestHandler;
  }
  return (req, res, next) => {
    const done = (
      error: unknown,
      user?: Express.User | false | null,
      info?: object,
      status?: number,
    ): void => {
      if (error) return next(error);
      if (!user) return void res.status(status ?? 401).json({ ...info, status });
      const proceed = (failure?: unknown): void => {
        req.authInfo = info as Express.AuthInfo;
        if (failure) next(failure);
        else next();
      };
      const { keepSessionInfo = false } = options;
      if (common.session) return req.logIn(user, { session: true, keepSessionInfo }, proceed);
      req.user = user;
      proceed();
    };
    (passport.authenticate('mastodon', common, done) as RequestHandler)(req, res, next);
  };
}

/** Wraps verify with the same number of parameters, by which the strategy may recognise its form. */
function recording(verify: AnyVerify, verified: unknown[]): AnyVerify {
  const wrapped = (...args: unknown[]): unknown => {
    verified.push(args.find(isProfile));
    return verify(...(args as never[]));
  };
  return Object.defineProperty(wrapped, 'length', { value: verify.length });
}

function isProfile(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'provider' in value && value.provider === 'mastodon';
}

async function acceptUser(_accessToken: string, _refreshToken: unknown, profile: object): Promise<object> {
  return profile;
}

async function close(server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}
