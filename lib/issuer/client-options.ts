/** Checks the option `clients`, and translates oidc-provider's messages about a client into the setting to change. */

import { Checks } from '../util/checks.js';
import { isEmailProvider } from '../util/email-providers.js';
import { parsedURL } from '../util/url.js';

/** The domain of placeholder addresses: a domain of the operator on which no such mailbox exists. */
export interface PlaceholderEmail {
  domain: string;
}

/**
 * A client by its OpenID registration metadata (OpenID Connect Dynamic Client Registration, section 2; RFC 7591),
 * which may have more members than are listed here.
 */
export interface IssuerClient {
  client_id: string;
  /** At least 12 characters, such as the output of `openssl rand -hex 32`. A public client has none. */
  client_secret?: string;
  /** Shown on the login page. Default: `client_id`. */
  client_name?: string;
  /** Where visitors are sent back to, compared character by character. A client with the device grant alone has none. */
  redirect_uris?: readonly string[];
  post_logout_redirect_uris?: readonly string[];
  /**
   * Default `['authorization_code']`; for devices `['urn:ietf:params:oauth:grant-type:device_code']`. With `refresh_token` the
   * client gets refresh tokens if it asks for the scope `offline_access`.
   */
  grant_types?: readonly string[];
  /** Default `client_secret_basic`; `none` for a public client. */
  token_endpoint_auth_method?: string;
  /**
   * Sends an invented e-mail address with `email_verified: false`, for a client that requires one. `true`: an address below the
   * domain of the option `placeholderEmail`, or below `mastodon.invalid`. Default: the option `placeholderEmail`.
   */
  placeholder_email?: boolean | PlaceholderEmail;
  /** What `preferred_username` is: `alice@mastodon.social` or `alice`. Neither identifies a person. Default `handle`. */
  preferred_username?: 'handle' | 'nickname';
  /**
   * Web origins whose pages may call the endpoints of this client by script, beside the origins of its redirect URIs. A public
   * client with the device grant needs none.
   */
  origins?: readonly string[];
  /** `false` exempts a client with a secret or a key from PKCE, if its program does not support PKCE. Default true. */
  require_pkce?: boolean;
  [name: string]: unknown;
}

export type CheckedClient = ReturnType<typeof readIssuerClient>;

/** The members of a client that the issuer reads. oidc-provider gets the others. */
export type ClientSettings = CheckedClient['own'];

/** Messages about options begin with this name. */
export const checks = new Checks('createIssuer');

/** Shorter secrets can be guessed at the token endpoint. */
const minSecretLength = 12;

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** RFC 2606: no mail is ever delivered there. */
const defaultEmailDomain = 'mastodon.invalid';

/** @throws TypeError that names the client and the member at fault */
export function readClients(value: unknown, emailDomain: string | undefined): readonly CheckedClient[] {
  const ids = new Set<string>();
  return checks.list('clients', value).map((given, i) => {
    const client = given as Partial<IssuerClient> | null | undefined;
    const id = checks.text(`clients[${i}].client_id`, client?.client_id);
    if (ids.has(id)) checks.fail(`clients[${i}]: there is another client ${id}`);
    ids.add(id);
    return readIssuerClient({ ...client, client_id: id }, `clients[${i}]`, emailDomain);
  });
}

/** @param name in messages */
export function readIssuerClient(client: IssuerClient, name: string, emailDomain: string | undefined) {
  const { placeholder_email, preferred_username = 'handle', origins = [], require_pkce, ...rest } = client;
  const { client_id: id, client_secret: secret, grant_types: grants } = client;
  const fail = (problem: string) => checks.fail(`${name} (${id}): ${problem}`);
  if (typeof secret === 'string' && secret.length < minSecretLength) {
    fail(
      `client_secret has fewer than ${minSecretLength} characters: use the output of openssl rand -hex 32`,
    );
  }
  const needsPKCE = checks.boolean(`${name}.require_pkce`, require_pkce, true);
  if (!needsPKCE && authMethodOf(client) === 'none') {
    fail('a client without a secret cannot do without PKCE: leave out require_pkce');
  }
  if (preferred_username !== 'handle' && preferred_username !== 'nickname') {
    checks.wrong(`${name}.preferred_username`, 'be handle or nickname', preferred_username);
  }
  const listed = checks.list(`${name}.origins`, origins);
  const notOrigin = listed.find((origin) => !isWebOrigin(origin));
  if (notOrigin !== undefined) {
    checks.wrong(`${name}.origins`, 'hold web origins, such as https://app.example.com', notOrigin);
  }
  // With the defaults of the standard, a device would need redirect URIs.
  const isDevice =
    grants?.includes(deviceGrant) && grants.every((grant) => [deviceGrant, 'refresh_token'].includes(grant));
  const metadata: IssuerClient = { ...(isDevice && { redirect_uris: [], response_types: [] }), ...rest };
  return {
    /** For oidc-provider, which checks the rest. */
    metadata,
    own: {
      /** Undefined if the client gets no e-mail address. */
      emailDomain: readPlaceholder(`${name}.placeholder_email`, placeholder_email, emailDomain),
      usesNickname: preferred_username === 'nickname',
      origins: new Set(listed as readonly string[]) as ReadonlySet<string>,
      needsPKCE,
      /** Whether it may have refresh tokens. */
      mayRefresh: grants?.includes('refresh_token') ?? false,
    },
  };
}

/**
 * The domain of the invented addresses; undefined for no address.
 * @param byDefault what the operator has set for all clients
 */
export function readPlaceholder(
  name: string,
  value: IssuerClient['placeholder_email'],
  byDefault: string | undefined,
): string | undefined {
  if (value === undefined) return byDefault;
  if (typeof value === 'boolean') return value ? (byDefault ?? defaultEmailDomain) : undefined;
  if (typeof value !== 'object' || value === null) {
    checks.wrong(name, 'be true, false or { domain }', value);
  }
  const domain = checks.text(`${name}.domain`, checks.options(value, ['domain'], name, `${name}.`).domain);
  const lower = domain.toLowerCase();
  if (lower.length > 190 || !/^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+[a-z][a-z\d-]*[a-z\d]$/.test(lower)) {
    checks.wrong(`${name}.domain`, 'be a domain, such as users.example.com', domain);
  }
  if (isEmailProvider(lower)) {
    checks.wrong(
      `${name}.domain`,
      'be your own: at an e-mail provider, other people have the addresses',
      domain,
    );
  }
  return lower;
}

function isWebOrigin(value: unknown): boolean {
  return typeof value === 'string' && /^https?:/.test(value) && parsedURL(value)?.origin === value;
}

function authMethodOf({ token_endpoint_auth_method: method = 'client_secret_basic' }: IssuerClient): string {
  return method;
}

/** Warnings about a client that works with some programs and not with others. */
export function warningsAbout({ metadata }: CheckedClient): readonly string[] {
  const { client_id: id, client_secret: secret } = metadata;
  const found = [...'+%:'].filter((character) => String(secret).includes(character));
  if (found.length === 0 || authMethodOf(metadata) !== 'client_secret_basic') return [];
  return [
    `the client_secret of the client ${id} contains ${found.join(' and ')}, which programs encode in different ways for HTTP ` +
      'Basic, so some cannot authenticate. Use the output of openssl rand -hex 32',
  ];
}

/** What to set, by patterns of what oidc-provider says. */
const advice: Readonly<Record<string, string>> = {
  'must only contain web uris':
    'for the scheme of an app set application_type to native; otherwise use https or http',
  'for native clients using http as a protocol': 'use https, or leave out application_type: native',
  'for native clients using claimed HTTPS':
    'use http for a loopback address, or leave out application_type: native',
  'redirect_uris (?:is mandatory|must contain members)': `set redirect_uris; or set grant_types to ${deviceGrant} alone for a device`,
  'client_secret is mandatory':
    'set client_secret, or token_endpoint_auth_method to none for a program that cannot keep a secret',
  'jwks or jwks_uri is mandatory': 'set jwks, or leave out token_endpoint_auth_method',
  response_type:
    'the program has to ask for response_type=code. It finds all claims in the ID token and at userinfo',
  'grant_types can only contain': 'for devices also set the option deviceFlow (in YAML device_flow) to true',
  'scope must contain openid': 'set the scopes of the program to openid profile',
  'redirect_uri did not match': 'add the redirect_uri to redirect_uris of the client, character by character',
  'post_logout_redirect_uri not registered': 'add it to post_logout_redirect_uris of the client',
  'requires PKCE':
    'switch on PKCE (S256) in the program; or set require_pkce of a client with a secret to false',
  'origin \\S+ not allowed': 'add it to origins of the client',
  'client not found': 'add the client_id to clients, or correct it in the program',
  'invalid secret provided': 'set the same client_secret here and in the program',
  'does not match the registered client authentication method':
    'set token_endpoint_auth_method of the client to what the program uses',
  'grant type is not allowed|unsupported grant_type': 'add the grant to grant_types of the client',
};

const advicePatterns = Object.entries(advice).map(([text, setting]) => [new RegExp(text), setting] as const);

/** A message of oidc-provider, followed by what to set. */
export function withAdvice(message: string): string {
  const [, setting] = advicePatterns.find(([pattern]) => pattern.test(message)) ?? [];
  return setting === undefined ? message : `${message}: ${setting}`;
}
