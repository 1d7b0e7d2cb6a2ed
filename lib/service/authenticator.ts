/** `passport-mastodon-oauth2 authenticator`: the bridge, from a YAML file. */

import { createBridge } from '../bridge/index.js';
import { limitDefaults, type BridgeLimits } from '../bridge/options.js';
import { keyOf } from './config.js';
import { text, wholeNumber, type ValueOf } from './config-file.js';
import type { Command } from './service.js';

const limitNames = Object.keys(limitDefaults) as (keyof BridgeLimits)[];
// At most the longest time that setTimeout takes.
const limit = wholeNumber(1, 0x7fffffff);

const kinds = {
  scopes: [text],
  path: text,
  origins: [text],
  limits: Object.fromEntries(limitNames.map((name) => [keyOf(name), limit])),
} as const;

export const authenticator: Command<ValueOf<typeof kinds>> = {
  name: 'authenticator',
  kinds,

  async create({ shared, trustedProxies, publicURL, own }, { store, bus }, log) {
    const { path = '/', origins } = own;
    const limits = limitsOf(own.limits);
    const scopes = own.scopes?.flatMap((item) => item.trim().split(/[\s,]+/));
    const bridge = createBridge({
      ...{ ...shared, trustedProxies, publicURL, path, origins, limits, store, bus },
      scope: scopes && [...new Set(scopes)],
      log: ({ event, ...fields }) => log(event, fields),
    });
    return {
      ...bridge,
      url: publicURL + path.replace(/\/$/, ''),
      // Browsers connect beside the sockets, for a moment each.
      connections: {
        inAll: limits.maxSockets + Math.max(100, Math.ceil(limits.maxSockets / 10)),
        perAddress: limits.maxSocketsPerAddress + 50,
      },
    };
  },
};

function limitsOf(given: ValueOf<typeof kinds.limits> = {}): BridgeLimits {
  const entries = limitNames.map((name) => [name, given[keyOf(name)] ?? limitDefaults[name]]);
  return Object.fromEntries(entries) as BridgeLimits;
}
