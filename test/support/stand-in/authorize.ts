/** The pages a visitor sees at the instance: sign-in, consent, and the way back. */

import type { Exchange } from './exchange.js';
import { consentPage, deniedPage, formPage, signInField } from './pages.js';
import type { Refusal } from './persona.js';
import { allowsScopes, splitScopes } from './scopes.js';
import type { App, Code, StandIn } from './stand-in.js';

/** An authorization request that was found to be in order. */
interface Wish {
  readonly app: App;
  readonly redirectURI: string;
  readonly scopes: readonly string[];
  readonly state: string | undefined;
  readonly challenge: string | undefined;
}

const cookieName = 'standin_session';

export function show(standIn: StandIn, exchange: Exchange): void {
  const { authorize, apps } = standIn.persona;
  const wish = judge(standIn, exchange.query);
  if (apps.singleUse) return sendToSession(standIn, exchange);
  if (typeof wish === 'string' && authorize.checksFirst) return refuse(standIn, exchange, wish);

  const visitor = visitorOf(standIn, exchange);
  const forced = exchange.query['force_login'] === 'true';
  if (authorize.onePage) {
    if (
      typeof wish !== 'string' &&
      visitor !== undefined &&
      !forced &&
      returns(standIn, exchange, wish, visitor)
    ) {
      return;
    }
    return exchange.send([200, formPage('/oauth/authorize', { ...exchange.query }, signInField)]);
  }
  if (visitor === undefined) {
    return exchange.send([200, formPage('/auth/sign_in', { return_to: exchange.seen.url }, signInField)]);
  }
  if (typeof wish === 'string') return refuse(standIn, exchange, wish);
  if (authorize.returning === 'skip' && !forced && hasToken(standIn, wish, visitor)) {
    return sendBack(standIn, exchange, wish, { code: issueCode(standIn, wish, visitor).code });
  }
  exchange.send([200, consentPage(exchange.query, authorize.denial !== 'no button')]);
}

export function signIn(standIn: StandIn, exchange: Exchange): void {
  const { username = '', return_to: returnTo = '/' } = exchange.form;
  if (!standIn.accounts.has(username)) return exchange.send([401, 'Invalid E-mail address or password.']);
  const headers = remember(standIn, username);
  if (!returnTo.startsWith('/')) return exchange.send([400, 'Elsewhere is no place to return to.']);
  exchange.redirect(returnTo, headers);
}

/** The consent form, or the one form for sign-in and consent, was sent. */
export function decide(standIn: StandIn, exchange: Exchange): void {
  const { authorize, apps } = standIn.persona;
  if (apps.singleUse) return standIn.refuse(exchange, 'not_found');
  const signedIn = authorize.onePage ? exchange.form['username'] : visitorOf(standIn, exchange);
  const visitor = standIn.accounts.get(signedIn ?? '')?.username;
  if (visitor === undefined) return exchange.send([401, 'Invalid username/password']);
  const wish = judge(standIn, exchange.form);
  if (typeof wish === 'string') return refuse(standIn, exchange, wish);
  if (exchange.form['decision'] === 'deny') {
    if (authorize.denial === 'own page') return exchange.send([200, deniedPage]);
    if (authorize.denial === 'no button') return standIn.refuse(exchange, 'page_request');
    const denied = { error: 'access_denied', error_description: 'The resource owner denied the request.' };
    return sendBack(
      standIn,
      exchange,
      authorize.denial === 'without state' ? withoutState(wish) : wish,
      denied,
    );
  }
  const headers = authorize.onePage && authorize.returning !== 'sign in' ? remember(standIn, visitor) : {};
  sendBack(standIn, exchange, wish, { code: issueCode(standIn, wish, visitor).code }, headers);
}

/** The page of the one session that a single-use app consists of; its address was the client id. */
export function session(standIn: StandIn, exchange: Exchange): void {
  const token = exchange.seen.path.slice('/auth/'.length);
  const app = [...standIn.apps.values()].find((candidate) => candidate.session === token);
  // A session that someone has accepted is over: whoever comes second with the same app is stuck here.
  if (app === undefined || standIn.codes.has(token)) return standIn.refuse(exchange, 'page_client');
  if (exchange.seen.method === 'GET') {
    return exchange.send([200, formPage(exchange.seen.path, { ...exchange.query }, signInField)]);
  }
  const visitor = standIn.accounts.get(exchange.form['username'] ?? '')?.username;
  if (visitor === undefined) return exchange.send([401, 'Invalid username/password']);
  const wish = judge(standIn, exchange.form);
  if (typeof wish === 'string') return refuse(standIn, exchange, wish);
  sendBack(standIn, exchange, wish, { code: issueCode(standIn, wish, visitor, token).code });
}

function sendToSession(standIn: StandIn, exchange: Exchange): void {
  const address = Buffer.from(exchange.query['client_id'] ?? '', 'base64').toString();
  if (!address.startsWith(`${standIn.origin}/auth/`)) return standIn.refuse(exchange, 'page_client');
  exchange.redirect(`${address}?${new URLSearchParams(exchange.query).toString()}`);
}

function judge(standIn: StandIn, params: Record<string, string>): Wish | Refusal {
  const { scopes: scopeHabits, authorize, token } = standIn.persona;
  const app = standIn.apps.get(params['client_id'] ?? '');
  if (app === undefined) return 'page_client';
  const redirectURI = params['redirect_uri'] ?? '';
  const compared = authorize.cutsQuery ? redirectURI.replace(/\?.*/, '') : redirectURI;
  if (!app.redirectURIs.includes(compared)) return 'page_redirect';
  if (params['response_type'] !== 'code') return 'page_request';
  const asked = splitScopes(params['scope'] ?? 'read');
  if (scopeHabits.unknownRedirects && !asked.every((scope) => scopeHabits.known.includes(scope))) {
    return 'wrong_scope';
  }
  if (!allowsScopes(scopeHabits, app.scopes, asked)) return 'page_scope';
  const challenge = params['code_challenge'];
  if (token.pkce && challenge !== undefined) {
    const wellFormed = /^[A-Za-z0-9_-]{43}$/.test(challenge);
    if (!wellFormed || params['code_challenge_method'] !== 'S256') return 'page_request';
  }
  return {
    app,
    redirectURI,
    scopes: asked,
    state: params['state'],
    challenge: token.pkce ? challenge : undefined,
  };
}

function refuse(standIn: StandIn, exchange: Exchange, refusal: Refusal): void {
  if (refusal !== 'wrong_scope') return standIn.refuse(exchange, refusal);
  const { redirect_uri: redirectURI = '' } = exchange.params;
  exchange.redirect(withParams(redirectURI, 'error=invalid_scope&message=The+requested+scope+is+invalid'));
}

/** The servers that do not ask someone who is signed in, each with its own mistake. */
function returns(standIn: StandIn, exchange: Exchange, wish: Wish, visitor: string): boolean {
  if (standIn.persona.authorize.returning === 'token') {
    sendBack(standIn, exchange, wish, { access_token: standIn.secret() });
    return true;
  }
  const earlier = [...standIn.codes.values()].findLast(
    (code) => code.clientId === wish.app.clientId && code.username === visitor,
  );
  if (standIn.persona.authorize.returning !== 'code' || earlier === undefined) return false;
  sendBack(standIn, exchange, wish, { code: earlier.code });
  return true;
}

function sendBack(
  standIn: StandIn,
  exchange: Exchange,
  wish: Wish,
  answer: Record<string, string>,
  headers: Record<string, string> = {},
): void {
  const { joins, status, issuer } = standIn.persona.authorize;
  const params = new URLSearchParams({ ...answer, ...(issuer && { iss: `${standIn.origin}/` }) });
  let query = params.toString();
  if (wish.state !== undefined)
    query += `&state=${joins === 'raw' ? wish.state : encodeURIComponent(wish.state)}`;
  let location = withParams(wish.redirectURI, query);
  if (joins === 'sorted') {
    const sorted = new URL(location);
    sorted.searchParams.sort();
    location = sorted.href;
  }
  exchange.send([status], { Location: location, ...headers });
}

function withParams(uri: string, query: string): string {
  return uri + (uri.includes('?') ? '&' : '?') + query;
}

function withoutState(wish: Wish): Wish {
  return { ...wish, state: undefined };
}

function issueCode(standIn: StandIn, wish: Wish, visitor: string, given?: string): Code {
  const { app, redirectURI, scopes, challenge } = wish;
  const code: Code = {
    code: given ?? standIn.secret(),
    clientId: app.clientId,
    username: visitor,
    redirectURI,
    scopes,
    challenge,
    at: standIn.now(),
    used: false,
  };
  standIn.codes.set(code.code, code);
  app.lastVisitor = visitor;
  return code;
}

function hasToken(standIn: StandIn, wish: Wish, visitor: string): boolean {
  return [...standIn.tokens.values()].some(
    (token) =>
      token.clientId === wish.app.clientId &&
      token.username === visitor &&
      token.scopes.join(' ') === wish.scopes.join(' '),
  );
}

function visitorOf(standIn: StandIn, exchange: Exchange): string | undefined {
  return standIn.visitors.get(exchange.cookie(cookieName) ?? '');
}

function remember(standIn: StandIn, username: string): Record<string, string> {
  const key = standIn.secret();
  standIn.visitors.set(key, username);
  return { 'Set-Cookie': `${cookieName}=${key}; Path=/; HttpOnly; SameSite=Lax` };
}
