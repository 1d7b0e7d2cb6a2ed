/** One instance of one family: its accounts, apps, codes and tokens, and the routes that use them. */

import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import * as api from './api.js';
import * as authorize from './authorize.js';
import type { Exchange } from './exchange.js';
import type { Persona, Refusal } from './persona.js';
import { register } from './registration.js';
import { TestServer, type ServerOptions } from './server.js';
import * as token from './token.js';
import * as wellKnown from './well-known.js';

export interface Account {
  readonly username: string;
  readonly id: string | number;
  /** Position among the accounts, from which a family makes its ids. */
  readonly index: number;
  displayName: string;
  /** Makes every use of a token of this account fail in the family's way. */
  trouble?: 'disabled' | 'unconfirmed' | 'pending' | 'moved';
  /** Put over the fields of the verify_credentials answer; `undefined` takes one away. */
  fields: Record<string, unknown>;
}

export interface App {
  readonly id: string;
  readonly name: string;
  readonly website: string | null;
  readonly redirectURIs: readonly string[];
  readonly scopes: readonly string[];
  readonly clientId: string;
  /** Absent where the client is known by its URL. */
  readonly clientSecret?: string;
  /** Token of the one login session the app consists of, where apps are that. */
  readonly session?: string;
  /** Who signed in last through this app. */
  lastVisitor?: string;
}

export interface Code {
  readonly code: string;
  readonly clientId: string;
  readonly redirectURI: string;
  readonly username: string;
  readonly scopes: readonly string[];
  readonly challenge?: string | undefined;
  /** In the stand-in's own time. */
  readonly at: number;
  used: boolean;
}

export interface Token {
  readonly token: string;
  readonly refreshToken?: string;
  readonly clientId: string;
  /** Absent from a token of the app alone. */
  readonly username?: string | undefined;
  readonly scopes: readonly string[];
}

export interface StandInOptions extends ServerOptions {
  /** Enforce the family's limit of registrations. Default false. */
  throttle?: boolean;
  /** Domain of the handles (with its port), where that is not the host. */
  accountDomain?: string;
}

type Route = (standIn: StandIn, exchange: Exchange) => void;

const routes: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': wellKnown.metadata,
  'GET /.well-known/webfinger': wellKnown.webfinger,
  'GET /.well-known/host-meta': wellKnown.hostMeta,
  'GET /.well-known/nodeinfo': wellKnown.nodeinfoIndex,
  'GET /api/v1/instance': api.instanceV1,
  'GET /api/v2/instance': api.instanceV2,
  'GET /api/v1/accounts/verify_credentials': api.verifyCredentials,
  'GET /api/v1/apps/verify_credentials': api.verifyApp,
  'GET /oauth/userinfo': api.userinfo,
  'POST /api/v1/apps': register,
  'GET /oauth/authorize': authorize.show,
  'POST /oauth/authorize': authorize.decide,
  'POST /auth/sign_in': authorize.signIn,
  'POST /oauth/token': token.grant,
  'POST /oauth/revoke': token.revoke,
};

export class StandIn extends TestServer {
  /** Replace it to upgrade the server, or to turn it into another one at the same address. */
  persona: Persona;
  readonly accountDomain: string;
  readonly accounts = new Map<string, Account>();
  readonly apps = new Map<string, App>();
  readonly codes = new Map<string, Code>();
  readonly tokens = new Map<string, Token>();
  /** Usernames of visitors who are signed in, by cookie. */
  readonly visitors = new Map<string, string>();
  /** Accepted registrations. */
  registrations = 0;
  /** Tokens handed out by the token endpoint, those of apps alone included. */
  tokensIssued = 0;
  throttle: boolean;
  /** When registrations were accepted, in the stand-in's own time. */
  readonly registeredAt: number[] = [];
  private skew = 0;

  constructor(server: Server, persona: Persona, options: StandInOptions = {}) {
    super(server, options);
    this.persona = persona;
    this.throttle = options.throttle ?? false;
    this.accountDomain = options.accountDomain ?? this.host;
    this.addAccount('alice', 'Alice');
    this.addAccount('bob', 'Bob');
  }

  addAccount(username: string, displayName = username): Account {
    const index = this.accounts.size;
    const account = { username, displayName, index, id: this.persona.accounts.id(index), fields: {} };
    this.accounts.set(username, account);
    return account;
  }

  /** The account named, which must exist. */
  account(username: string): Account {
    const account = this.accounts.get(username);
    if (account === undefined) throw new Error(`${this.origin} has no account ${username}`);
    return account;
  }

  actorOf({ username, id, index }: Account): string {
    return this.origin + this.persona.accounts.actor(username, id, index);
  }

  profileURLOf({ username }: Account): string {
    return this.origin + this.persona.accounts.url(username);
  }

  /** The apps are gone, with all that hung on them: vacuumed, or the server was installed anew. */
  forgetApps(): void {
    this.apps.clear();
    this.codes.clear();
    this.tokens.clear();
  }

  now(): number {
    return Date.now() + this.skew;
  }

  /** Lets codes and the registration limit age. */
  advance(milliseconds: number): void {
    this.skew += milliseconds;
  }

  secret(): string {
    return randomBytes(24).toString('base64url');
  }

  refuse(exchange: Exchange, refusal: Refusal): void {
    const { replies } = this.persona;
    const reply = refusal === 'spent_code' ? (replies.spent_code ?? replies.wrong_code) : replies[refusal];
    exchange.send(reply);
  }

  protected handle(exchange: Exchange): void {
    const { method, path } = exchange.seen;
    const { hangsUp, nodeinfo, nodeinfoMoved } = this.persona;
    const { socket } = exchange.req;
    if (hangsUp) exchange.res.once('finish', () => socket.destroySoon());
    if (this.persona.picky && refusedByTaste(exchange)) return;

    const route = routes[`${method === 'HEAD' ? 'GET' : method} ${path}`];
    if (route) return route(this, exchange);
    if (path.startsWith('/auth/') && this.persona.apps.singleUse) return authorize.session(this, exchange);
    const moved = nodeinfoMoved.find(([from]) => from === path);
    if (moved) return exchange.redirect(moved[1]);
    const document = nodeinfo.find(([, at]) => at === path);
    if (document) return wellKnown.nodeinfo(this, exchange, document[0]);
    this.refuse(exchange, 'not_found');
  }
}

/** GoToSocial turns away whoever hides who they are, and whoever wants HTML where there is only JSON. */
function refusedByTaste(exchange: Exchange): boolean {
  const { path, headers } = exchange.seen;
  const isAPI = path.startsWith('/api/') || path === '/oauth/token' || path === '/oauth/revoke';
  if (!isAPI) return false;
  if (!headers['user-agent']) {
    exchange.send([418, { error: "I'm a teapot: no user-agent sent with request" }]);
    return true;
  }
  if (!/json|\*\/\*|application\/\*/.test(headers.accept ?? '*/*')) {
    exchange.send([406, { error: 'Not Acceptable: no media type of the Accept header can be served' }]);
    return true;
  }
  return false;
}
