/** Misskey's documents and its API, as far as a login needs them. */

import type { Exchange } from '../exchange.js';
import type { MisskeyAccount, MisskeyStandIn } from './misskey.js';
import { scopes } from './oauth.js';

/** Errors are objects, and their codes are words. */
export function fail(exchange: Exchange, status: number, code: string): void {
  exchange.send([status, { error: { message: 'Something is wrong.', code, kind: 'client' } }]);
}

export function metadata(standIn: MisskeyStandIn, exchange: Exchange): void {
  if (standIn.persona.oauth === 'absent') return standIn.page(exchange);
  const { origin } = standIn;
  const document = {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    scopes_supported: scopes,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code'],
    service_documentation: 'https://misskey-hub.net',
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
  exchange.send([200, document]);
}

export function nodeInfoIndex(standIn: MisskeyStandIn, exchange: Exchange): void {
  if (!standIn.federates) return exchange.send([403]);
  const links = ['2.1', '2.0'].map((version) => ({
    rel: `http://nodeinfo.diaspora.software/ns/schema/${version}`,
    href: `${standIn.origin}/nodeinfo/${version}`,
  }));
  exchange.send([200, { links }]);
}

export function nodeInfo(standIn: MisskeyStandIn, exchange: Exchange): void {
  const { software } = standIn.persona;
  const version = exchange.seen.path.slice('/nodeinfo/'.length);
  exchange.send([
    200,
    { version, software, protocols: ['activitypub'], openRegistrations: false, metadata: {} },
  ]);
}

/** Names are known without regard to case, told as they are written. */
export function webFinger(standIn: MisskeyStandIn, exchange: Exchange): void {
  if (!standIn.federates) return exchange.send([403]);
  const [, name = '', host = ''] = /^acct:@?([^@]+)@(.+)$/.exec(exchange.query['resource'] ?? '') ?? [];
  if (host.toLowerCase() !== standIn.host) return exchange.send([422]);
  const account = [...standIn.accounts.values()].find(
    ({ username }) => username.toLowerCase() === name.toLowerCase(),
  );
  if (!account) return exchange.send([404]);
  const links = [
    { rel: 'self', type: 'application/activity+json', href: standIn.actorOf(account) },
    {
      rel: 'http://webfinger.net/rel/profile-page',
      type: 'text/html',
      href: `${standIn.origin}/@${account.username}`,
    },
  ];
  exchange.send([200, { subject: `acct:${account.username}@${standIn.host}`, links }], {
    'Content-Type': 'application/jrd+json; charset=utf-8',
  });
}

export function hostMeta({ federates, origin }: MisskeyStandIn, exchange: Exchange): void {
  if (!federates) return exchange.send([403]);
  const link = `<Link rel="lrdd" type="application/xrd+xml" template="${origin}/.well-known/webfinger?resource={uri}"/>`;
  const text = `<?xml version="1.0" encoding="UTF-8"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">${link}</XRD>`;
  exchange.send([200, text], { 'Content-Type': 'application/xrd+xml' });
}

/** POST /api/i */
export function whoIsIt(standIn: MisskeyStandIn, exchange: Exchange): void {
  const { method, headers } = { method: exchange.seen.method, headers: exchange.req.headers };
  if (method !== 'POST') return exchange.send([405, { error: { code: 'METHOD_NOT_ALLOWED' } }]);
  if (!/^application\/json/.test(headers['content-type'] ?? '')) return exchange.send([415, { error: {} }]);
  if (exchange.malformed) return exchange.send([400, { error: {} }]);
  const token = standIn.tokens.get(/^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '');
  if (!token) return fail(exchange, 401, 'AUTHENTICATION_FAILED');
  const account = standIn.account(token.username);
  if (account.suspended) return fail(exchange, 403, 'YOUR_ACCOUNT_SUSPENDED');
  if (!token.scopes.includes('read:account')) return fail(exchange, 403, 'PERMISSION_DENIED');
  exchange.send([200, shown(standIn, account)]);
}

function shown(
  { origin }: MisskeyStandIn,
  { id, username, name, suspended, fields }: MisskeyAccount,
): object {
  return {
    id,
    username,
    name,
    host: null,
    url: null,
    uri: null,
    avatarUrl: `${origin}/avatars/${id}.webp`,
    isSuspended: suspended,
    isBot: false,
    createdAt: '2023-09-01T00:00:00.000Z',
    description: null,
    ...fields,
  };
}
