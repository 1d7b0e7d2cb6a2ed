/** The OAuth server of a stand-in. It extends the testing instance's, and adds what is different in a family of servers. */

import { OAuth, newSecret, split } from '../../../lib/testing/oauth.js';
import type { TestApp, Code, Question, Token } from '../../../lib/testing/records.js';
import type { Refusal, Reply } from '../../../lib/testing/refusals.js';
import type { Fields } from '../../../lib/testing/server.js';
import type { StandIn } from './stand-in.js';

export class FamilyOAuth extends OAuth {
  /** User names by client ID. */
  private readonly lastVisitors = new Map<string, string>();

  constructor(private readonly standIn: StandIn) {
    super(standIn.self, standIn.records);
  }

  private get persona() {
    return this.standIn.persona;
  }

  override async readQuestion(fields: Fields): ReturnType<OAuth['readQuestion']> {
    const question = await super.readQuestion(fields);
    return 'refusal' in question || this.persona.token.pkce
      ? question
      : { ...question, challenge: undefined };
  }

  override async grant(question: Question, username: string): Promise<string> {
    this.lastVisitors.set(question.app.clientId, username);
    return super.grant(question, username);
  }

  override deny(question: Question): string {
    const isMute = this.persona.authorize.denial === 'without state';
    return super.deny(isMute ? { ...question, state: undefined } : question);
  }

  override async token(form: Fields): Promise<Reply | Refusal> {
    const { credentials, codeBeforeClient } = this.persona.token;
    if (form['grant_type'] === 'client_credentials' && credentials === 'any-client') {
      this.standIn.tokensIssued += 1;
      return [200, { access_token: newSecret(), token_type: 'Bearer', scope: 'read' }];
    }
    // Iceshrimp and Takahe look for the code first, so their answer does not show whether they know the client.
    if (codeBeforeClient !== false && form['code'] === undefined) return 'missing_field';
    if (codeBeforeClient === 'unknown' && !this.standIn.codes.has(form['code'] ?? '')) return 'wrong_code';
    return super.token(form);
  }

  override async revoke(form: Fields): Promise<Reply | Refusal> {
    const habit = this.persona.token.revoke;
    if (habit === 'absent') return 'not_found';
    const token = this.standIn.tokens.get(form['token'] ?? '');
    if (habit === 'token') {
      if (token) await this.remove(`token:${token.token}`);
      return [200, {}];
    }
    const reply = await super.revoke(form);
    if (typeof reply === 'string' || !token) return reply;
    if (habit === 'app') this.standIn.apps.delete(token.clientId);
    if (habit === 'all of user') {
      for (const other of [...this.standIn.tokens.values()]) {
        if (other.clientId === token.clientId && other.username === token.username) {
          this.standIn.tokens.delete(other.token);
        }
      }
    }
    return reply;
  }

  protected override get codeLifetimeMs(): number {
    return this.persona.token.codeLifetimeMs;
  }

  protected override newClientId(): string {
    const { apps } = this.persona;
    const session = `${this.self.origin}/auth/${newSecret()}`;
    return apps.singleUse ? Buffer.from(session).toString('base64') : super.newClientId();
  }

  protected override acceptsScopes(scopes: readonly string[]): boolean {
    return this.persona.scopes.unknownAtApps === 'keep' || super.acceptsScopes(scopes);
  }

  protected override acceptsChallenge(challenge: string | undefined, method: string | undefined): boolean {
    return !this.persona.token.pkce || challenge === undefined || super.acceptsChallenge(challenge, method);
  }

  protected override allowsScopes(app: TestApp, asked: readonly string[]): boolean {
    const { compare, unknownAtApps, known } = this.persona.scopes;
    if (compare === 'never') return true;
    // A scope that an upgrade removed is also removed from the apps that were registered with it.
    if (unknownAtApps === 'refuse' && !asked.every((scope) => known.includes(scope))) return false;
    if (compare === 'covers') return asked.every((scope) => app.scopes.some((own) => covers(own, scope)));
    // Real servers also accept fewer scopes than registered, but a client that asks for fewer has made a mistake.
    return asked.length === app.scopes.length && super.allowsScopes(app, asked);
  }

  protected override provesOrigin(code: Code, verifier: string | undefined): boolean {
    return !this.persona.token.pkce || super.provesOrigin(code, verifier);
  }

  protected override async byCode(form: Fields, app: TestApp): Promise<Token | Refusal> {
    const { checksCode, scopeWithCode } = this.persona.token;
    if (!checksCode) return this.byLastVisitor(form, app);
    const mayHaveScope = !scopeWithCode || this.allowsScopes(app, split(form['scope'] ?? 'read'));
    return mayHaveScope ? super.byCode(form, app) : 'wrong_scope';
  }

  protected override async byCredentials(form: Fields, app: TestApp): Promise<Token | Refusal> {
    return this.persona.token.checksCode ? super.byCredentials(form, app) : this.byLastVisitor(form, app);
  }

  /** snac: whatever the code, the token is for the account that consented last. */
  private async byLastVisitor(form: Fields, { clientId, scopes }: TestApp): Promise<Token | Refusal> {
    if (form['redirect_uri'] === undefined) return 'missing_field';
    return this.issue({ clientId, scopes, username: this.lastVisitors.get(clientId) });
  }

  protected override async issue(grant: Omit<Token, 'token' | 'refreshToken'>): Promise<Token> {
    this.standIn.tokensIssued += 1;
    const same = [...this.standIn.tokens.values()].find(
      ({ clientId, username, scopes }) =>
        clientId === grant.clientId &&
        username === grant.username &&
        scopes.join(' ') === grant.scopes.join(' '),
    );
    return this.persona.token.reuses && same ? same : super.issue(grant);
  }

  protected override tokenDocument(token: Token, form: Fields): Record<string, unknown> {
    const { scope, createdAt, expiresIn, me } = this.persona.token;
    const document = super.tokenDocument(token, form);
    const account = token.username === undefined ? undefined : this.standIn.account(token.username);
    if (!scope) delete document['scope'];
    if (createdAt === 'ms' && form['grant_type'] === 'authorization_code')
      document['created_at'] = Date.now();
    if (account && expiresIn !== undefined) document['expires_in'] = expiresIn;
    if (account && me === 'actor') document['me'] = this.standIn.actorOf(account);
    if (account && me === 'profile') document['me'] = this.standIn.profileURLOf(account);
    return document;
  }
}

function covers(own: string, asked: string): boolean {
  return own === asked || asked.startsWith(`${own}:`) || (asked === 'profile' && own.startsWith('read'));
}
