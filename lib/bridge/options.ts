/** The bridge's options: types, defaults and checks. */

import { checkStore, Checks } from '../util/checks.js';
import { eventLog, warnOperator, type BridgeEvent, type EventLog, type Report } from '../events.js';
import { loginOptionNames, type LoginOptions } from '../options.js';
import { parsedURL } from '../util/url.js';
import { localBus, type Bus } from '../stores/bus.js';

/** Limits and their defaults. Each is a positive whole number. */
export const limitDefaults = {
  /** Bytes of one message. A larger message gets an error, and closes the connection (1009). */
  maxPayloadBytes: 4096,
  /** Pending logins of one connection, including those in discovery. */
  requestsPerSocket: 5,
  /** Messages, pings and unrequested pongs of one connection within a minute. One more closes it (1008). */
  messagesPerMinute: 120,
  /** Invalid messages of one connection; the last one closes it (1003 or 1008). */
  badMessages: 3,
  /** Connections in this process. One more is refused (503). */
  maxSockets: 20_000,
  /**
   * Connections of one address, for IPv6 of one /64. One more is refused (429). A private address is counted if a proxy
   * forwards it: a direct connection from one may be that of a proxy.
   */
  maxSocketsPerAddress: 100,
  /** Bytes that the program has not read. With more, the connection is closed. */
  maxBufferedBytes: 65_536,
  /** Milliseconds between pings. A connection that has not answered the last ping is closed. */
  heartbeatMs: 30_000,
  /** Milliseconds that a login may take, from the program's message to the token. */
  requestTtlMs: 600_000,
  /** Pending logins of all connections of this process. */
  pendingInAll: 10_000,
  /** Pending logins of one address, for IPv6 of one /64; private addresses as above. More are refused. */
  pendingPerAddress: 200,
};

/** The limits of a bridge. */
export type BridgeLimits = typeof limitDefaults;

/** Receives one event of the bridge or of its logins. Its errors and rejections are ignored. */
export type BridgeLog = EventLog<BridgeEvent>;

/** The options of every login. */
type BridgeLoginOptions = Omit<LoginOptions, 'callbackURL' | 'clientMetadataURL' | 'log'>;

/** The options of `createBridge`. `undefined` means the default. */
export interface BridgeOptions extends BridgeLoginOptions {
  /** Where browsers reach the router: absolute, https except on loopback, without query. */
  publicURL: string;
  /** Carries results between the processes that share `store`. Default: one process. */
  bus?: Bus | undefined;
  /** The path of WebSockets, exactly as it reaches the server. Default `/`. */
  path?: string | undefined;
  /**
   * Further origins whose pages may connect: `https://app.example`, a scheme of a program such as `app://desktop`, `file://`,
   * `null` (files in a browser, and every sandboxed page), or `*` for all. Default: only the origin of `publicURL`.
   * Programs that are not browsers send no origin and always may connect.
   */
  origins?: readonly string[] | undefined;
  /** Proxies in front that append to `X-Forwarded-For`. Default 0: that header is not read. */
  trustedProxies?: number | undefined;
  /** Limits that differ from `limitDefaults`. */
  limits?: Partial<BridgeLimits> | undefined;
  /** Revokes a token at its instance when the program is gone before the token arrives. Default true. */
  revokeUndelivered?: boolean | undefined;
  /** Default: failures that the operator has to repair become warnings of the process. */
  log?: BridgeLog | undefined;
}

const names = [
  ...loginOptionNames.filter((name) => name !== 'callbackURL' && name !== 'clientMetadataURL'),
  'publicURL',
  'bus',
  'path',
  'origins',
  'trustedProxies',
  'limits',
  'revokeUndelivered',
];

/** Error messages about options begin with this name. */
export const bridgeChecks = new Checks('createBridge');

/** Checked options. */
export type BridgeSettings = ReturnType<typeof readBridgeOptions>;

/** @throws TypeError that names the option at fault. `MastodonLogin` checks its own options. */
export function readBridgeOptions(options: BridgeOptions) {
  const checks = bridgeChecks;
  checks.options(options, names);
  checkStore(checks, options.store);
  const publicURL = checks.baseURL('publicURL', options.publicURL);
  const log: Report<BridgeEvent> = eventLog(
    checks.caller,
    checks.function('log', options.log) ?? warnOperator('bridge'),
  );
  return {
    clientName: options.clientName,
    /** Without the trailing slash. */
    publicURL,
    store: options.store,
    bus: checks.methods('bus', options.bus ?? localBus(), ['publish', 'subscribe']),
    busTimeoutMs: options.outbound?.timeoutMs ?? 10_000,
    path: checkedPath(options.path ?? '/'),
    origins: new Set([new URL(publicURL).origin, ...checkedPageOrigins(options.origins ?? [])]),
    trustedProxies: checks.wholeNumber('trustedProxies', options.trustedProxies ?? 0, 0),
    limits: checkedLimits(options.limits ?? {}),
    revokeUndelivered: checks.boolean('revokeUndelivered', options.revokeUndelivered, true),
    log,
  };
}

function checkedPath(value: unknown): string {
  const path = bridgeChecks.text('path', value);
  return /^\/[^?#\s]*$/.test(path) ? path : bridgeChecks.wrong('path', 'begin with a slash', path);
}

function checkedPageOrigins(value: unknown): readonly string[] {
  return bridgeChecks.list('origins', value).map((text) => {
    if (text === '*' || text === 'null' || text === 'file://') return text;
    // Browser extensions and desktop programs have schemes for which the URL standard has no origin.
    const [, origin] =
      /^([a-z][a-z0-9+.-]*:\/\/[^/?#\s]+)\/?$/i.exec(typeof text === 'string' ? text : '') ?? [];
    const found = origin && /^https?:/i.test(origin) ? parsedURL(origin)?.origin : origin;
    if (found !== undefined) return found;
    return bridgeChecks.wrong('origins', 'hold origins such as "https://app.example", or "*"', text);
  });
}

function checkedLimits(given: Partial<BridgeLimits>): BridgeLimits {
  bridgeChecks.options(given, Object.keys(limitDefaults), 'limits', 'limit ');
  const numbers = Object.entries(limitDefaults).map(([name, byDefault]) => {
    const value = given[name as keyof BridgeLimits] ?? byDefault;
    return [name, bridgeChecks.wholeNumber(`limits.${name}`, value)];
  });
  return Object.fromEntries(numbers) as BridgeLimits;
}
