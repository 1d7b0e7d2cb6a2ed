/** Which request gets which answer of a testing instance. */

import { avatarOf, type TestAccount } from './accounts.js';
import * as documents from './documents.js';
import type { OAuth, Reply } from './oauth.js';
import * as pages from './pages.js';
import type { Incoming, Outgoing } from './server.js';

export interface Rooms {
  readonly self: documents.Self;
  readonly oauth: OAuth;
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
  'GET /api/v1/accounts/verify_credentials': whoIsIt,
};

const ofMisskey: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': ({ self }) => json([200, documents.misskeyMetadata(self)]),
  'POST /api/i': whoIsItAtMisskey,
};

export async function route(rooms: Rooms, incoming: Incoming): Promise<Outgoing> {
  const { method, path } = incoming;
  const { isMisskey } = rooms.self.software;
  const routes = { ...common, ...(isMisskey ? ofMisskey : ofMastodon) };
  const found = routes[`${method} ${path}`];
  if (found) return found(rooms, incoming);
  if (isMisskey && path.startsWith('/api/')) return misskeyFailure(404, 'UNKNOWN_API_ENDPOINT');
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

async function whoIsIt({ self, oauth }: Rooms, { authorization }: Incoming): Promise<Outgoing> {
  const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
  const account = token === undefined ? undefined : named(self, await oauth.userOf(token));
  if (!account) return json([401, { error: 'The access token is invalid' }]);
  if (account.disabled) return json([403, { error: 'Your login is currently disabled' }]);
  return json([200, documents.credentials(self, account)]);
}

async function whoIsItAtMisskey(
  { self, oauth }: Rooms,
  { authorization, contentType }: Incoming,
): Promise<Outgoing> {
  if (!/^application\/json\b/.test(contentType)) return misskeyFailure(415, 'UNSUPPORTED_MEDIA_TYPE');
  const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
  const account = token === undefined ? undefined : named(self, await oauth.userOf(token));
  if (!account) return misskeyFailure(401, 'AUTHENTICATION_FAILED');
  if (account.disabled) return misskeyFailure(403, 'YOUR_ACCOUNT_SUSPENDED');
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
