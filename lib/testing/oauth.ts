/**
 * The OAuth server of a testing instance: apps, consent, codes and tokens, checked as strictly as the strictest real server.
 */

import { randomBytes } from 'node:crypto';
import type { KeyValueStore } from '../options.js';
import { digest, isEqualSecret } from '../util/crypto.js';
import type { TestApp, Code, Kept, Question, Token } from './records.js';
import { pageReasons, type PageRefusal, type Refusal, type Reply } from './refusals.js';
import type { Fields } from './server.js';
import type { Software } from './software.js';

/** Reads the client metadata of an app whose client ID is a URL. */
export interface ClientReader {
  /** @returns the app's name and redirect URIs, or why the document is refused */
  read(clientId: string): Promise<Pick<TestApp, 'name' | 'redirectURIs'> | string>;
}

const tokenTtlMs = 24 * 60 * 60_000;
const appFields = ['client_name', 'redirect_uris', 'scopes', 'website'];

/**
 * The project's own tests derive from this class to simulate more kinds of servers. Keys in the store: `app:`, `code:`,
 * `token:` and `refresh:`, each with the identifier.
 */
export class OAuth {
  /** Before every key: another prefix is another, empty database. */
  private prefix = '';

  constructor(
    protected readonly self: { readonly origin: string; readonly software: Software },
    private readonly store: KeyValueStore,
    protected readonly clientReader?: ClientReader,
  ) {}

  forget(): void {
    this.prefix = `${newSecret()}:`;
  }

  /** POST /api/v1/apps */
  async register(form: Fields): Promise<Reply | Refusal> {
    const { client_name: name = '', redirect_uris: uri = '', scopes = 'read', website } = form;
    const isValid =
      Object.keys(form).every((field) => appFields.includes(field)) &&
      name !== '' &&
      [...name].length <= 60 &&
      URL.canParse(uri) &&
      (website === undefined || /^https?:\/\/./.test(website)) &&
      this.acceptsScopes(split(scopes));
    if (!isValid) return 'invalid_app';
    const app = {
      clientId: this.newClientId(),
      clientSecret: newSecret(),
      name,
      website: website ?? null,
      redirectURIs: [uri],
      scopes: split(scopes),
    };
    await this.write(`app:${app.clientId}`, app);
    return [200, this.appDocument(app)];
  }

  async readQuestion(fields: Fields): Promise<Question | Kept> {
    const { client_id: clientId = '', redirect_uri: redirectURI = '', state, scope = 'read' } = fields;
    const app = await this.appOf(clientId);
    if (typeof app === 'string') return { refusal: 'page_client', reason: app };
    if (!app) return kept('page_client');
    if (!app.redirectURIs.includes(redirectURI)) return kept('page_redirect');
    const { code_challenge: challenge, code_challenge_method: method } = fields;
    if (fields['response_type'] !== 'code' || !this.acceptsChallenge(challenge, method))
      return kept('page_request');
    const scopes = split(scope);
    if (!this.allowsScopes(app, scopes)) return kept('page_scope');
    return { app, redirectURI, scopes, state, challenge };
  }

  async grant(question: Question, username: string): Promise<string> {
    const { app, redirectURI, scopes, challenge } = question;
    const code = newSecret();
    const issued: Code = {
      ...{ code, clientId: app.clientId, redirectURI, scopes, challenge, username },
      at: Date.now(),
    };
    await this.write(`code:${code}`, issued, this.codeLifetimeMs);
    return this.back(question, { code });
  }

  deny(question: Question): string {
    return this.back(question, { error: 'access_denied' });
  }

  /** POST /oauth/token */
  async token(form: Fields): Promise<Reply | Refusal> {
    const app = this.clientReader ? await this.publicClient(form) : await this.authenticate(form);
    if (typeof app === 'string') return app;
    const token = await this.tokenFor(form, app);
    return typeof token === 'string' ? token : [200, this.tokenDocument(token, form)];
  }

  /** POST /oauth/revoke */
  async revoke(form: Fields): Promise<Reply | Refusal> {
    const app = await this.authenticate(form);
    if (typeof app === 'string') return app;
    const token = await this.read<Token>(`token:${form['token'] ?? ''}`);
    if (token && token.clientId !== app.clientId) return 'foreign_token';
    if (token) await this.remove(`token:${token.token}`);
    return [200, {}];
  }

  async tokenOf(authorization = ''): Promise<Token | undefined> {
    const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
    return token === undefined ? undefined : this.read<Token>(`token:${token}`);
  }

  protected get codeLifetimeMs(): number {
    return 10 * 60_000;
  }

  protected newClientId(): string {
    return newSecret();
  }

  protected acceptsScopes(scopes: readonly string[]): boolean {
    return scopes.every((scope) => this.self.software.scopes.includes(scope));
  }

  protected acceptsChallenge(challenge: string | undefined, method: string | undefined): boolean {
    return /^[\w-]{43}$/.test(challenge ?? '') && method === 'S256';
  }

  protected allowsScopes(app: TestApp, asked: readonly string[]): boolean {
    return asked.every((scope) => app.scopes.includes(scope));
  }

  protected appDocument(app: TestApp): Record<string, unknown> {
    const { name, website, scopes, redirectURIs, clientId: client_id, clientSecret: client_secret } = app;
    return {
      ...{ id: client_id, name, website, scopes },
      ...{ redirect_uri: redirectURIs.join('\n'), redirect_uris: redirectURIs },
      ...{ client_id, client_secret, client_secret_expires_at: 0 },
    };
  }

  /** The client's ID and secret are in the form, as every server accepts them. */
  protected async authenticate(form: Fields): Promise<TestApp | Refusal> {
    const app = await this.read<TestApp>(`app:${form['client_id'] ?? ''}`);
    if (!app) return 'unknown_client';
    return isEqualSecret(app.clientSecret ?? '', form['client_secret'] ?? '') ? app : 'wrong_secret';
  }

  protected async tokenFor(form: Fields, app: TestApp): Promise<Token | Refusal> {
    switch (form['grant_type'] ?? '') {
      case 'client_credentials':
        return this.clientReader ? 'unsupported_grant' : this.byCredentials(form, app);
      case 'authorization_code':
        return this.byCode(form, app);
      case 'refresh_token':
        return this.self.software.givesRefreshTokens ? this.byRefreshToken(form, app) : 'unsupported_grant';
      default:
        return 'unsupported_grant';
    }
  }

  protected async byCredentials(form: Fields, app: TestApp): Promise<Token | Refusal> {
    const { redirect_uri: redirectURI, scope = 'read' } = form;
    // GoToSocial refuses this grant without a redirect URI.
    if (redirectURI === undefined) return 'missing_field';
    if (!app.redirectURIs.includes(redirectURI)) return 'wrong_redirect';
    const scopes = split(scope);
    return this.allowsScopes(app, scopes) ? this.issue({ clientId: app.clientId, scopes }) : 'wrong_scope';
  }

  protected async byCode(form: Fields, app: TestApp): Promise<Token | Refusal> {
    const { code: text, redirect_uri: redirectURI, code_verifier: verifier } = form;
    if (text === undefined || redirectURI === undefined) return 'missing_field';
    const code = await this.read<Code>(`code:${text}`);
    if (!code) return 'wrong_code';
    // The first try uses the code up, even if it fails.
    if (!(await this.remove(`code:${text}`))) return 'spent_code';
    const { clientId, username, scopes, at } = code;
    if (clientId !== app.clientId || Date.now() - at >= this.codeLifetimeMs) return 'spent_code';
    if (redirectURI !== code.redirectURI) return 'wrong_redirect';
    if (!this.provesOrigin(code, verifier)) return 'wrong_verifier';
    return this.issue({ clientId, username, scopes });
  }

  /** RFC 7636, section 4.6: the verifier is present exactly when a challenge was, and matches it. */
  protected provesOrigin({ challenge }: Code, verifier: string | undefined): boolean {
    if (challenge === undefined || verifier === undefined) return challenge === verifier;
    return isEqualSecret(challenge, digest(verifier));
  }

  private async byRefreshToken(form: Fields, app: TestApp): Promise<Token | Refusal> {
    const key = `refresh:${form['refresh_token'] ?? ''}`;
    const before = await this.read<Token>(key);
    if (!before || !(await this.remove(key)) || before.clientId !== app.clientId) return 'wrong_code';
    await this.remove(`token:${before.token}`);
    const { clientId, username, scopes } = before;
    return this.issue({ clientId, username, scopes });
  }

  protected async issue(grant: Omit<Token, 'token' | 'refreshToken'>): Promise<Token> {
    const refreshes = this.self.software.givesRefreshTokens && grant.username !== undefined;
    const token: Token = { ...grant, token: newSecret(), ...(refreshes && { refreshToken: newSecret() }) };
    await this.write(`token:${token.token}`, token, tokenTtlMs);
    if (refreshes) await this.write(`refresh:${token.refreshToken}`, token, tokenTtlMs);
    return token;
  }

  protected tokenDocument({ token, refreshToken, scopes }: Token, _form: Fields): Record<string, unknown> {
    return {
      access_token: token,
      token_type: 'Bearer',
      scope: scopes.join(' '),
      created_at: Math.floor(Date.now() / 1000),
      ...(refreshToken !== undefined && { refresh_token: refreshToken, expires_in: tokenTtlMs / 1000 }),
    };
  }

  protected back({ redirectURI, state }: Question, params: Readonly<Record<string, string>>): string {
    const url = new URL(redirectURI);
    const { namesIssuer, isMisskey } = this.self.software;
    const iss = isMisskey ? this.self.origin : `${this.self.origin}/`;
    const all = { ...params, ...(state !== undefined && { state }), ...(namesIssuer && { iss }) };
    for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
    return url.href;
  }

  /** @returns why the client's document is refused, or `undefined` for an unknown client */
  protected async appOf(clientId: string): Promise<TestApp | string | undefined> {
    if (!this.clientReader) return this.read<TestApp>(`app:${clientId}`);
    const found = await this.clientReader.read(clientId);
    if (typeof found === 'string') return found;
    return { ...found, clientId, website: null, scopes: this.self.software.scopes };
  }

  /** A client without a secret: the code decides which one it is. */
  private async publicClient({ client_id: clientId = '' }: Fields): Promise<TestApp> {
    return { clientId, name: '', website: null, redirectURIs: [], scopes: this.self.software.scopes };
  }

  /** Only this class writes these keys, so the value has the shape that was written. */
  protected async read<T>(key: string): Promise<T | undefined> {
    return ((await this.store.get(this.prefix + key)) ?? undefined) as T | undefined;
  }

  protected async write(key: string, value: object, ttlMs?: number): Promise<void> {
    await this.store.set(this.prefix + key, value, ttlMs);
  }

  /** @returns whether this call removed the record */
  protected async remove(key: string): Promise<boolean> {
    return (await this.store.delete(this.prefix + key)) !== false;
  }
}

export function split(scopes: string): string[] {
  return scopes.split(/\s+/).filter(Boolean);
}

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function kept(refusal: PageRefusal): Kept {
  return { refusal, reason: pageReasons[refusal] };
}
