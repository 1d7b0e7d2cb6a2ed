/** The options of `createIssuer`: their types, defaults and checks. */

import { eventLog, warnOperator, type EventLog, type IssuerEvent, type Report } from '../events.js';
import { addressesBelow } from '../util/url.js';
import { loginOptionNames, readOptions, type LoginOptions } from '../options.js';
import {
  checks,
  readIssuerClient,
  readClients,
  readPlaceholder,
  warningsAbout,
  type IssuerClient,
  type PlaceholderEmail,
} from './client-options.js';

/** Takes one event of the issuer or of its logins. Its errors and rejections are ignored. */
export type IssuerLog = EventLog<IssuerEvent>;

/** The options of the login itself, but for those that the issuer sets. */
export type IssuerLoginOptions = Omit<LoginOptions, 'callbackURL' | 'clientMetadataURL'>;

/** The options of an issuer. `undefined` means the default. */
export interface IssuerOptions extends IssuerLoginOptions {
  /** Where clients and browsers reach the router: absolute, https except on loopback, a path is allowed. */
  issuerURL: string;
  /** The clients that may ask for logins. Default: none but those that `clientDocuments` allows. */
  clients?: readonly IssuerClient[] | undefined;
  /** Logins on devices without a browser (RFC 8628). Default false. */
  deviceFlow?: boolean | undefined;
  /**
   * Accepts clients whose ID is the https URL of their metadata (OAuth Client ID Metadata Document, draft 02): public
   * clients, and clients with a key pair. The document has at most 5 KB. A function is called with each such URL before it is
   * fetched, and whenever the client is used. Default false.
   */
  clientDocuments?: boolean | ((clientId: string) => boolean | Promise<boolean>) | undefined;
  /** Clients with a secret may look up any token (RFC 7662), other clients their own tokens. Default false. */
  introspection?: boolean | undefined;
  /**
   * How long a login lasts at the issuer. Other clients need only a button in that time, and a suspension at the instance is
   * noticed at the next login. Milliseconds; default 3 600 000: an hour.
   */
  sessionTtlMs?: number | undefined;
  /**
   * How long a client may stay logged in by refresh tokens, from the login on. Milliseconds; default 1 209 600 000: 14 days.
   */
  refreshTtlMs?: number | undefined;
  /** The default of `placeholder_email` for all clients. Default false: clients get no e-mail address. */
  placeholderEmail?: boolean | PlaceholderEmail | undefined;
  /**
   * Encrypts everything that the issuer keeps in the store, the signing keys included. At least 32 characters, the same in all
   * processes, such as the output of `openssl rand -hex 32`. Without it, a reader of the store can sign ID tokens.
   */
  secret?: string | undefined;
  /**
   * Revokes the token of the instance as soon as the visitor is logged in. The instance then asks for consent at each login.
   * Default false.
   */
  revokeToken?: boolean | undefined;
  /** How many proxies append to `X-Forwarded-For`, from which the limits per network take the address. Default 0: none. */
  trustedProxies?: number | undefined;
  /** Default: failures and warnings become warnings of the process. */
  log?: IssuerLog | undefined;
}

/** Seconds. The lifetime of a session is an option. */
export const lifetimes = {
  accessToken: 60 * 60,
  idToken: 60 * 60,
  code: 60,
  deviceCode: 10 * 60,
  /** From the client's link to the end of the login. */
  interaction: 60 * 60,
  /** The longest that a client's own assertion may be valid. */
  assertion: 60 * 60,
  /** An expired record stays this much longer, so that oidc-provider answers "expired" rather than "unknown". */
  expired: 60,
};

const ownNames = [
  'issuerURL',
  'clients',
  'deviceFlow',
  'clientDocuments',
  'introspection',
  'sessionTtlMs',
  'refreshTtlMs',
  'placeholderEmail',
  'secret',
  'revokeToken',
  'trustedProxies',
] satisfies (keyof IssuerOptions)[];

/** Checked options. Times are in seconds. */
export type IssuerSettings = ReturnType<typeof readIssuerOptions>;

/** @throws TypeError that names the option at fault. The login checks the options that it shares. */
export function readIssuerOptions(options: IssuerOptions) {
  const shared = loginOptionNames.filter((name) => name !== 'callbackURL' && name !== 'clientMetadataURL');
  checks.options(options, [...ownNames, ...shared]);
  const { clientName, website, store, scope, userAgent, allowInstance, outbound, developmentInstances } =
    options;
  const issuerURL = checks.baseURL('issuerURL', options.issuerURL);
  const login: LoginOptions = {
    ...{ clientName, website, store, scope, userAgent, allowInstance, outbound, developmentInstances },
    ...addressesBelow(issuerURL),
    log: options.log,
  };
  const log: Report<IssuerEvent> = eventLog(
    checks.caller,
    checks.function('log', options.log) ?? warnOperator('issuer'),
  );
  const emailDomain = readPlaceholder('placeholderEmail', options.placeholderEmail, undefined);
  const clients = readClients(options.clients ?? [], emailDomain);
  for (const hint of clients.flatMap(warningsAbout)) log('warning', { hint });
  const settingsOf = new Map(clients.map(({ metadata, own }) => [metadata.client_id, own]));
  const ofDocument = { client_id: 'unknown', grant_types: ['refresh_token'] };
  const unknown = readIssuerClient(ofDocument, 'clients', emailDomain).own;
  const { clientDocuments: allow } = options;
  const allowDocument: ((clientId: string) => boolean | Promise<boolean>) | undefined =
    typeof allow === 'function'
      ? allow
      : checks.boolean('clientDocuments', allow, false)
        ? () => true
        : undefined;
  const refreshes = allowDocument || [...settingsOf.values()].some(({ mayRefresh }) => mayRefresh);
  const sessionTtl = seconds('sessionTtlMs', options.sessionTtlMs ?? 3_600_000);
  const ofRefresh = seconds('refreshTtlMs', options.refreshTtlMs ?? 1_209_600_000);
  const refreshTtl = refreshes ? ofRefresh : 0;
  return {
    /** Without the trailing slash. */
    issuerURL,
    /** Metadata for oidc-provider. */
    clients: clients.map(({ metadata }) => metadata),
    /** The defaults for a client with a metadata document, which cannot choose its own. */
    clientSettings: (clientId: string) => settingsOf.get(clientId) ?? unknown,
    deviceFlow: checks.boolean('deviceFlow', options.deviceFlow, false),
    /** Undefined if clients with metadata documents are not accepted. */
    allowDocument,
    introspection: checks.boolean('introspection', options.introspection, false),
    sessionTtl,
    /** 0 if no client can have a refresh token. */
    refreshTtl,
    /** Longer than the lifetime of every record that follows from a login, its last access token included. */
    longestTtl: Math.max(sessionTtl, refreshTtl) + lifetimes.accessToken + lifetimes.deviceCode,
    secret: checkedSecret(options.secret),
    revokeToken: checks.boolean('revokeToken', options.revokeToken, false),
    trustedProxies: checks.wholeNumber('trustedProxies', options.trustedProxies ?? 0, 0),
    log,
    login,
    /** The options of the login, checked and with defaults. */
    loginSettings: readOptions(login, checks),
  };
}

function seconds(name: string, milliseconds: unknown): number {
  return Math.floor(checks.wholeNumber(name, milliseconds, 1000) / 1000);
}

/** Shorter secrets can be guessed from what they have encrypted. */
const minSecretLength = 32;

function checkedSecret(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const secret = checks.text('secret', value);
  if (secret.length >= minSecretLength) return secret;
  return checks.fail(
    `secret has fewer than ${minSecretLength} characters: use the output of openssl rand -hex 32`,
  );
}
