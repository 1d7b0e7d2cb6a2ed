/** A Misskey or one of its relatives: its accounts, begun consents, codes and tokens, and the routes that use them. */

import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { Exchange } from '../exchange.js';
import { listen, TestServer, type ServerOptions } from '../server.js';
import * as api from './api.js';
import * as oauth from './oauth.js';
import { misskeyPersonas, type MisskeyPersona, type MisskeyPersonaName } from './persona.js';

export interface MisskeyAccount {
  readonly id: string;
  readonly username: string;
  name: string | null;
  suspended: boolean;
  /** Put over the fields of the answer to /api/i. */
  fields: Record<string, unknown>;
}

export interface MisskeyOptions extends ServerOptions {
  /** The authority that clients' documents are fetched under; every name leads to this machine. */
  ca?: string;
  /** Off: NodeInfo's index, host-meta and WebFinger are an empty 403. Default true. */
  federates?: boolean;
}

type Route = (standIn: MisskeyStandIn, exchange: Exchange) => void | Promise<void>;

const always: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': api.metadata,
  'GET /.well-known/nodeinfo': api.nodeInfoIndex,
  'GET /.well-known/webfinger': api.webFinger,
  'GET /.well-known/host-meta': api.hostMeta,
  'GET /nodeinfo/2.0': api.nodeInfo,
  'GET /nodeinfo/2.1': api.nodeInfo,
  'GET /api/i': api.whoIsIt,
  'POST /api/i': api.whoIsIt,
};

const byURL: Readonly<Record<string, Route>> = {
  'GET /oauth/authorize': oauth.show,
  'POST /signin': oauth.signIn,
  'POST /oauth/decision': oauth.decide,
  'POST /oauth/token': oauth.grant,
};

/** Sharkey tells strangers nothing, and its authorize page wants a client that is the address of one session. */
const singleUse: Readonly<Record<string, Route>> = {
  'GET /api/v1/instance': (_standIn, exchange) => exchange.send([401, { error: 'Authentication failed' }]),
  'POST /api/v1/apps': (_standIn, exchange) => exchange.send([401, { error: 'Authentication failed' }]),
  'GET /oauth/authorize': (_standIn, exchange) => exchange.send([400, { error: 'No such session' }]),
  'POST /oauth/token': (_standIn, exchange) => exchange.send([401, { error: 'No such app' }]),
};

export class MisskeyStandIn extends TestServer {
  readonly accounts = new Map<string, MisskeyAccount>();
  readonly transactions = new Map<string, oauth.Transaction>();
  readonly codes = new Map<string, oauth.MisskeyCode>();
  readonly tokens = new Map<string, { readonly username: string; readonly scopes: readonly string[] }>();
  /** User names by the token of their session. */
  readonly visitors = new Map<string, string>();
  readonly ca: string | undefined;
  federates: boolean;
  private skew = 0;

  constructor(
    server: Server,
    public persona: MisskeyPersona,
    options: MisskeyOptions,
  ) {
    super(server, options);
    this.ca = options.ca;
    this.federates = options.federates ?? true;
    this.addAccount('alice', 'Alice');
    this.addAccount('bob');
  }

  /** `name` is null where a person has not chosen one. */
  addAccount(username: string, name: string | null = null): MisskeyAccount {
    const account = { id: `9k7qx3v0d${this.accounts.size}`, username, name, suspended: false, fields: {} };
    this.accounts.set(username, account);
    return account;
  }

  account(username: string): MisskeyAccount {
    const account = this.accounts.get(username);
    if (account === undefined) throw new Error(`${this.origin} has no account ${username}`);
    return account;
  }

  actorOf({ id }: MisskeyAccount): string {
    return `${this.origin}/users/${id}`;
  }

  now(): number {
    return Date.now() + this.skew;
  }

  /** Lets pages and codes age. */
  advance(milliseconds: number): void {
    this.skew += milliseconds;
  }

  secret(): string {
    return randomBytes(24).toString('base64url');
  }

  /** 128 characters, as codes and tokens have there. */
  longSecret(): string {
    return randomBytes(64).toString('hex');
  }

  /** The application in the browser, which answers to every address that nothing else answers to. */
  page(exchange: Exchange): void {
    exchange.send([200, '<!doctype html><title>Misskey</title><div id="splash"></div>']);
  }

  protected handle(exchange: Exchange): void {
    const { method, path } = exchange.seen;
    const more = { 'by URL': byURL, 'single-use apps': singleUse, absent: {} }[this.persona.oauth];
    const routes: Readonly<Record<string, Route>> = { ...always, ...more };
    const route = routes[`${method === 'HEAD' ? 'GET' : method} ${path}`];
    if (route) {
      void Promise.resolve(route(this, exchange)).catch((error: unknown) => {
        exchange.send([500, `The stand-in failed: ${String(error)}`]);
      });
    } else if (path.startsWith('/api/')) api.fail(exchange, 404, 'UNKNOWN_API_ENDPOINT');
    else if (path.startsWith('/oauth/')) api.fail(exchange, 404, 'UNKNOWN_OAUTH_ENDPOINT');
    else this.page(exchange);
  }
}

export async function startMisskey(
  persona: MisskeyPersonaName | MisskeyPersona = 'misskey2025',
  options: MisskeyOptions = {},
): Promise<MisskeyStandIn> {
  const family = typeof persona === 'string' ? misskeyPersonas[persona] : persona;
  return new MisskeyStandIn(await listen(options), family, options);
}
