/** A testing instance that simulates one family of servers, and shows its records and requests to a test. */

import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { TestAccount } from '../../../lib/testing/accounts.js';
import * as documents from '../../../lib/testing/documents.js';
import { Posts } from '../../../lib/testing/posts.js';
import { route, type RunningInstance } from '../../../lib/testing/routes.js';
import { json, type Incoming, type Outgoing } from '../../../lib/testing/server.js';
import { FamilyOAuth } from './oauth.js';
import { replyTo, type Persona } from './persona.js';
import { Records } from './records.js';
import { outgoing, TestServer, type ServerOptions } from './server.js';

export interface Account {
  readonly username: string;
  readonly id: string | number;
  /** Position among the accounts, from which a family derives its ids. */
  readonly index: number;
  displayName: string;
  disabled: boolean;
  /** Replace fields of the verify_credentials answer; `undefined` removes one. */
  fields: Record<string, unknown>;
}

export interface StandInOptions extends ServerOptions {
  /** Enforce the family's limit of registrations. Default false. */
  throttle?: boolean;
  /** Domain of the handles (with its port), if that is not the host. */
  accountDomain?: string;
}

type Route = (this: StandIn, incoming: Incoming) => Outgoing | undefined | Promise<Outgoing | undefined>;

/** The routes that a family answers itself; `undefined` leaves the answer to the testing instance. */
const routes: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server'() {
    const { metadata, scopes } = this.persona;
    return metadata && json(200, metadata(this.origin, scopes.known));
  },
  'GET /.well-known/host-meta'() {
    const { hostMeta } = this.persona;
    if (hostMeta === 'absent') return this.refuse('not_found');
    return hostMetaOf(hostMeta === 'always https' ? `https://${this.host}` : this.origin);
  },
  'GET /.well-known/nodeinfo'() {
    return json(200, documents.nodeInfoIndex(this.self, this.persona.nodeinfo));
  },
  'GET /nodeinfo/2.0'() {
    return this.refuse('not_found');
  },
  'GET /api/v1/instance'() {
    const { instance, apiVersion } = this.persona;
    const uri = instance.uri === 'origin' ? this.origin : this.accountDomain;
    return json(200, { ...documents.about(this.self), uri, ...this.handleDomain(), version: apiVersion });
  },
  'GET /api/v2/instance'() {
    const { instance, apiVersion: version } = this.persona;
    if (!instance.v2) return this.refuse('not_found');
    return json(200, { domain: this.accountDomain, ...this.handleDomain(), version, registrations: {} });
  },
  async 'POST /api/v1/apps'() {
    if (this.throttle && this.isThrottled()) return this.throttled();
    return undefined;
  },
  async 'GET /oauth/authorize'({ query }) {
    const { authorize, scopes } = this.persona;
    const question = await this.oauth.readQuestion(query);
    const asked = (query['scope'] ?? 'read').split(' ');
    if (scopes.unknownRedirects && asked.some((scope) => !scopes.known.includes(scope))) {
      return sentTo(query['redirect_uri'] ?? '', { error: 'invalid_scope' });
    }
    if ('refusal' in question || query['force_login'] === 'true') return undefined;
    const state = question.state ?? '';
    if (authorize.returning === 'token') return sentTo(question.redirectURI, { access_token: 'x', state });
    const used = [...this.codes.values()].findLast((code) => code.clientId === question.app.clientId);
    if (authorize.returning !== 'used code' || !used) return undefined;
    return sentTo(question.redirectURI, { code: used.code, state });
  },
  'POST /oauth/authorize'({ form }) {
    if (form['answer'] !== 'deny' || this.persona.authorize.denial !== 'own page') return undefined;
    return outgoing([200, '<!doctype html><title>Denied</title><p>You may close this page.</p>']);
  },
};

export class StandIn extends TestServer {
  readonly accountDomain: string;
  readonly records = new Records(() => !this.persona.token.oneTime);
  readonly self: documents.Self;
  readonly oauth: FamilyOAuth;
  /** Accepted registrations. */
  registrations = 0;
  /** Tokens that the token endpoint issued, those of apps alone included. */
  tokensIssued = 0;
  /** When registrations were accepted, in milliseconds since the epoch. */
  readonly registeredAt: number[] = [];
  private readonly people = new Map<string, Account>();
  readonly throttle: boolean;
  private readonly instance: RunningInstance;

  /** @param persona replace it to upgrade the server, or to put another one at its address */
  constructor(
    server: Server,
    public persona: Persona,
    options: StandInOptions = {},
  ) {
    super(server, options);
    this.throttle = options.throttle ?? false;
    this.accountDomain = options.accountDomain ?? this.host;
    this.self = selfOf(this);
    this.oauth = new FamilyOAuth(this);
    const refuse: RunningInstance['refuse'] = (refusal) => this.refuse(refusal);
    this.instance = { self: this.self, oauth: this.oauth, posts: new Posts(this.self), deny: false, refuse };
    this.addAccount('alice', 'Alice');
    this.addAccount('bob', 'Bob');
  }

  get apps() {
    return this.records.apps;
  }

  get codes() {
    return this.records.codes;
  }

  get tokens() {
    return this.records.tokens;
  }

  addAccount(username: string, displayName = username): Account {
    const index = this.people.size;
    const id = this.persona.accounts.id(index);
    const account: Account = { username, displayName, index, id, disabled: false, fields: {} };
    this.people.set(username, account);
    return account;
  }

  /** The account with this name, which must exist. */
  account(username: string): Account {
    const account = this.people.get(username);
    if (account === undefined) throw new Error(`${this.origin} has no account ${username}`);
    return account;
  }

  actorOf({ username, id, index }: Account): string {
    return this.origin + this.persona.accounts.actor(username, id, index);
  }

  profileURLOf({ username }: Account): string {
    return this.origin + this.persona.accounts.url(username);
  }

  /** Deletes apps, codes and tokens, like a new installation. */
  forgetApps(): void {
    this.records.clear();
  }

  secret(): string {
    return randomBytes(24).toString('base64url');
  }

  now(): number {
    return Date.now();
  }

  refuse(refusal: Parameters<RunningInstance['refuse']>[0]): Outgoing {
    return outgoing(replyTo(this.persona, refusal));
  }

  /** As the testing instance sees them. */
  accountsAsTested(): TestAccount[] {
    const { uri, pleroma } = this.persona.accounts;
    return [...this.people.values()].map((account) => ({
      ...{ username: account.username, id: String(account.id), displayName: account.displayName },
      ...{ note: '', disabled: account.disabled, posts: [] },
      fields: {
        id: account.id,
        ...(!uri && { uri: undefined }),
        ...(pleroma && { pleroma: { ap_id: this.actorOf(account) } }),
        ...account.fields,
      },
    }));
  }

  handleDomain(): object {
    return this.persona.instance.accountDomain ? { account_domain: this.accountDomain } : {};
  }

  isThrottled(): boolean {
    const { count, windowMs } = this.persona.apps.throttle;
    return this.registeredAt.filter((at) => at > this.now() - windowMs).length >= count;
  }

  /** There is no Retry-After, only the end of the window. */
  throttled(): Outgoing {
    const { count, windowMs } = this.persona.apps.throttle;
    const first = this.registeredAt.find((at) => at > this.now() - windowMs) ?? this.now();
    return outgoing(this.persona.replies.throttled ?? [429, { error: 'Too many requests' }], {
      'X-RateLimit-Limit': String(count),
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': new Date(first + windowMs).toISOString(),
    });
  }

  protected async handle(incoming: Incoming): Promise<Outgoing> {
    const { method, path } = incoming;
    this.hangsUp = this.persona.hangsUp;
    if (path.startsWith('/api/') && !incoming.headers['user-agent']) {
      return outgoing([418, { error: "I'm a teapot: no user-agent sent with request" }]);
    }
    const document = this.persona.nodeinfo.find(([, at]) => at === path);
    if (document) return json(200, documents.nodeInfo(this.self, document[0]));
    const own = await routes[`${method} ${path}`]?.call(this, incoming);
    return own ?? this.ofInstance(incoming);
  }

  protected async ofInstance(incoming: Incoming): Promise<Outgoing> {
    const answer = await route(this.instance, incoming);
    if (incoming.path === '/api/v1/apps' && answer.status === 200) {
      this.registrations += 1;
      this.registeredAt.push(this.now());
    }
    return answer;
  }
}

function selfOf(standIn: StandIn): documents.Self {
  return {
    ...{ origin: standIn.origin, host: standIn.host, accountDomain: standIn.accountDomain },
    get title() {
      return `A stand-in for ${standIn.persona.name}`;
    },
    get software() {
      const { software, metadata, authorize, scopes, token } = standIn.persona;
      return {
        ...software,
        hasMetadata: metadata !== undefined,
        namesIssuer: authorize.issuer,
        scopes: scopes.known,
        profileScopes: scopes.reading ?? scopes.known,
        givesRefreshTokens: token.refresh,
        isMisskey: false,
      };
    },
    get accounts() {
      return standIn.accountsAsTested();
    },
    actorOf: ({ username }) => standIn.actorOf(standIn.account(username)),
    profileOf: ({ username }) => standIn.profileURLOf(standIn.account(username)),
  };
}

export function hostMetaOf(origin: string): Outgoing {
  const link = `<Link rel="lrdd" template="${origin}/.well-known/webfinger?resource={uri}"/>`;
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">${link}</XRD>\n`;
  return { status: 200, body: text, type: 'application/xrd+xml; charset=utf-8' };
}

function sentTo(uri: string, params: Record<string, string>): Outgoing {
  const url = new URL(uri);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return { status: 302, headers: { Location: url.href } };
}
