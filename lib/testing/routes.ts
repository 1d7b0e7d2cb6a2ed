/** Answers the requests to a testing instance. */

import { avatarOf, type TestAccount } from './accounts.js';
import * as documents from './documents.js';
import type { OAuth } from './oauth.js';
import * as pages from './pages.js';
import type { Posts } from './posts.js';
import { pageReasons, replies, type PageRefusal, type Refusal, type Reply } from './refusals.js';
import { json, type Incoming, type Outgoing } from './server.js';

/** The instance that the routes use. The project's own tests replace some answers and refusals. */
export interface RunningInstance {
  readonly self: documents.Self;
  readonly oauth: OAuth;
  readonly posts: Posts;
  readonly deny: boolean;
  /** @param reason in words, for a page */
  refuse(refusal: Refusal, reason?: string): Outgoing;
}

type Handler = (instance: RunningInstance, incoming: Incoming) => Promise<Outgoing> | Outgoing;

const common: Readonly<Record<string, Handler>> = {
  'GET /.well-known/nodeinfo': ({ self }) => json(200, documents.nodeInfoIndex(self)),
  'GET /nodeinfo/2.0': ({ self }) => json(200, documents.nodeInfo(self)),
  'GET /.well-known/webfinger': (instance, { query }) => {
    const found = documents.webFinger(instance.self, query['resource']);
    return found ? json(200, found, 'application/jrd+json') : json(404, { error: 'Record not found' });
  },
  'GET /.well-known/oauth-authorization-server': (instance) =>
    instance.self.software.hasMetadata
      ? json(200, documents.metadata(instance.self))
      : instance.refuse('not_found'),
  'POST /oauth/token': async (instance, { form }) => outgoing(instance, await instance.oauth.token(form)),
  'GET /oauth/authorize': async (instance, { query }) => {
    const question = await instance.oauth.readQuestion(query);
    return 'refusal' in question
      ? instance.refuse(question.refusal, question.reason)
      : pages.consentPage(instance.self, question);
  },
  'POST /oauth/authorize': answerConsentForm,
  'GET /': ({ self }) => pages.homePage(self),
};

const ofMastodon: Readonly<Record<string, Handler>> = {
  'GET /api/v1/instance': ({ self }) => json(200, documents.about(self)),
  'POST /api/v1/apps': async (instance, { form }) => outgoing(instance, await instance.oauth.register(form)),
  'POST /oauth/revoke': async (instance, { form }) => outgoing(instance, await instance.oauth.revoke(form)),
  'GET /api/v1/accounts/verify_credentials': verifyCredentials,
  'POST /api/v1/statuses': postStatus,
};

const ofMisskey: Readonly<Record<string, Handler>> = { 'POST /api/i': verifyAtMisskey };

export async function route(instance: RunningInstance, incoming: Incoming): Promise<Outgoing> {
  const { method, path } = incoming;
  const { isMisskey } = instance.self.software;
  const routes = { ...common, ...(isMisskey ? ofMisskey : ofMastodon) };
  const found = routes[`${method} ${path}`];
  if (found) return found(instance, incoming);
  if (isMisskey && path.startsWith('/api/')) return misskeyFailure(404, 'UNKNOWN_API_ENDPOINT');
  if (method !== 'GET') return instance.refuse('not_found');
  const [, id] = /^\/api\/v1\/accounts\/([^/]+)\/statuses$/.exec(path) ?? [];
  if (id !== undefined && !isMisskey) return statusesOf(instance, incoming, id);
  return ofAccount(instance, path);
}

export function refuse(self: documents.Self, refusal: Refusal, reason?: string): Outgoing {
  if (refusal === 'not_found') return pages.nothingHerePage(self);
  if (Object.hasOwn(pageReasons, refusal)) {
    return pages.refusalPage(self, reason ?? pageReasons[refusal as PageRefusal]);
  }
  const reply: Reply = replies[refusal as keyof typeof replies];
  return json(...reply);
}

function outgoing(instance: RunningInstance, result: Reply | Refusal): Outgoing {
  return typeof result === 'string' ? instance.refuse(result) : json(...result);
}

async function answerConsentForm(instance: RunningInstance, { form }: Incoming): Promise<Outgoing> {
  const { self, oauth, deny } = instance;
  const question = await oauth.readQuestion(form);
  if ('refusal' in question) return instance.refuse(question.refusal, question.reason);
  const account = named(self, form['account']);
  const isAllowed = !deny && form['answer'] === 'allow' && account !== undefined;
  const location = isAllowed ? await oauth.grant(question, account.username) : oauth.deny(question);
  // 303: the browser continues with GET and without the form.
  return { status: 303, headers: { Location: location } };
}

/** The account of the request's token, if the token has one of `scopes`; otherwise the refusal. */
async function tokenOwner(
  { self, oauth }: RunningInstance,
  { headers }: Incoming,
  scopes: readonly string[],
): Promise<TestAccount | Refusal> {
  const token = await oauth.tokenOf(headers.authorization);
  if (!token) return 'bad_token';
  const account = named(self, token.username);
  if (!account) return 'app_token';
  if (account.disabled) return 'account_disabled';
  return scopes.some((scope) => token.scopes.includes(scope)) ? account : 'missing_scope';
}

async function verifyCredentials(instance: RunningInstance, incoming: Incoming): Promise<Outgoing> {
  const account = await tokenOwner(instance, incoming, instance.self.software.profileScopes);
  if (typeof account === 'string') return instance.refuse(account);
  return json(200, documents.credentials(instance.self, account));
}

/** POST /api/v1/statuses */
async function postStatus(instance: RunningInstance, incoming: Incoming): Promise<Outgoing> {
  const account = await tokenOwner(instance, incoming, ['write', 'write:statuses']);
  if (typeof account === 'string') return instance.refuse(account);
  const { status: text = '', visibility = 'public' } = incoming.form;
  if (text.trim() === '') return json(422, { error: "Validation failed: Text can't be blank" });
  return json(200, instance.posts.add(account, text, visibility));
}

/** `GET /api/v1/accounts/:id/statuses` needs no token; with one, the token needs the scope, as at Mastodon. */
async function statusesOf(instance: RunningInstance, incoming: Incoming, id: string): Promise<Outgoing> {
  const account = instance.self.accounts.find((one) => one.id === id);
  if (!account) return json(404, { error: 'Record not found' });
  if (incoming.headers.authorization !== undefined) {
    const reader = await tokenOwner(instance, incoming, ['read', 'read:statuses']);
    if (typeof reader === 'string') return instance.refuse(reader);
  }
  return json(200, instance.posts.of(account, Number(incoming.query['limit'] ?? 20)));
}

async function verifyAtMisskey(instance: RunningInstance, incoming: Incoming): Promise<Outgoing> {
  if (!/^application\/json\b/.test(incoming.headers['content-type'] ?? '')) {
    return misskeyFailure(415, 'UNSUPPORTED_MEDIA_TYPE');
  }
  const account = await tokenOwner(instance, incoming, instance.self.software.profileScopes);
  if (account === 'account_disabled') return misskeyFailure(403, 'YOUR_ACCOUNT_SUSPENDED');
  if (account === 'missing_scope') return misskeyFailure(403, 'PERMISSION_DENIED');
  if (typeof account === 'string') return misskeyFailure(401, 'AUTHENTICATION_FAILED');
  return json(200, documents.misskeyAccount(instance.self, account));
}

export function misskeyFailure(status: number, code: string): Outgoing {
  return json(status, { error: { code, message: 'This is a testing instance.', kind: 'client' } });
}

function ofAccount(instance: RunningInstance, path: string): Outgoing {
  const { self } = instance;
  const [, kind = '', name = ''] = /^\/(@|users\/|avatars\/)([^/]+?)(?:\.svg)?$/.exec(path) ?? [];
  const account = named(self, decoded(name));
  if (!account) return instance.refuse('not_found');
  if (kind === '@') return pages.profilePage(self, account);
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
