/** What may be set about an issuer: the types, the defaults, and the checks that fail early. */

import { Checks } from '../util/checks.js';
import { eventLog } from '../events.js';
import { addressesBelow } from '../login/door.js';
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
  [name: string]: unknown;
}

/** Takes one line about something that happened. `fields` hold no secret, and no more of a person than their server. */
export type IssuerLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

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
  readonly log: IssuerLog;
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
] satisfies (keyof IssuerOptions)[];

/** @throws TypeError that names the option at fault. What the login shares is checked by the login. */
export function readIssuerOptions(options: IssuerOptions): IssuerSettings {
  const shared = loginOptionNames.filter((name) => name !== 'callbackURL' && name !== 'clientMetadataURL');
  checks.options(options, [...ownNames, ...shared]);
  const { issuerURL, clients, deviceFlow, clientDocuments, introspection, sessionTtlMs, ...others } = options;
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
    log: eventLog(checks.caller, log ?? warnOfFailures),
    login: { ...others, ...addressesBelow(checkedURL) },
  };
}

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** What else is wrong with a client's metadata is found by the library. */
function checkedClients(value: unknown): readonly IssuerClient[] {
  const ids = new Set<string>();
  return checks.list('clients', value).map((given, i) => {
    const client = given as Partial<IssuerClient> | null | undefined;
    const id = checks.text(`clients[${i}].client_id`, client?.client_id);
    if (ids.has(id)) checks.fail(`clients[${i}]: there is another client ${id}`);
    ids.add(id);
    checks.boolean(`clients[${i}].placeholder_email`, client?.placeholder_email, false);
    // A device is sent nowhere; the standard's defaults would have it say so.
    const isDevice = client?.grant_types?.every((grant) => grant === deviceGrant) ?? false;
    return { ...(isDevice && { redirect_uris: [], response_types: [] }), ...client, client_id: id };
  });
}

function warnOfFailures(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  if (event === 'failed') process.emitWarning(`passport-mastodon-oauth2/issuer: ${String(fields.error)}`);
}
