/** The Mastodon API as far as a login needs it: the instance, the account, the app. */

import type { Exchange } from './exchange.js';
import type { Refusal } from './persona.js';
import type { Account, StandIn, Token } from './stand-in.js';

export function instanceV1(standIn: StandIn, exchange: Exchange): void {
  const { instance, apiVersion } = standIn.persona;
  exchange.send([
    200,
    {
      uri: instance.uri === 'origin' ? standIn.origin : standIn.accountDomain,
      ...(instance.accountDomain && { account_domain: standIn.accountDomain }),
      title: `A stand-in for ${standIn.persona.name}`,
      short_description: '',
      description: '',
      email: 'admin@example.com',
      version: apiVersion,
      urls: { streaming_api: standIn.origin.replace(/^http/, 'ws') },
      stats: { user_count: standIn.accounts.size, status_count: 0, domain_count: 0 },
      languages: ['en'],
      registrations: false,
    },
  ]);
}

export function instanceV2(standIn: StandIn, exchange: Exchange): void {
  const { instance, apiVersion } = standIn.persona;
  if (!instance.v2) return standIn.refuse(exchange, 'not_found');
  exchange.send([
    200,
    {
      domain: standIn.accountDomain,
      ...(instance.accountDomain && { account_domain: standIn.accountDomain }),
      title: `A stand-in for ${standIn.persona.name}`,
      version: apiVersion,
      source_url: 'https://example.com/source',
      description: '',
      usage: { users: { active_month: standIn.accounts.size } },
      languages: ['en'],
      registrations: { enabled: false, approval_required: false, message: null },
      rules: [],
    },
  ]);
}

export function verifyCredentials(standIn: StandIn, exchange: Exchange): void {
  const account = bearer(standIn, exchange);
  if (typeof account === 'string') return standIn.refuse(exchange, account);
  exchange.send([200, credentials(standIn, account)]);
}

export function userinfo(standIn: StandIn, exchange: Exchange): void {
  if (!standIn.persona.accounts.userinfo) return standIn.refuse(exchange, 'not_found');
  const account = bearer(standIn, exchange);
  if (typeof account === 'string') return standIn.refuse(exchange, account);
  exchange.send([
    200,
    {
      iss: `${standIn.origin}/`,
      sub: standIn.actorOf(account),
      name: account.displayName,
      preferred_username: account.username,
      profile: standIn.profileURLOf(account),
      picture: `${standIn.origin}/avatars/${account.username}.png`,
    },
  ]);
}

export function verifyApp(standIn: StandIn, exchange: Exchange): void {
  const { appsVerify } = standIn.persona.accounts;
  if (appsVerify === 'absent') return standIn.refuse(exchange, 'not_found');
  const token = tokenOf(standIn, exchange);
  if (typeof token === 'string') return standIn.refuse(exchange, token);
  if (appsVerify === 'forbidden' && token.username === undefined)
    return standIn.refuse(exchange, 'app_token');
  if (appsVerify === 'read' && !token.scopes.includes('read'))
    return standIn.refuse(exchange, 'missing_scope');
  const app = standIn.apps.get(token.clientId);
  if (app === undefined) return standIn.refuse(exchange, 'bad_token');
  exchange.send([200, { name: app.name, website: app.website, scopes: app.scopes }]);
}

function credentials(standIn: StandIn, account: Account): object {
  const { uri, pleroma } = standIn.persona.accounts;
  const picture = `${standIn.origin}/avatars/${account.username}.png`;
  const fields = {
    id: account.id,
    username: account.username,
    acct: account.username,
    display_name: account.displayName,
    locked: false,
    bot: false,
    created_at: '2022-11-05T00:00:00.000Z',
    note: '<p>Hello</p>',
    url: standIn.profileURLOf(account),
    ...(uri && { uri: standIn.actorOf(account) }),
    avatar: picture,
    avatar_static: picture,
    followers_count: 1,
    following_count: 2,
    statuses_count: 3,
    emojis: [],
    fields: [],
    ...(pleroma && { pleroma: { ap_id: standIn.actorOf(account) } }),
  };
  return { ...fields, ...account.fields };
}

function bearer(standIn: StandIn, exchange: Exchange): Account | Refusal {
  const token = tokenOf(standIn, exchange);
  if (typeof token === 'string') return token;
  if (token.username === undefined) return 'app_token';
  const { reading } = standIn.persona.scopes;
  if (reading && !token.scopes.some((scope) => reading.includes(scope))) return 'missing_scope';
  const account = standIn.account(token.username);
  return account.trouble ? `account_${account.trouble}` : account;
}

function tokenOf(standIn: StandIn, exchange: Exchange): Token | Refusal {
  const [, scheme = '', text = ''] = /^(bearer) (.+)$/i.exec(exchange.req.headers.authorization ?? '') ?? [];
  if (scheme === 'bearer' && standIn.persona.accounts.lowerCaseBearer !== 'accepted') return 'bad_token';
  return standIn.tokens.get(text) ?? 'bad_token';
}
