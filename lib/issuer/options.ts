/** The options of `createIssuer`: their types, defaults and checks. */

import { Checks } from '../util/checks.js';
import { eventLog, type EventLog, type IssuerEvent, type Report } from '../events.js';
import { addressesBelow } from '../util/url.js';
import { loginOptionNames, type LoginOptions } from '../options.js';

/**
 * A client by its OpenID registration metadata (OpenID Connect Dynamic Client Registration, section 2; RFC 7591),
 * which may have more than is listed here.
 */
export interface IssuerClient {
  client_id: string;
  /** Absent from a public client, whose `token_endpoint_auth_method` is `none`. */
  client_secret?: string;
  /** Shown on the login page. Default: `client_id`. */
  client_name?: string;
  /** Where people are sent back to, character by character. A client of the device grant alone has none. */
  redirect_uris?: readonly string[];
  post_logout_redirect_uris?: readonly string[];
  /** Default `['authorization_code']`; for devices `['urn:ietf:params:oauth:grant-type:device_code']`. */
  grant_types?: readonly string[];
  /** Default `client_secret_basic`. */
  token_endpoint_auth_method?: string;
  /** Send an address below `.invalid` to a client that insists on one. Default false: there is no `email`. */
  placeholder_email?: boolean;
  /** `false` exempts a client with a secret or a key from PKCE, which its program cannot do. Default true. */
  require_pkce?: boolean;
  [name: string]: unknown;
}

/** Takes one event of the issuer or of its logins. What it throws or rejects with is ignored. */
export type IssuerLog = EventLog<IssuerEvent>;

/** The options of the login itself, but for those that the issuer sets. */
export type SharedOptions = Omit<LoginOptions, 'callbackURL' | 'clientMetadataURL'>;

/** What an operator says once, when the issuer is made. `undefined` means the default. */
export interface IssuerOptions extends SharedOptions {
  /** Where clients and browsers reach the router: absolute, https except on loopback, a path is allowed. */
  issuerURL: string;
  /** Who may ask for logins. Default: nobody, unless `clientDocuments` lets them in. */
  clients?: readonly IssuerClient[] | undefined;
  /** Logins on devices without a browser (RFC 8628). Default false. */
  deviceFlow?: boolean | undefined;
  /**
   * Lets anybody be a client whose ID is the https URL of its metadata (OAuth Client ID Metadata Document, draft 02):
   * a public client, or one with a key pair, at most 5 KB, without redirects. A function is asked about each such URL
   * before it is fetched, and whenever the client is used. Default false.
   */
  clientDocuments?: boolean | ((clientId: string) => boolean | Promise<boolean>) | undefined;
  /** Tells clients with a secret about tokens (RFC 7662), and any other about its own. Default false. */
  introspection?: boolean | undefined;
  /**
   * How long a login lasts at the issuer, in which its clients need not ask again. A suspension at the instance is only
   * noticed at the next one. Milliseconds; default 3 600 000: an hour.
   */
  sessionTtlMs?: number | undefined;
  /**
   * Encrypts everything that the issuer keeps in the store, the signing keys included. At least 32 characters, the same in all
   * processes, such as the output of `openssl rand -hex 32`. Without it, a reader of the store can sign ID tokens.
   */
  secret?: string | undefined;
  /** Ends the token that the instance has issued as soon as the visitor is logged in. Default false. */
  revokeToken?: boolean | undefined;
  /** Proxies in front that append to `X-Forwarded-For`, by which the limits for a network count. Default 0: it is not read. */
  trustedProxies?: number | undefined;
  /** Default: only what the operator has to mend is told, as a warning of the process. */
  log?: IssuerLog | undefined;
}

export interface IssuerSettings {
  /** Without a slash at its end. */
  readonly issuerURL: string;
  readonly clients: readonly IssuerClient[];
  readonly deviceFlow: boolean;
  /** Undefined where there are none. */
  readonly allowDocument: ((clientId: string) => boolean | Promise<boolean>) | undefined;
  readonly introspection: boolean;
  /** Seconds. */
  readonly sessionTtl: number;
  readonly secret: string | undefined;
  readonly revokeToken: boolean;
  readonly trustedProxies: number;
  readonly log: Report<IssuerEvent>;
  /** For the login, which checks them, and refuses what it does not know. */
  readonly login: LoginOptions;
}

/** Whom messages about options name. */
export const issuerChecks = new Checks('createIssuer');

const checks = issuerChecks;

const ownNames = [
  'issuerURL',
  'clients',
  'deviceFlow',
  'clientDocuments',
  'introspection',
  'sessionTtlMs',
  'secret',
  'revokeToken',
  'trustedProxies',
] satisfies (keyof IssuerOptions)[];

/** @throws TypeError that names the option at fault. What the login shares is checked by the login. */
export function readIssuerOptions(options: IssuerOptions): IssuerSettings {
  const shared = loginOptionNames.filter((name) => name !== 'callbackURL' && name !== 'clientMetadataURL');
  checks.options(options, [...ownNames, ...shared]);
  const { issuerURL, clients, deviceFlow, clientDocuments, introspection, sessionTtlMs, ...more } = options;
  const { secret, revokeToken, trustedProxies, ...others } = more;
  const checkedURL = checks.baseURL('issuerURL', issuerURL);
  const log = checks.function('log', others.log);
  return {
    issuerURL: checkedURL,
    clients: checkedClients(clients ?? []),
    deviceFlow: checks.boolean('deviceFlow', deviceFlow, false),
    allowDocument:
      typeof clientDocuments === 'function'
        ? clientDocuments
        : checks.boolean('clientDocuments', clientDocuments, false)
          ? () => true
          : undefined,
    introspection: checks.boolean('introspection', introspection, false),
    sessionTtl: Math.floor(checks.wholeNumber('sessionTtlMs', sessionTtlMs ?? 3_600_000, 1000) / 1000),
    secret: checkedSecret(secret),
    revokeToken: checks.boolean('revokeToken', revokeToken, false),
    trustedProxies: checks.wholeNumber('trustedProxies', trustedProxies ?? 0, 0),
    log: eventLog(checks.caller, log ?? warnOperator),
    login: { ...others, ...addressesBelow(checkedURL) },
  };
}

/** Shorter secrets can be guessed from what they have encrypted. */
const leastSecret = 32;
/** Shorter secrets of clients can be guessed at the token endpoint. */
const leastClientSecret = 12;

function checkedSecret(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const secret = checks.text('secret', value);
  if (secret.length < leastSecret) {
    checks.fail(`secret has fewer than ${leastSecret} characters: take the output of openssl rand -hex 32`);
  }
  return secret;
}

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** oidc-provider checks the rest of a client's metadata. */
function checkedClients(value: unknown): readonly IssuerClient[] {
  const ids = new Set<string>();
  return checks.list('clients', value).map((given, i) => {
    const client = given as Partial<IssuerClient> | null | undefined;
    const id = checks.text(`clients[${i}].client_id`, client?.client_id);
    if (ids.has(id)) checks.fail(`clients[${i}]: there is another client ${id}`);
    ids.add(id);
    checks.boolean(`clients[${i}].placeholder_email`, client?.placeholder_email, false);
    const hasSecret = (client?.token_endpoint_auth_method ?? 'client_secret_basic') !== 'none';
    if (!checks.boolean(`clients[${i}].require_pkce`, client?.require_pkce, true) && !hasSecret) {
      checks.fail(
        `clients[${i}] (${id}): a client without a secret cannot do without PKCE: leave out require_pkce`,
      );
    }
    const { client_secret: secret } = client ?? {};
    if (typeof secret === 'string' && secret.length < leastClientSecret) {
      checks.fail(
        `clients[${i}] (${id}): client_secret has fewer than ${leastClientSecret} characters: take the output of openssl rand -hex 32`,
      );
    }
    // A device is sent nowhere; the standard's defaults would have it say so.
    const isDevice = client?.grant_types?.every((grant) => grant === deviceGrant) ?? false;
    return { ...(isDevice && { redirect_uris: [], response_types: [] }), ...client, client_id: id };
  });
}

function warnOperator(event: IssuerEvent): void {
  const text = event.event === 'failed' ? event.error : event.event === 'warning' ? event.hint : undefined;
  if (text !== undefined) process.emitWarning(`passport-mastodon-oauth2/issuer: ${String(text)}`);
}
