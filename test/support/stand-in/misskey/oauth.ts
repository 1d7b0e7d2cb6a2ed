/** Misskey's OAuth: clients known by their URL, PKCE, `iss`, and codes that one failed attempt burns. */

import { createHash } from 'node:crypto';
import type { Exchange } from '../exchange.js';
import { formPage, signInField } from '../pages.js';
import { splitScopes } from '../scopes.js';
import { clientIdOf, fetchClient, RefusedClient, type ClientMetadata } from './client-document.js';
import type { MisskeyStandIn } from './misskey.js';

/** A page for a visitor to decide on, good for five minutes. */
export interface Transaction {
  readonly client: ClientMetadata;
  readonly redirectURI: string;
  readonly scopes: readonly string[];
  readonly state: string | undefined;
  readonly challenge: string;
  readonly at: number;
}

export interface MisskeyCode extends Omit<Transaction, 'client' | 'state'> {
  readonly clientId: string;
  readonly username: string;
  used: boolean;
  token?: string;
}

const lifetimeMs = 5 * 60_000;
/** Some of the 87. */
export const scopes = ['read:account', 'write:account', 'read:drive', 'write:notes', 'read:notifications'];

/** GET /oauth/authorize: the client's document is fetched anew each time. */
export async function show(standIn: MisskeyStandIn, exchange: Exchange): Promise<void> {
  const { client_id: id = '', redirect_uri: redirectURI = '', response_type: type } = exchange.query;
  const { state, code_challenge: challenge, code_challenge_method: method } = exchange.query;
  let client: ClientMetadata;
  try {
    client = await fetchClient(clientIdOf(id), standIn.persona.json, standIn.ca);
    if (type !== 'code')
      throw new RefusedClient('unsupported_response_type', 400, 'Unsupported response type');
    if (!client.redirectURIs.includes(redirectURI)) {
      throw new RefusedClient('invalid_request', 400, 'Invalid redirect_uri');
    }
  } catch (error) {
    if (!(error instanceof RefusedClient)) throw error;
    return exchange.send([error.status, { error: error.error, error_description: error.message }]);
  }
  const asked = splitScopes(exchange.query['scope']).filter((scope) => scopes.includes(scope));
  const wrong =
    asked.length === 0 ? 'invalid_scope' : challenge && method === 'S256' ? undefined : 'invalid_request';
  if (wrong !== undefined) return sendBack(standIn, exchange, { redirectURI, state }, { error: wrong });
  const transaction = standIn.secret();
  standIn.transactions.set(transaction, {
    client,
    redirectURI,
    scopes: asked,
    state,
    challenge: challenge ?? '',
    at: standIn.now(),
  });
  exchange.send([200, `<h1>${client.name}</h1>${formPage('/signin', { transaction }, signInField)}`]);
}

/** What a script does in Misskey: the visitor signs in, on the page of this transaction. */
export function signIn(standIn: MisskeyStandIn, exchange: Exchange): void {
  const { transaction = '', username = '' } = exchange.form;
  if (!standIn.accounts.has(username)) return exchange.send([403, { error: { code: 'NO_SUCH_USER' } }]);
  const loginToken = standIn.secret();
  standIn.visitors.set(loginToken, username);
  const fields = { transaction_id: transaction, login_token: loginToken };
  const allow = formPage('/oauth/decision', fields);
  exchange.send([200, allow + formPage('/oauth/decision', { ...fields, cancel: 'cancel' })]);
}

/** POST /oauth/decision */
export function decide(standIn: MisskeyStandIn, exchange: Exchange): void {
  const { transaction_id: id = '', login_token: loginToken = '', cancel } = exchange.form;
  const transaction = standIn.transactions.get(id);
  standIn.transactions.delete(id);
  if (!transaction || standIn.now() - transaction.at >= lifetimeMs) {
    return exchange.send([
      403,
      { error: 'access_denied', error_description: 'Invalid or expired transaction' },
    ]);
  }
  if (cancel !== undefined) return sendBack(standIn, exchange, transaction, { error: 'access_denied' });
  const username = standIn.visitors.get(loginToken);
  if (username === undefined) return exchange.send([400, { error: 'invalid_request' }]);
  const { client, redirectURI, scopes: granted, challenge } = transaction;
  const code = standIn.longSecret();
  const at = standIn.now();
  standIn.codes.set(code, {
    clientId: client.id,
    username,
    redirectURI,
    scopes: granted,
    challenge,
    at,
    used: false,
  });
  sendBack(standIn, exchange, transaction, { code });
}

/** POST /oauth/token: an attempt that fails burns the code, and one more ends the token that it gave before. */
export function grant(standIn: MisskeyStandIn, exchange: Exchange): void {
  const {
    grant_type: type,
    code: text = '',
    client_id: id,
    redirect_uri: uri,
    code_verifier: verifier,
  } = exchange.form;
  if (type !== 'authorization_code') return exchange.send([400, { error: 'unsupported_grant_type' }]);
  const refuse = () =>
    exchange.send([standIn.persona.refusal, { error: 'invalid_grant', error_description: 'Invalid grant' }]);
  const code = standIn.codes.get(text);
  if (!code || standIn.now() - code.at >= lifetimeMs) return refuse();
  if (code.used) {
    standIn.codes.delete(text);
    if (code.token !== undefined) standIn.tokens.delete(code.token);
    return refuse();
  }
  code.used = true;
  const isRight =
    id === code.clientId &&
    uri === code.redirectURI &&
    verifier !== undefined &&
    createHash('sha256').update(verifier).digest('base64url') === code.challenge;
  if (!isRight) return refuse();
  code.token = standIn.longSecret();
  standIn.tokens.set(code.token, { username: code.username, scopes: code.scopes });
  exchange.send([200, { access_token: code.token, token_type: 'Bearer', scope: code.scopes.join(' ') }]);
}

function sendBack(
  standIn: MisskeyStandIn,
  exchange: Exchange,
  { redirectURI, state }: { redirectURI: string; state: string | undefined },
  answer: Record<string, string>,
): void {
  const url = new URL(redirectURI);
  const params = { ...answer, ...(state !== undefined && { state }), iss: standIn.origin };
  for (const [name, value] of Object.entries(params)) url.searchParams.append(name, value);
  exchange.redirect(url.href);
}
