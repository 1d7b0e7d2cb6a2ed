/** A testing instance that simulates Misskey or a related server, and fetches client metadata over TLS. */

import type { Server } from 'node:http';
import type { TestAccount } from '../../../../lib/testing/accounts.js';
import type * as documents from '../../../../lib/testing/documents.js';
import { OAuth } from '../../../../lib/testing/oauth.js';
import { Posts } from '../../../../lib/testing/posts.js';
import type { Question } from '../../../../lib/testing/records.js';
import { pageReasons, type Refusal } from '../../../../lib/testing/refusals.js';
import { misskeyFailure, route, type RunningInstance } from '../../../../lib/testing/routes.js';
import type { Fields, Incoming, Outgoing } from '../../../../lib/testing/server.js';
import { Records } from '../records.js';
import { listen, outgoing, TestServer, type Reply, type ServerOptions } from '../server.js';
import { hostMetaOf } from '../stand-in.js';
import { clientIdOf, fetchClient, RefusedClient } from './client-document.js';
import { misskeyPersonas, type MisskeyPersona, type MisskeyPersonaName } from './persona.js';

export interface MisskeyAccount {
  readonly id: string;
  readonly username: string;
  name: string | null;
  suspended: boolean;
  /** Replace fields of the answer to /api/i. */
  fields: Record<string, unknown>;
}

export interface MisskeyOptions extends ServerOptions {
  /** The certificate authority for clients' documents; every name leads to this machine. */
  ca?: string;
  /** False: NodeInfo's index, host-meta and WebFinger are an empty 403. Default true. */
  federates?: boolean;
}

/** Some of the 87. */
const scopes = ['read:account', 'write:account', 'read:drive', 'write:notes', 'read:notifications'];
const federation = ['/.well-known/nodeinfo', '/.well-known/webfinger', '/.well-known/host-meta'];
const oauthPaths = ['/oauth/authorize', '/oauth/token'];

/**
 * Sharkey answers nothing without a login, and its authorization page requires a client that is the URL of one
 * session.
 */
const singleUse: Readonly<Record<string, Reply>> = {
  'GET /api/v1/instance': [401, { error: 'Authentication failed' }],
  'POST /api/v1/apps': [401, { error: 'Authentication failed' }],
  'GET /oauth/authorize': [400, { error: 'No such session' }],
  'POST /oauth/token': [401, { error: 'No such app' }],
};

class MisskeyOAuth extends OAuth {
  /** Unknown scopes are ignored. */
  override readQuestion(fields: Fields): ReturnType<OAuth['readQuestion']> {
    const asked = (fields['scope'] ?? '').split(' ').filter((scope) => scopes.includes(scope));
    return super.readQuestion({ ...fields, scope: asked.join(' ') });
  }

  sentBack(question: Omit<Question, 'scopes' | 'challenge'>, error: string): Outgoing {
    const location = this.back({ ...question, scopes: [], challenge: undefined }, { error });
    return { status: 302, headers: { Location: location } };
  }
}

export class MisskeyStandIn extends TestServer {
  federates: boolean;
  private readonly records = new Records();
  private readonly people = new Map<string, MisskeyAccount>();
  private readonly instance: RunningInstance;
  private readonly oauth: MisskeyOAuth;

  constructor(
    server: Server,
    public persona: MisskeyPersona,
    options: MisskeyOptions,
  ) {
    super(server, options);
    this.federates = options.federates ?? true;
    const self = selfOf(this);
    const read = async (id: string) => {
      try {
        return await fetchClient(clientIdOf(id), this.persona.json, options.ca);
      } catch (error) {
        if (!(error instanceof RefusedClient)) throw error;
        return JSON.stringify([error.status, { error: error.error, error_description: error.message }]);
      }
    };
    this.oauth = new MisskeyOAuth(self, this.records, { read });
    const refuse: RunningInstance['refuse'] = (refusal, reason) => this.refuse(refusal, reason);
    this.instance = { self, oauth: this.oauth, posts: new Posts(self), deny: false, refuse };
    this.addAccount('alice', 'Alice');
    this.addAccount('bob');
  }

  get codes() {
    return this.records.codes;
  }

  get tokens() {
    return this.records.tokens;
  }

  /** `name` is null if the account has none. */
  addAccount(username: string, name: string | null = null): MisskeyAccount {
    const account = { id: `9k7qx3v0d${this.people.size}`, username, name, suspended: false, fields: {} };
    this.people.set(username, account);
    return account;
  }

  account(username: string): MisskeyAccount {
    const account = this.people.get(username);
    if (account === undefined) throw new Error(`${this.origin} has no account ${username}`);
    return account;
  }

  actorOf({ id }: MisskeyAccount): string {
    return `${this.origin}/users/${id}`;
  }

  /** As the testing instance sees them. */
  accountsAsTested(): TestAccount[] {
    return [...this.people.values()].map(({ id, username, name, suspended, fields }) => ({
      ...{ id, username, displayName: name ?? username, note: '', disabled: suspended, posts: [] },
      fields: { name, avatarUrl: `${this.origin}/avatars/${id}.webp`, ...fields },
    }));
  }

  protected async handle(incoming: Incoming): Promise<Outgoing> {
    const { method, path, query } = incoming;
    const { oauth } = this.persona;
    const refused = oauth === 'single-use apps' ? singleUse[`${method} ${path}`] : undefined;
    if (refused) return outgoing(refused);
    if (!this.federates && federation.includes(path)) return outgoing([403]);
    if (path === '/.well-known/host-meta') return hostMetaOf(this.origin);
    if (oauth === 'absent' && path === '/.well-known/oauth-authorization-server') return this.page();
    if (oauth !== 'by URL' && oauthPaths.includes(path)) return misskeyFailure(404, 'UNKNOWN_OAUTH_ENDPOINT');
    if (`${method} ${path}` === 'GET /oauth/authorize') return this.authorize(incoming, query);
    return route(this.instance, incoming);
  }

  /** A request with a valid client but without a known scope, or without PKCE, goes back to the site as an error. */
  private async authorize(incoming: Incoming, query: Fields): Promise<Outgoing> {
    const question = await this.oauth.readQuestion(query);
    const { client_id: clientId = '', redirect_uri: redirectURI = '', state } = query;
    const hasScope = (query['scope'] ?? '').split(' ').some((scope) => scopes.includes(scope));
    const isMissingPKCE = 'refusal' in question && question.refusal === 'page_request';
    if ('refusal' in question ? !isMissingPKCE : hasScope) return route(this.instance, incoming);
    const app = { clientId, name: '', website: null, redirectURIs: [], scopes: [] };
    return this.oauth.sentBack({ app, redirectURI, state }, hasScope ? 'invalid_request' : 'invalid_scope');
  }

  private refuse(refusal: Refusal, reason = ''): Outgoing {
    if (refusal === 'not_found') return this.page();
    if (refusal === 'page_client' && reason.startsWith('[')) return outgoing(JSON.parse(reason) as Reply);
    if (refusal in pageReasons)
      return outgoing([400, { error: 'invalid_request', error_description: reason }]);
    if (refusal === 'unsupported_grant') return outgoing([400, { error: 'unsupported_grant_type' }]);
    return outgoing([this.persona.refusal, { error: 'invalid_grant', error_description: 'Invalid grant' }]);
  }

  /** The browser application, which is the response at every other address. */
  private page(): Outgoing {
    return outgoing([200, '<!doctype html><title>Misskey</title><div id="splash"></div>']);
  }
}

function selfOf(standIn: MisskeyStandIn): documents.Self {
  const { origin, host } = standIn;
  return {
    ...{ origin, host, accountDomain: host, title: 'A stand-in for Misskey' },
    get software() {
      return {
        ...standIn.persona.software,
        ...{ hasMetadata: true, namesIssuer: true, scopes, profileScopes: ['read:account'] },
        ...{ givesRefreshTokens: false, isMisskey: true },
      };
    },
    get accounts() {
      return standIn.accountsAsTested();
    },
    actorOf: ({ id }) => `${origin}/users/${id}`,
    profileOf: ({ username }) => `${origin}/@${username}`,
  };
}

export async function startMisskey(
  persona: MisskeyPersonaName | MisskeyPersona = 'misskey2025',
  options: MisskeyOptions = {},
): Promise<MisskeyStandIn> {
  const family = typeof persona === 'string' ? misskeyPersonas[persona] : persona;
  return new MisskeyStandIn(await listen(options), family, options);
}
