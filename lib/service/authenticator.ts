/** `passport-mastodon-oauth2 authenticator`: the bridge, with a page at its address. */

import { limitDefaults, type BridgeLimits } from '../bridge/options.js';
import { sendPage } from '../pages/page.js';
import { readLimits, readPageOrigins, readPath, readScopes } from './config-values.js';
import { indexPage } from './index-page.js';
import type { Command } from './runnable.js';

const keys = ['scopes', 'path', 'origins', 'limits'] as const;

export interface AuthenticatorConfig {
  /** Separated by spaces. */
  readonly scope: string | undefined;
  readonly path: string;
  readonly origins: readonly string[] | undefined;
  readonly limits: Partial<BridgeLimits>;
}

export const authenticator: Command<(typeof keys)[number], AuthenticatorConfig> = {
  name: 'authenticator',
  purpose: `Lets programs that are not web sites log people in with Mastodon: they open a WebSocket to this service, name
an instance, show their user the address of a page, and receive an access token once the user has agreed.`,
  packages: ['ws'],
  keys,

  read: (file) => ({
    scope: file.given('scopes', readScopes),
    path: file.given('path', readPath) ?? '/',
    origins: file.given('origins', readPageOrigins),
    limits: file.given('limits', (entry) => readLimits(entry, limitDefaults)) ?? {},
  }),

  async create(config, { store, bus }, log) {
    const { createBridge } = await import('../bridge/index.js');
    const { clientName, website, publicURL, scope, path, origins, limits, trustedProxies } = config;
    const { allowInstance, developmentInstances } = config;
    const bridge = createBridge({
      ...{ clientName, website, publicURL, scope, path, origins, limits, trustedProxies },
      ...{ allowInstance, developmentInstances, store, bus, log },
    });
    const { maxSockets, maxSocketsPerAddress } = { ...limitDefaults, ...limits };
    return {
      ...bridge,
      // Beside the sockets those of browsers, which come and go.
      connections: {
        inAll: maxSockets + Math.max(100, Math.ceil(maxSockets / 10)),
        perAddress: maxSocketsPerAddress + 50,
      },
      router(req, res) {
        const isRead = req.method === 'GET' || req.method === 'HEAD';
        if (isRead && req.url?.split('?', 1)[0] === '/') sendPage(res, indexPage(clientName, website));
        else bridge.router(req, res);
      },
    };
  },
};
