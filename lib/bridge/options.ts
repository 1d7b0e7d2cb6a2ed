/** What may be set about a bridge: the types, the defaults, and the checks that fail early. */

import { Checks } from '../util/checks.js';
import { eventLog } from '../events.js';
import { MemoryStore } from '../memory-store.js';
import { checkStore, loginOptionNames, type KeyValueStore, type LoginOptions } from '../options.js';
import { localBus, type Bus } from '../stores/bus.js';
import { safeBus } from './safe-bus.js';

/** Limits and their defaults. Each is a positive whole number. */
export const limitDefaults = {
  /** Bytes of one message. More is answered with an error, and the connection closed (1009). */
  maxPayloadBytes: 4096,
  /** Logins that may wait on one connection, hosts being looked up included. */
  requestsPerSocket: 5,
  /** Messages and pings of one connection within a minute. More, and it is closed (1008). */
  messagesPerMinute: 120,
  /** Messages of one connection that are not understood; at the last one it is closed (1003 or 1008). */
  badMessages: 3,
  /** Connections in all. One more is refused (503). */
  maxSockets: 20_000,
  /** Connections of one address, for IPv6 of one /64. One more is refused (429). Private addresses are not counted. */
  maxSocketsPerAddress: 100,
  /** Bytes that wait for a client to read them. More, and it is cut off. */
  maxBufferedBytes: 65_536,
  /** Milliseconds between pings; who has shown no sign of life since the last one is cut off. */
  heartbeatMs: 30_000,
  /** Milliseconds that a login may take, from the client's message to the token. */
  requestTtlMs: 600_000,
  /** Logins that may wait in this process, on all connections. */
  pendingInAll: 10_000,
  /** Of one address, for IPv6 of one /64. More are refused. Private addresses are not counted. */
  pendingPerAddress: 200,
};

/** As many as are given are in place of `limitDefaults`. */
export type BridgeLimits = typeof limitDefaults;

/**
 * Takes one line about something that happened: all that the engine tells (`begun`, `finished`, `refused`, `registered`,
 * `request` …), and what clients do. `fields` hold no token, and no more of a person than their server.
 */
export type BridgeLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** The options of the engine. */
type SharedOptions = Pick<
  LoginOptions,
  | 'clientName'
  | 'website'
  | 'store'
  | 'scope'
  | 'userAgent'
  | 'allowInstance'
  | 'outbound'
  | 'developmentInstances'
>;

/** What an operator says once, when the bridge is made. `undefined` means the default. */
export interface BridgeOptions extends SharedOptions {
  /** Where browsers reach the router: absolute, https except on loopback, without query. */
  publicURL: string;
  /** Connects the processes that share `store`. Default: there is only this one. */
  bus?: Bus | undefined;
  /** Path at which WebSockets are taken, exactly as it reaches the server. Default `/`. */
  path?: string | undefined;
  /**
   * Origins whose pages may connect, such as `https://app.example`; `*` for all. Default: none but that of
   * `publicURL`. Programs other than browsers send no origin and are not concerned.
   */
  origins?: readonly string[] | undefined;
  /** Proxies in front that append to `X-Forwarded-For`. Default 0: that header is not read. */
  trustedProxies?: number | undefined;
  limits?: Partial<BridgeLimits> | undefined;
  /** Default: only what the operator has to mend is told, as a warning of the process. */
  log?: BridgeLog | undefined;
}

export interface BridgeSettings {
  readonly clientName: string;
  /** Without a slash at its end. */
  readonly publicURL: string;
  readonly store: KeyValueStore;
  readonly bus: Bus;
  readonly path: string;
  readonly origins: ReadonlySet<string>;
  readonly trustedProxies: number;
  readonly limits: Readonly<BridgeLimits>;
  readonly log: BridgeLog;
}

const names = [
  ...loginOptionNames.filter((name) => name !== 'callbackURL' && name !== 'clientMetadataURL'),
  'publicURL',
  'bus',
  'path',
  'origins',
  'trustedProxies',
  'limits',
];

/** Whom messages about options name. */
export const bridgeChecks = new Checks('createBridge');

/** @throws TypeError that names the option at fault. What is the engine's is checked by the engine. */
export function readBridgeOptions(options: BridgeOptions): BridgeSettings {
  const checks = bridgeChecks;
  checks.options(options, names);
  checkStore(checks, options.store);
  const publicURL = checks.baseURL('publicURL', options.publicURL);
  const limits = checkedLimits(options.limits ?? {});
  const bus = checks.methods('bus', options.bus ?? localBus(), ['publish', 'subscribe']);
  return {
    clientName: options.clientName,
    publicURL,
    store: options.store ?? memoryFor(limits.pendingInAll),
    bus: safeBus(bus, options.outbound?.timeoutMs ?? 10_000),
    path: checkedPath(options.path ?? '/'),
    origins: new Set([new URL(publicURL).origin, ...checkedOrigins(options.origins ?? [])]),
    trustedProxies: checks.wholeNumber('trustedProxies', options.trustedProxies ?? 0, 0),
    limits,
    log: eventLog(checks.caller, checks.function('log', options.log) ?? warnOperator),
  };
}

/**
 * For all requests that may wait, each with a record of every kind, so that none pushes another out. The engine has a
 * memory of its own then, which a flood of requests does not push credentials out of.
 */
function memoryFor(pendingInAll: number): KeyValueStore {
  const entries = pendingInAll + 100;
  // A record names a host twice, which has at most 253 characters.
  return new MemoryStore({ entries, size: 2_048 * entries });
}

function checkedPath(value: unknown): string {
  const path = bridgeChecks.text('path', value);
  return /^\/[^?#\s]*$/.test(path) ? path : bridgeChecks.wrong('path', 'begin with a slash', path);
}

function checkedOrigins(value: unknown): readonly string[] {
  return bridgeChecks.list('origins', value).map((text) => {
    if (text === '*') return text;
    // Browser extensions and the like have origins of schemes that the URL standard gives none.
    if (typeof text === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text)) {
      return /^https?:/i.test(text) ? new URL(text).origin : text;
    }
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

function warnOperator(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const text = event === 'failed' ? fields.error : event === 'warning' ? fields.hint : undefined;
  if (text !== undefined) process.emitWarning(`passport-mastodon-oauth2/bridge: ${String(text)}`);
}
