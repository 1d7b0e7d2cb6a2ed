/** Which request gets which answer of a testing instance. */

import { avatarOf, type TestAccount } from './accounts.js';
import * as documents from './documents.js';
import type { OAuth, Reply } from './oauth.js';
import * as pages from './pages.js';
import type { Posts } from './posts.js';
import type { Incoming, Outgoing } from './server.js';

export interface Rooms {
  readonly self: documents.Self;
  readonly oauth: OAuth;
  readonly posts: Posts;
  /** Everybody says no. */
  readonly deny: boolean;
}

type Route = (rooms: Rooms, incoming: Incoming) => Promise<Outgoing> | Outgoing;

const common: Readonly<Record<string, Route>> = {
  'GET /.well-known/nodeinfo': ({ self }) => json([200, documents.nodeInfoIndex(self)]),
  'GET /nodeinfo/2.0': ({ self }) => json([200, documents.nodeInfo(self)]),
  'GET /.well-known/webfinger': ({ self }, { query }) => {
    const found = documents.webFinger(self, query['resource']);
    if (!found) return json([404, { error: 'Record not found' }]);
    return { ...json([200, found]), type: 'application/jrd+json; charset=utf-8' };
  },
  'POST /oauth/token': async ({ oauth }, { form }) => json(await oauth.token(form)),
  'GET /oauth/authorize': async ({ self, oauth }, { query }) => {
    const question = await oauth.readQuestion(query);
    return typeof question === 'string'
      ? html(pages.refusalPage(self, question))
      : html(pages.consentPage(self, question));
  },
  'POST /oauth/authorize': decide,
  'GET /': ({ self }) => html(pages.homePage(self)),
};

const ofMastodon: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': ({ self }) =>
    self.software.describesItself ? json([200, documents.metadata(self)]) : notHere(self),
  'GET /api/v1/instance': ({ self }) => json([200, documents.about(self)]),
  'POST /api/v1/apps': async ({ oauth }, { form }) => json(await oauth.register(form)),
  'POST /oauth/revoke': async ({ oauth }, { form }) => json(await oauth.revoke(form)),
  'GET /api/v1/accounts/verify_credentials': verifyCredentials,
  'POST /api/v1/statuses': postStatus,
};

const ofMisskey: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': ({ self }) => json([200, documents.misskeyMetadata(self)]),
  'POST /api/i': verifyAtMisskey,
};

export async function route(rooms: Rooms, incoming: Incoming): Promise<Outgoing> {
  const { method, path } = incoming;
  const { isMisskey } = rooms.self.software;
  const routes = { ...common, ...(isMisskey ? ofMisskey : ofMastodon) };
  const found = routes[`${method} ${path}`];
  if (found) return found(rooms, incoming);
  if (isMisskey && path.startsWith('/api/')) return misskeyFailure(404, 'UNKNOWN_API_ENDPOINT');
  const [, id] = /^\/api\/v1\/accounts\/([^/]+)\/statuses$/.exec(path) ?? [];
  if (method === 'GET' && id !== undefined && !isMisskey) return statusesOf(rooms, incoming, id);
  return method === 'GET' ? ofPerson(rooms.self, path) : notHere(rooms.self);
}

/** The consent page's form was sent. */
async function decide({ self, oauth, deny }: Rooms, { form }: Incoming): Promise<Outgoing> {
  const question = await oauth.readQuestion(form);
  if (typeof question === 'string') return html(pages.refusalPage(self, question));
  const account = named(self, form['account']);
  const isAllowed = !deny && form['answer'] === 'allow' && account !== undefined;
  const location = isAllowed ? await oauth.grant(question, account.username) : oauth.deny(question);
  // 303: the browser goes on with GET, and leaves the form behind.
  return { status: 303, headers: { Location: location } };
}

/** The account of the request's token, if one of `scopes` is granted; otherwise the refusal. */
async function tokenOwner(
  { self, oauth }: Rooms,
  { authorization }: Incoming,
  scopes: readonly string[],
): Promise<TestAccount | Reply> {
  const grant = await oauth.grantOf(authorization);
  const account = named(self, grant?.username);
  if (!grant || !account) return [401, { error: 'The access token is invalid' }];
  if (account.disabled) return [403, { error: 'Your login is currently disabled' }];
  if (!scopes.some((scope) => grant.scopes.includes(scope))) {
    return [403, { error: 'This action is outside the authorized scopes' }];
  }
  return account;
}

async function verifyCredentials(rooms: Rooms, incoming: Incoming): Promise<Outgoing> {
  const account = await tokenOwner(rooms, incoming, ['profile', 'read', 'read:accounts']);
  return json('username' in account ? [200, documents.credentials(rooms.self, account)] : account);
}

/** POST /api/v1/statuses */
async function postStatus(rooms: Rooms, incoming: Incoming): Promise<Outgoing> {
  const account = await tokenOwner(rooms, incoming, ['write', 'write:statuses']);
  if (!('username' in account)) return json(account);
  const { status: text = '', visibility = 'public' } = incoming.form;
  if (text.trim() === '') return json([422, { error: "Validation failed: Text can't be blank" }]);
  return json([200, rooms.posts.add(account, text, visibility)]);
}

/** `GET /api/v1/accounts/:id/statuses` needs no token; with one, the token needs the scope, as at Mastodon. */
async function statusesOf(rooms: Rooms, incoming: Incoming, id: string): Promise<Outgoing> {
  const account = rooms.self.accounts.find((one) => one.id === id);
  if (!account) return json([404, { error: 'Record not found' }]);
  if (incoming.authorization !== '') {
    const reader = await tokenOwner(rooms, incoming, ['read', 'read:statuses']);
    if (!('username' in reader)) return json(reader);
  }
  return json([200, rooms.posts.of(account, Number(incoming.query['limit'] ?? 20))]);
}

async function verifyAtMisskey(
  { self, oauth }: Rooms,
  { authorization, contentType }: Incoming,
): Promise<Outgoing> {
  if (!/^application\/json\b/.test(contentType)) return misskeyFailure(415, 'UNSUPPORTED_MEDIA_TYPE');
  const grant = await oauth.grantOf(authorization);
  const account = named(self, grant?.username);
  if (!grant || !account) return misskeyFailure(401, 'AUTHENTICATION_FAILED');
  if (account.disabled) return misskeyFailure(403, 'YOUR_ACCOUNT_SUSPENDED');
  if (!grant.scopes.includes('read:account')) return misskeyFailure(403, 'PERMISSION_DENIED');
  return json([200, documents.misskeyAccount(self, account)]);
}

function misskeyFailure(status: number, code: string): Outgoing {
  return json([status, { error: { code, message: 'This is a testing instance.', kind: 'client' } }]);
}

/** Profile, actor and picture. */
function ofPerson(self: documents.Self, path: string): Outgoing {
  const [, kind = '', name = ''] = /^\/(@|users\/|avatars\/)([^/]+?)(?:\.svg)?$/.exec(path) ?? [];
  const account = named(self, decoded(name));
  if (!account) return notHere(self);
  if (kind === '@') return html(pages.profilePage(self, account));
  if (kind === 'users/') return { status: 302, headers: { Location: `/@${name}` } };
  return {
    status: 200,
    body: avatarOf(account, self.accounts.indexOf(account)),
    type: 'image/svg+xml; charset=utf-8',
  };
}

function named({ accounts }: documents.Self, name: string | undefined): TestAccount | undefined {
  return accounts.find(({ username }) => username === name);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function notHere(self: documents.Self): Outgoing {
  return html(pages.notFoundPage(self));
}

function json([status, body]: Reply): Outgoing {
  return { status, body: JSON.stringify(body), type: 'application/json; charset=utf-8' };
}

function html({ status, html: body, csp }: pages.InstancePage): Outgoing {
  return { status, body, type: 'text/html; charset=utf-8', headers: { 'Content-Security-Policy': csp } };
}
