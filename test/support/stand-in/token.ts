/** POST /oauth/token and POST /oauth/revoke. */

import { createHash } from 'node:crypto';
import type { Exchange } from './exchange.js';
import type { Refusal } from './persona.js';
import { allowsScopes, splitScopes } from './scopes.js';
import type { App, Code, StandIn, Token } from './stand-in.js';

export function grant(standIn: StandIn, exchange: Exchange): void {
  if (exchange.malformed) return standIn.refuse(exchange, 'malformed');
  const { token: habits } = standIn.persona;
  const grantType = exchange.form['grant_type'];
  if (grantType === 'client_credentials' && habits.credentials === 'anyone') {
    // The answer looks like a token and opens nothing; it says nothing about the client either.
    return hand(standIn, exchange, { token: standIn.secret(), clientId: '', scopes: ['read'] });
  }
  const before = refusedBeforeClient(standIn, exchange.form['code']);
  if (before !== undefined) return standIn.refuse(exchange, before);
  const app = authenticate(standIn, exchange);
  if (typeof app === 'string') return standIn.refuse(exchange, app);
  const answer = byGrant(standIn, exchange, app, grantType);
  if (typeof answer === 'string') return standIn.refuse(exchange, answer);
  hand(standIn, exchange, answer);
}

/** Iceshrimp and Takahe look for the code first, so what they say to it tells nothing about the client. */
function refusedBeforeClient({ persona, codes }: StandIn, code: string | undefined): Refusal | undefined {
  switch (persona.token.codeBeforeClient) {
    case 'missing':
      return code === undefined ? 'missing_field' : undefined;
    case 'unknown':
      if (code === undefined) return 'missing_field';
      return codes.has(code) ? undefined : 'wrong_code';
    case false:
      return undefined;
  }
}

function byGrant(standIn: StandIn, exchange: Exchange, app: App, grantType = ''): Token | Refusal {
  const { token: habits } = standIn.persona;
  if (grantType === 'authorization_code') {
    return habits.checksCode ? byCode(standIn, exchange, app) : byLastVisitor(standIn, exchange, app);
  }
  if (grantType === 'client_credentials') {
    if (!habits.checksCode) return byLastVisitor(standIn, exchange, app);
    return byCredentials(standIn, exchange, app);
  }
  if (grantType === 'refresh_token' && habits.refresh) return byRefreshToken(standIn, exchange, app);
  return 'unsupported_grant';
}

function byCode(standIn: StandIn, exchange: Exchange, app: App): Token | Refusal {
  const { code: text, redirect_uri: redirectURI, code_verifier: verifier } = exchange.form;
  if (text === undefined || redirectURI === undefined) return 'missing_field';
  const { oneTime, codeLifetime } = standIn.persona.token;
  const code = standIn.codes.get(text);
  if (code === undefined) return 'wrong_code';
  // A code is worth nothing to another client than the one it was made for.
  if (code.clientId !== app.clientId) return 'spent_code';
  if (oneTime && code.used) return 'spent_code';
  if (standIn.now() - code.at >= codeLifetime) return 'spent_code';
  if (!mayHaveScope(standIn, exchange, app)) return 'wrong_scope';
  if (redirectURI !== code.redirectURI) return 'wrong_redirect';
  if (!provesOrigin(standIn, code, verifier)) return 'wrong_verifier';
  code.used = true;
  return issue(standIn, app, code.scopes, code.username);
}

/** Iceshrimp asks anew, with the code, which scopes the token is to have. */
function mayHaveScope({ persona }: StandIn, exchange: Exchange, app: App): boolean {
  if (!persona.token.scopeWithCode) return true;
  return allowsScopes(persona.scopes, app.scopes, splitScopes(exchange.form['scope'] ?? 'read'));
}

/** The verifier must be there exactly when a challenge was, and match it (RFC 7636, section 4.6). */
function provesOrigin(standIn: StandIn, code: Code, verifier: string | undefined): boolean {
  if (!standIn.persona.token.pkce) return true;
  if (code.challenge === undefined || verifier === undefined) return code.challenge === verifier;
  return createHash('sha256').update(verifier).digest('base64url') === code.challenge;
}

/** snac: whatever the code, the app's last visitor it is; nobody, if nobody has signed in yet. */
function byLastVisitor(standIn: StandIn, exchange: Exchange, app: App): Token | Refusal {
  if (exchange.form['redirect_uri'] === undefined) return 'missing_field';
  return issue(standIn, app, app.scopes, app.lastVisitor);
}

function byCredentials(standIn: StandIn, exchange: Exchange, app: App): Token | Refusal {
  const { token: habits, scopes } = standIn.persona;
  const { redirect_uri: redirectURI, scope } = exchange.form;
  if (habits.credentials === 'redirect_uri') {
    if (redirectURI === undefined) return 'missing_field';
    if (!app.redirectURIs.includes(redirectURI)) return 'wrong_redirect';
  }
  const asked = splitScopes(scope ?? 'read');
  if (scopes.unknownRedirects && !asked.every((one) => scopes.known.includes(one))) return 'wrong_scope';
  if (!allowsScopes(scopes, app.scopes, asked)) return 'wrong_scope';
  return issue(standIn, app, asked, undefined);
}

function byRefreshToken(standIn: StandIn, exchange: Exchange, app: App): Token | Refusal {
  const refreshed = [...standIn.tokens.values()].find(
    (token) => token.clientId === app.clientId && token.refreshToken === exchange.form['refresh_token'],
  );
  if (refreshed?.refreshToken === undefined) return 'wrong_code';
  standIn.tokens.delete(refreshed.token);
  return issue(standIn, app, refreshed.scopes, refreshed.username);
}

function issue(standIn: StandIn, app: App, scopes: readonly string[], username: string | undefined): Token {
  const { reuses, refresh } = standIn.persona.token;
  const same = [...standIn.tokens.values()].find(
    (token) =>
      token.clientId === app.clientId &&
      token.username === username &&
      token.scopes.join(' ') === scopes.join(' '),
  );
  if (reuses && same) return same;
  const token: Token = {
    token: standIn.secret(),
    clientId: app.clientId,
    scopes,
    username,
    ...(refresh && username !== undefined && { refreshToken: standIn.secret() }),
  };
  standIn.tokens.set(token.token, token);
  return token;
}

function hand(standIn: StandIn, exchange: Exchange, token: Token): void {
  standIn.tokensIssued += 1;
  const { scope, createdAt, expiresIn, appExpiresIn, me } = standIn.persona.token;
  const byCode = exchange.form['grant_type'] === 'authorization_code';
  const account = token.username === undefined ? undefined : standIn.account(token.username);
  const lifetime = account ? expiresIn : appExpiresIn;
  const seconds = Math.floor(standIn.now() / 1000);
  exchange.send(
    [
      200,
      {
        access_token: token.token,
        token_type: 'Bearer',
        ...(scope && { scope: token.scopes.join(' ') }),
        ...(createdAt !== 'absent' && { created_at: byCode && createdAt === 'ms' ? standIn.now() : seconds }),
        ...(lifetime !== undefined && { expires_in: lifetime }),
        ...(token.refreshToken !== undefined && { refresh_token: token.refreshToken }),
        ...(account &&
          me && { me: me === 'actor' ? standIn.actorOf(account) : standIn.profileURLOf(account) }),
      },
    ],
    { 'Cache-Control': 'no-store' },
  );
}

export function revoke(standIn: StandIn, exchange: Exchange): void {
  const habit = standIn.persona.token.revoke;
  if (habit === 'absent') return standIn.refuse(exchange, 'not_found');
  const token = standIn.tokens.get(exchange.form['token'] ?? '');
  if (habit !== 'token') {
    const app = authenticate(standIn, exchange, habit === 'body client');
    if (typeof app === 'string') return standIn.refuse(exchange, app);
    if (habit === 'app') standIn.apps.delete(app.clientId);
    if (token !== undefined && token.clientId !== app.clientId) {
      return exchange.send([403, { error: 'unauthorized_client', error_description: 'Not your token.' }]);
    }
  }
  if (token !== undefined) {
    const gone = [...standIn.tokens.values()].filter(({ clientId, username }) =>
      habit === 'all of user' ? clientId === token.clientId && username === token.username : false,
    );
    for (const { token: key } of [token, ...gone]) standIn.tokens.delete(key);
  }
  exchange.send([200, {}]);
}

function authenticate(standIn: StandIn, exchange: Exchange, bodyOnly = false): App | Refusal {
  const { clientAuth } = standIn.persona.token;
  let { client_id: id, client_secret: secret } = exchange.form;
  const basic = /^Basic (.+)$/i.exec(exchange.req.headers.authorization ?? '')?.[1];
  if (basic !== undefined && clientAuth !== 'body' && !bodyOnly) {
    if (id !== undefined && clientAuth === 'not both') return 'unknown_client';
    const [user = '', password = ''] = Buffer.from(basic, 'base64').toString().split(':');
    id = decodeURIComponent(user);
    secret = decodeURIComponent(password);
  }
  const app = standIn.apps.get(id ?? '');
  if (app === undefined) return 'unknown_client';
  return secret === app.clientSecret ? app : 'wrong_secret';
}
