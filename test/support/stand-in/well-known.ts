/** The documents by which a server is found: WebFinger, host-meta, NodeInfo, RFC 8414 metadata. */

import type { Exchange } from './exchange.js';
import type { Account, StandIn } from './stand-in.js';

export function metadata(standIn: StandIn, exchange: Exchange): void {
  const { metadata: document, scopes } = standIn.persona;
  if (document === undefined) return standIn.refuse(exchange, 'not_found');
  exchange.send([200, document(standIn.origin, scopes.known)]);
}

export function webfinger(standIn: StandIn, exchange: Exchange): void {
  const { resource } = exchange.query;
  if (resource === undefined) return exchange.send([400]);
  const account = accountOf(standIn, resource);
  if (account === undefined) return standIn.refuse(exchange, 'not_found');
  exchange.send([200, jrd(standIn, account)], { 'Content-Type': 'application/jrd+json; charset=utf-8' });
}

export function jrd(standIn: StandIn, account: Account): object {
  const actor = standIn.actorOf(account);
  const profile = standIn.profileURLOf(account);
  return {
    subject: `acct:${account.username}@${standIn.accountDomain}`,
    aliases: [profile, actor],
    links: [
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: profile },
      { rel: 'self', type: 'application/activity+json', href: actor },
      {
        rel: 'http://ostatus.org/schema/1.0/subscribe',
        template: `${standIn.origin}/authorize_interaction?uri={uri}`,
      },
    ],
  };
}

/** An account is known by its handle, under the account domain or the host, and by its addresses. */
export function accountOf(standIn: StandIn, resource: string): Account | undefined {
  return [...standIn.accounts.values()].find((account) =>
    [
      `acct:${account.username}@${standIn.accountDomain}`,
      `acct:${account.username}@${standIn.host}`,
      standIn.actorOf(account),
      standIn.profileURLOf(account),
    ].includes(resource),
  );
}

export function hostMeta(standIn: StandIn, exchange: Exchange): void {
  const { hostMeta: habit } = standIn.persona;
  if (habit === 'absent') return standIn.refuse(exchange, 'not_found');
  // snac writes https whatever it is served by.
  sendHostMeta(exchange, habit === 'always https' ? `https://${standIn.host}` : standIn.origin);
}

export function sendHostMeta(exchange: Exchange, origin: string): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
  <Link rel="lrdd" template="${origin}/.well-known/webfinger?resource={uri}"/>
</XRD>
`;
  exchange.send([200, text], { 'Content-Type': 'application/xrd+xml; charset=utf-8' });
}

export function nodeinfoIndex(standIn: StandIn, exchange: Exchange): void {
  const links = standIn.persona.nodeinfo.map(([version, path]) => ({
    rel: `http://nodeinfo.diaspora.software/ns/schema/${version}`,
    href: standIn.origin + path,
  }));
  exchange.send([200, { links }]);
}

export function nodeinfo(standIn: StandIn, exchange: Exchange, version: string): void {
  exchange.send([
    200,
    {
      version,
      software: standIn.persona.software,
      protocols: ['activitypub'],
      services: { outbound: [], inbound: [] },
      usage: { users: { total: standIn.accounts.size }, localPosts: 0 },
      openRegistrations: false,
      metadata: {},
    },
  ]);
}
