/** The JSON documents of a testing instance about its software and its accounts. */

import type { TestAccount } from './accounts.js';
import type { Software } from './software.js';

export interface Self {
  readonly origin: string;
  readonly host: string;
  /** The domain of the handles. */
  readonly accountDomain: string;
  readonly title: string;
  readonly software: Software;
  readonly accounts: readonly TestAccount[];
  actorOf(account: TestAccount): string;
  profileOf(account: TestAccount): string;
}

/** RFC 8414. */
export function metadata({ origin, software }: Self): object {
  const { isMisskey, namesIssuer } = software;
  return {
    issuer: isMisskey ? origin : `${origin}/`,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    ...(!isMisskey && {
      revocation_endpoint: `${origin}/oauth/revoke`,
      app_registration_endpoint: `${origin}/api/v1/apps`,
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    }),
    scopes_supported: software.scopes,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', ...(isMisskey ? [] : ['client_credentials'])],
    code_challenge_methods_supported: ['S256'],
    ...(namesIssuer && { authorization_response_iss_parameter_supported: true }),
  };
}

export function nodeInfoIndex(
  { origin }: Self,
  paths: readonly (readonly [version: string, path: string])[] = [['2.0', '/nodeinfo/2.0']],
): object {
  const links = paths.map(([version, path]) => ({
    rel: `http://nodeinfo.diaspora.software/ns/schema/${version}`,
    href: origin + path,
  }));
  return { links };
}

export function nodeInfo({ software: { name, version }, accounts }: Self, schema = '2.0'): object {
  return {
    version: schema,
    software: { name, version },
    protocols: ['activitypub'],
    services: { inbound: [], outbound: [] },
    openRegistrations: false,
    usage: { users: { total: accounts.length } },
    metadata: {},
  };
}

/** /api/v1/instance */
export function about({ accountDomain, title, software }: Self): object {
  return {
    uri: accountDomain,
    title,
    description: 'For tests, on this machine only: not a real server.',
    version: software.version,
    registrations: false,
  };
}

/** RFC 7033. An account is known by its handle and by its addresses. */
export function webFinger(self: Self, resource: string | undefined): object | undefined {
  const account = self.accounts.find((one) =>
    [
      `acct:${one.username}@${self.accountDomain}`,
      `acct:${one.username}@${self.host}`,
      self.actorOf(one),
      self.profileOf(one),
    ].includes(resource ?? ''),
  );
  if (!account) return undefined;
  return {
    subject: `acct:${account.username}@${self.accountDomain}`,
    links: [
      { rel: 'self', type: 'application/activity+json', href: self.actorOf(account) },
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: self.profileOf(account) },
    ],
  };
}

/** /api/v1/accounts/verify_credentials */
export function credentials(self: Self, account: TestAccount): object {
  return {
    id: account.id,
    username: account.username,
    acct: account.username,
    display_name: account.displayName,
    uri: self.actorOf(account),
    url: self.profileOf(account),
    avatar: `${self.origin}/avatars/${encodeURIComponent(account.username)}.svg`,
    note: account.note,
    ...account.fields,
  };
}

/** POST /api/i; Misskey sends null for the addresses of its own accounts. */
export function misskeyAccount({ origin }: Self, account: TestAccount): object {
  const { id, username, displayName, disabled, fields } = account;
  return {
    ...{ id, username, name: displayName, isSuspended: disabled },
    ...{ host: null, url: null, uri: null },
    avatarUrl: `${origin}/avatars/${encodeURIComponent(username)}.svg`,
    ...fields,
  };
}
