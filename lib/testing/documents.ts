/** What a testing instance says about itself and its people, in JSON. Pure. */

import type { TestAccount } from './accounts.js';
import type { Software } from './software.js';

export interface Self {
  readonly origin: string;
  readonly host: string;
  readonly title: string;
  readonly software: Software;
  readonly accounts: readonly TestAccount[];
}

/** RFC 8414. */
export function metadata({ origin, software }: Self): object {
  return {
    issuer: `${origin}/`,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    app_registration_endpoint: `${origin}/api/v1/apps`,
    scopes_supported: software.scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
}

/** The same of a server that registers nobody. */
export function misskeyMetadata({ origin, software }: Self): object {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    scopes_supported: software.scopes,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
}

export function nodeInfoIndex({ origin }: Self): object {
  const rel = 'http://nodeinfo.diaspora.software/ns/schema/2.0';
  return { links: [{ rel, href: `${origin}/nodeinfo/2.0` }] };
}

export function nodeInfo({ software: { name, version }, accounts }: Self): object {
  return {
    version: '2.0',
    software: { name, version },
    protocols: ['activitypub'],
    services: { inbound: [], outbound: [] },
    openRegistrations: false,
    usage: { users: { total: accounts.length } },
    metadata: {},
  };
}

/** /api/v1/instance */
export function about({ host, title, software }: Self): object {
  return {
    uri: host,
    title,
    description: 'For tests, on this machine only: not a real server.',
    version: software.version,
    registrations: false,
  };
}

/** RFC 7033; `undefined` for whoever does not live here. */
export function webFinger(
  { origin, host, accounts }: Self,
  resource: string | undefined,
): object | undefined {
  const account = accounts.find(({ username }) => resource === `acct:${username}@${host}`);
  if (!account) return undefined;
  return {
    subject: `acct:${account.username}@${host}`,
    links: [
      { rel: 'self', type: 'application/activity+json', href: actorOf(origin, account) },
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: profileOf(origin, account) },
    ],
  };
}

/** /api/v1/accounts/verify_credentials */
export function credentials({ origin }: Self, account: TestAccount): object {
  return {
    id: account.id,
    username: account.username,
    acct: account.username,
    display_name: account.displayName,
    uri: actorOf(origin, account),
    url: profileOf(origin, account),
    avatar: `${origin}/avatars/${encodeURIComponent(account.username)}.svg`,
    note: account.note,
    ...account.fields,
  };
}

/** POST /api/i; addresses are null for the server's own people, as Misskey has it. */
export function misskeyAccount({ origin }: Self, account: TestAccount): object {
  const { id, username, displayName, disabled, fields } = account;
  return {
    ...{ id, username, name: displayName, isSuspended: disabled },
    ...{ host: null, url: null, uri: null },
    avatarUrl: `${origin}/avatars/${encodeURIComponent(username)}.svg`,
    ...fields,
  };
}

function actorOf(origin: string, { username }: TestAccount): string {
  return `${origin}/users/${encodeURIComponent(username)}`;
}

function profileOf(origin: string, { username }: TestAccount): string {
  return `${origin}/@${encodeURIComponent(username)}`;
}
