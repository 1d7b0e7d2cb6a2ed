/** `passport-mastodon-oauth2 authenticator`: the bridge, from a YAML file. */

import * as v from 'valibot';
import { createBridge, type Bridge, type BridgeOptions } from '../bridge/index.js';
import { limitDefaults } from '../bridge/options.js';
import { asConfigError } from './config.js';
import * as s from './schemas.js';
import type { Command } from './service.js';

const keys = {
  scopes: v.optional(s.scopes),
  path: v.optional(s.path, '/'),
  origins: v.optional(s.pageOrigins),
  limits: v.optional(s.limits(limitDefaults), {}),
};

export const authenticator: Command<typeof keys> = {
  name: 'authenticator',
  keys,

  async create(config, { store, bus }, log) {
    const { clientName, website, publicURL, allowInstance, developmentInstances, outbound, trustedProxies } =
      config;
    const { scopes: scope, path, origins, limits } = config.own;
    const options: BridgeOptions = {
      ...{ clientName, website, publicURL, scope, path, origins, limits, trustedProxies },
      ...{ allowInstance, developmentInstances, outbound, store, bus },
      log: ({ event, ...fields }) => log(event, fields),
    };
    let bridge: Bridge;
    try {
      bridge = createBridge(options);
    } catch (error) {
      throw asConfigError(error, config);
    }
    const { maxSockets, maxSocketsPerAddress } = { ...limitDefaults, ...limits };
    return {
      ...bridge,
      url: publicURL + path.replace(/\/$/, ''),
      // Browsers connect beside the sockets, for a moment each.
      connections: {
        inAll: maxSockets + Math.max(100, Math.ceil(maxSockets / 10)),
        perAddress: maxSocketsPerAddress + 50,
      },
    };
  },
};
