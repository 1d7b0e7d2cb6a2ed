/** The OAuth part of a testing instance: apps, consent, codes and tokens, judged as strictly as the strictest server does. */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyValueStore } from '../options.js';
import type { Software } from './software.js';
import type { URLClients } from './url-clients.js';

/** Parameters that were sent once. */
export type Fields = Readonly<Record<string, string | undefined>>;

/** A status and a JSON body. */
export type Reply = readonly [status: number, body: object];

interface App {
  readonly name: string;
  readonly website: string | null;
  readonly redirectURI: string;
  readonly scopes: readonly string[];
  /** Absent from a site that is known by its URL. */
  readonly secret?: string;
}

/** An authorization request that is in order. */
export interface Question {
  readonly app: App;
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  readonly state: string;
  readonly challenge: string;
}

interface Code {
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scope: string;
  readonly challenge: string;
  readonly username: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface Grant {
  readonly clientId: string;
  readonly scope: string;
  /** Absent from a token of the app alone. */
  readonly username?: string | undefined;
}

const codeTtlMs = 10 * 60_000;
const tokenTtlMs = 24 * 60 * 60_000;

export class OAuth {
  /** Before every key: another one is another, empty database. */
  private prefix = '';

  constructor(
    private readonly origin: string,
    private readonly software: Software,
    private readonly store: KeyValueStore,
    /** Where nobody is registered. */
    private readonly urlClients?: URLClients,
  ) {}

  /** Apps, codes and tokens are gone, as on a server that was installed anew. */
  forget(): void {
    this.prefix = `${secret()}:`;
  }

  /** POST /api/v1/apps */
  async register({
    client_name: name,
    redirect_uris: uri,
    scopes = 'read',
    website,
  }: Fields): Promise<Reply> {
    const asked = scopes.split(' ');
    if (
      !name ||
      !uri ||
      !URL.canParse(uri) ||
      !asked.every((scope) => this.software.scopes.includes(scope))
    ) {
      return [422, { error: 'Validation failed' }];
    }
    const clientId = secret();
    const app: App = {
      name: name.slice(0, 60),
      website: website || null,
      redirectURI: uri,
      scopes: asked,
    };
    const clientSecret = secret();
    await this.write(`app:${clientId}`, { ...app, secret: clientSecret });
    const answer = {
      id: clientId,
      name: app.name,
      website: app.website,
      scopes: asked,
      redirect_uri: uri,
      redirect_uris: [uri],
      client_id: clientId,
      client_secret: clientSecret,
      client_secret_expires_at: 0,
    };
    return [200, answer];
  }

  /** What a site asks of a visitor, or why this instance would keep the visitor on a page of its own. */
  async readQuestion(fields: Fields): Promise<Question | string> {
    const { client_id: clientId = '', redirect_uri: redirectURI, scope = 'read', state = '' } = fields;
    const { code_challenge: challenge, code_challenge_method: method } = fields;
    const app = this.urlClients
      ? await this.meet(this.urlClients, clientId)
      : await this.read<App>(`app:${clientId}`);
    if (!app) return 'it does not know the client_id';
    if (typeof app === 'string') return app;
    if (app.redirectURI !== redirectURI) return 'the redirect_uri is not the one that was registered';
    if (fields['response_type'] !== 'code') return 'the response_type is not code';
    if (!challenge || method !== 'S256') return 'there is no code_challenge with the method S256';
    if (!scope.split(' ').every((one) => app.scopes.includes(one)))
      return 'the app has not registered this scope';
    return { app, clientId, redirectURI, scope, state, challenge };
  }

  private async meet(urlClients: URLClients, clientId: string): Promise<App | string> {
    const met = await urlClients.meet(clientId);
    return typeof met === 'string' ? met : { ...met, website: null, scopes: this.software.scopes };
  }

  /** The address that the visitor goes back to, with a code. */
  async grant(question: Question, username: string): Promise<string> {
    const { clientId, redirectURI, scope, challenge } = question;
    const code = secret();
    const expiresAt = Date.now() + codeTtlMs;
    const issued: Code = { clientId, redirectURI, scope, challenge, username, expiresAt };
    await this.write(`code:${code}`, issued, codeTtlMs);
    return this.back(question, 'code', code);
  }

  /** The address that the visitor goes back to, without one. */
  deny(question: Question): string {
    return this.back(question, 'error', 'access_denied');
  }

  /** POST /oauth/token */
  async token(fields: Fields): Promise<Reply> {
    if (this.urlClients) {
      const isCode = fields['grant_type'] === 'authorization_code';
      return isCode ? this.redeem(fields) : [400, { error: 'unsupported_grant_type' }];
    }
    const app = await this.authenticated(fields);
    const { client_id: clientId = '' } = fields;
    if (!app) return [401, { error: 'invalid_client' }];
    switch (fields['grant_type'] ?? '') {
      case 'client_credentials':
        return this.issue({ clientId, scope: app.scopes.join(' ') });
      case 'authorization_code':
        return this.redeem(fields);
      case 'refresh_token':
        return this.refresh(fields);
      default:
        return [400, { error: 'unsupported_grant_type' }];
    }
  }

  /** POST /oauth/revoke */
  async revoke(fields: Fields): Promise<Reply> {
    if (!(await this.authenticated(fields))) return [403, { error: 'unauthorized_client' }];
    await this.store.delete(`${this.prefix}token:${fields['token'] ?? ''}`);
    return [200, {}];
  }

  /** What a request with this `Authorization` header may do: an account's name, absent from a token of the app alone, and scopes. */
  async grantOf(
    authorization: string,
  ): Promise<{ username?: string; scopes: readonly string[] } | undefined> {
    const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
    const grant = token === undefined ? undefined : await this.read<Grant>(`token:${token}`);
    if (!grant) return undefined;
    const { username, scope } = grant;
    return { scopes: scope.split(' '), ...(username !== undefined && { username }) };
  }

  private async redeem(fields: Fields): Promise<Reply> {
    const key = `code:${fields['code'] ?? ''}`;
    const code = await this.read<Code>(key);
    // A code is used up by the first try, right or wrong.
    const isFirst = code !== undefined && (await this.store.delete(this.prefix + key)) !== false;
    const isRight =
      isFirst &&
      code.expiresAt > Date.now() &&
      code.clientId === fields['client_id'] &&
      code.redirectURI === fields['redirect_uri'] &&
      isSame(code.challenge, sha256(fields['code_verifier'] ?? ''));
    if (!isRight) return [400, { error: 'invalid_grant' }];
    const { clientId, scope, username } = code;
    return this.issue({ clientId, scope, username });
  }

  private async refresh(fields: Fields): Promise<Reply> {
    const key = `refresh:${fields['refresh_token'] ?? ''}`;
    const grant = await this.read<Grant>(key);
    const isFirst = grant !== undefined && (await this.store.delete(this.prefix + key)) !== false;
    if (!isFirst || grant.clientId !== fields['client_id']) return [400, { error: 'invalid_grant' }];
    return this.issue(grant);
  }

  private async issue(grant: Grant): Promise<Reply> {
    const token = secret();
    await this.write(`token:${token}`, grant, tokenTtlMs);
    const answer = {
      access_token: token,
      token_type: 'Bearer',
      scope: grant.scope,
      created_at: Math.floor(Date.now() / 1000),
    };
    if (!this.software.refreshes || grant.username === undefined) return [200, answer];
    const refreshToken = secret();
    await this.write(`refresh:${refreshToken}`, grant, tokenTtlMs);
    return [200, { ...answer, refresh_token: refreshToken, expires_in: tokenTtlMs / 1000 }];
  }

  private async authenticated({ client_id: id, client_secret: given }: Fields): Promise<App | undefined> {
    const app = id && given ? await this.read<App>(`app:${id}`) : undefined;
    return app?.secret !== undefined && isSame(app.secret, given ?? '') ? app : undefined;
  }

  private back({ redirectURI, state }: Question, name: string, value: string): string {
    const url = new URL(redirectURI);
    url.searchParams.set(name, value);
    url.searchParams.set('state', state);
    if (this.software.describesItself) {
      url.searchParams.set('iss', this.urlClients ? this.origin : `${this.origin}/`);
    }
    return url.href;
  }

  /** Only this class writes these keys, so what is there has the form that was put there. */
  private async read<T>(key: string): Promise<T | undefined> {
    return ((await this.store.get(this.prefix + key)) ?? undefined) as T | undefined;
  }

  private async write(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.store.set(this.prefix + key, value, ttlMs);
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
