/** Servers of other software: a NodeInfo document, and nothing that a login could use. */

import type { Server } from 'node:http';
import type { Incoming, Outgoing } from '../../../lib/testing/server.js';
import { page } from './personas/common.js';
import { listen, outgoing, TestServer, type ServerOptions } from './server.js';

export interface OtherHabits {
  /** The name in NodeInfo. */
  readonly software: string;
  /** The path of the NodeInfo document; its index has a fixed path. */
  readonly nodeInfo: string;
  /** Every address responds with the page of a browser application. */
  readonly isOnePage?: boolean;
}

/** The paths are those in the sources of each. */
export const otherServers = {
  lemmy: { software: 'lemmy', nodeInfo: '/nodeinfo/2.0.json' },
  peertube: { software: 'peertube', nodeInfo: '/nodeinfo/2.0.json' },
  mobilizon: { software: 'Mobilizon', nodeInfo: '/.well-known/nodeinfo/2.1', isOnePage: true },
  bookwyrm: { software: 'bookwyrm', nodeInfo: '/nodeinfo/2.0' },
  funkwhale: { software: 'funkwhale', nodeInfo: '/api/v1/instance/nodeinfo/2.0/', isOnePage: true },
  writefreely: { software: 'writefreely', nodeInfo: '/api/nodeinfo' },
  ghost: { software: 'ghost', nodeInfo: '/.ghost/activitypub/nodeinfo/2.1' },
  threads: { software: 'threads', nodeInfo: '/nodeinfo/2.0', isOnePage: true },
  wordpress: { software: 'wordpress', nodeInfo: '/wp-json/activitypub/1.0/nodeinfo/2.0' },
} as const satisfies Record<string, OtherHabits>;

export class OtherServer extends TestServer {
  private constructor(
    private readonly habits: OtherHabits,
    server: Server,
    options: ServerOptions,
  ) {
    super(server, options);
  }

  static async start(habits: OtherHabits, options: ServerOptions = {}): Promise<OtherServer> {
    return new OtherServer(habits, await listen(options), options);
  }

  protected handle({ path }: Incoming): Outgoing {
    const { software, nodeInfo, isOnePage = false } = this.habits;
    if (path === '/.well-known/nodeinfo') {
      const rel = `http://nodeinfo.diaspora.software/ns/schema/${nodeInfo.includes('2.1') ? '2.1' : '2.0'}`;
      return outgoing([200, { links: [{ rel, href: this.origin + nodeInfo }] }]);
    }
    if (path === nodeInfo) {
      return outgoing([200, { version: '2.0', software: { name: software, version: '1.0.0' } }]);
    }
    return outgoing(isOnePage ? [200, page('Loading …')] : [404, page('Not found')]);
  }
}
