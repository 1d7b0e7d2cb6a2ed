/** An account domain that is not an instance itself: it only names the host of its accounts. */

import type { Server } from 'node:http';
import * as documents from '../../../lib/testing/documents.js';
import { json, type Incoming, type Outgoing } from '../../../lib/testing/server.js';
import { outgoing, TestServer, type ServerOptions } from './server.js';
import { hostMetaOf, type StandIn } from './stand-in.js';

/** WebFinger redirects to the web host; WebFinger answers here; or only host-meta names the web host. */
export type SplitStyle = 'redirect' | 'direct' | 'host-meta';

export class AccountDomain extends TestServer {
  /** Set as soon as the web host listens, which in turn needs this server's host first. */
  webHost: StandIn | undefined;

  constructor(
    server: Server,
    private readonly style: SplitStyle,
    options: ServerOptions,
  ) {
    super(server, options);
  }

  protected handle({ method, path, query }: Incoming, url: string): Outgoing {
    const { webHost, style } = this;
    if (webHost && path === '/.well-known/webfinger' && style !== 'host-meta') {
      if (style === 'redirect') return { status: 301, headers: { Location: webHost.origin + url } };
      const found = documents.webFinger(webHost.self, query['resource']);
      return found ? json(200, found, 'application/jrd+json') : outgoing([404, '']);
    }
    if (webHost && path === '/.well-known/host-meta' && style === 'host-meta')
      return hostMetaOf(webHost.origin);
    if (path === '/' && method === 'GET') return outgoing([200, '<title>A home page</title>']);
    return outgoing(
      method === 'GET' ? [404, '<title>Not found</title>'] : [405, '<title>Not allowed</title>'],
    );
  }
}
