/** An account domain that is not an instance itself: it only says where its accounts live. */

import type { Server } from 'node:http';
import type { Exchange } from './exchange.js';
import { TestServer, type ServerOptions } from './server.js';
import type { StandIn } from './stand-in.js';
import { accountOf, jrd, sendHostMeta } from './well-known.js';

/** WebFinger leads to the web host; it is answered here; or only host-meta knows the web host. */
export type SplitStyle = 'redirect' | 'direct' | 'host-meta';

export class AccountDomain extends TestServer {
  /** Set as soon as the web host is up, which in turn has to know this server's host first. */
  webHost: StandIn | undefined;

  constructor(
    server: Server,
    private readonly style: SplitStyle,
    private readonly hasHostMeta: boolean,
    options: ServerOptions,
  ) {
    super(server, options);
  }

  protected handle(exchange: Exchange): void {
    const { webHost, style } = this;
    const { method, path, url } = exchange.seen;
    if (webHost && path === '/.well-known/webfinger' && style !== 'host-meta') {
      return style === 'redirect'
        ? exchange.send([301], { Location: webHost.origin + url })
        : this.answerDirectly(exchange, webHost);
    }
    if (webHost && path === '/.well-known/host-meta' && this.hasHostMeta) {
      return sendHostMeta(exchange, webHost.origin);
    }
    if (path === '/' && method === 'GET') return exchange.send([200, '<title>A home page</title>']);
    exchange.send(method === 'GET' ? [404, '<title>Not found</title>'] : [405, '<title>Not allowed</title>']);
  }

  private answerDirectly(exchange: Exchange, webHost: StandIn): void {
    const account = accountOf(webHost, exchange.query['resource'] ?? '');
    if (account === undefined) return exchange.send([404, '']);
    exchange.send([200, jrd(webHost, account)], { 'Content-Type': 'application/jrd+json' });
  }
}
