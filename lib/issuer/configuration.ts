/** The configuration of oidc-provider: which parts of it are on, where they are, and how long things are valid. */

import { parsedURL } from '../util/url.js';
import { claimsFor, emailClaims, fitsHint, profileClaims, type Accounts, type Claims } from './claims.js';
import { isUnknown } from './clients.js';
import type { IssuerCookies } from './cookies.js';
import { documentFeature } from './documents.js';
import type { KeySet } from './keys.js';
import { deviceGrant } from './client-options.js';
import type { Adapter, Client, Configuration, KoaContextWithOIDC, OIDC } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';
import { routes } from './route.js';
import * as views from './views.js';

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
};

/** Longer than anything lives that comes of a login, its last access token included. Seconds. */
export function longestOf({
  sessionTtl,
  refreshTtl,
}: Pick<IssuerSettings, 'sessionTtl' | 'refreshTtl'>): number {
  return Math.max(sessionTtl, refreshTtl) + lifetimes.accessToken + lifetimes.deviceCode;
}

export interface Parts {
  readonly oidc: OIDC;
  readonly settings: IssuerSettings;
  readonly keySet: KeySet;
  readonly cookies: IssuerCookies;
  readonly accounts: Accounts;
  readonly fetch: typeof globalThis.fetch;
  readonly developmentOrigins: ReadonlySet<string>;
  adapter(model: string): Adapter;
  /** The login page of an authorization request, which belongs to this browser from then on. */
  loginURL(ctx: KoaContextWithOIDC, uid: string): Promise<string>;
}

export function configurationOf(parts: Parts): Configuration {
  const { settings, keySet, accounts } = parts;
  const { names } = parts.cookies;
  const { sessionTtl, refreshTtl } = settings;
  return {
    adapter: (model) => parts.adapter(model),
    // oidc-provider keeps and changes what it is given.
    clients: JSON.parse(JSON.stringify(settings.clients)) as NonNullable<Configuration['clients']>,
    jwks: { keys: [...keySet.jwks] },
    cookies: {
      keys: [...keySet.cookieKeys],
      names: { session: names.session, interaction: names.interaction, resume: names.resume },
      long: { httpOnly: true, sameSite: 'lax', signed: true },
      short: { httpOnly: true, sameSite: 'lax', signed: true },
    },
    routes: { ...routes },
    responseTypes: ['code'],
    // Consumers do not agree on where they look, nor on what they ask for: all is sent always, and in both places.
    claims: {
      // oidc-provider promises it otherwise, and sends it only where a feature is on that is off here.
      sid: false as unknown as null,
      openid: ['sub', ...profileClaims, ...emailClaims],
      profile: profileClaims,
      email: emailClaims,
    },
    scopes: refreshTtl > 0 ? ['openid', 'offline_access'] : ['openid'],
    rotateRefreshToken: true,
    conformIdTokenClaims: false,
    findAccount: async (ctx, subject) => {
      const claims = await accounts.find(subject);
      return (
        claims && {
          accountId: subject,
          profile: claims,
          claims: async () =>
            claimsFor(settings.clientSettings(String(ctx.oidc.client?.clientId)), subject, claims),
        }
      );
    },
    pkce: { required: (_ctx, { clientId }) => settings.clientSettings(clientId).needsPKCE },
    assertJwtClientAuthClaimsAndHeader: async (_ctx, { exp }) => {
      if (Number(exp) <= Date.now() / 1000 + lifetimes.assertion) return;
      throw new parts.oidc.errors.InvalidClientAuth('client assertion must expire within an hour');
    },
    clientBasedCORS: (ctx, origin, client) =>
      settings.clientSettings(client.clientId).origins.has(origin) ||
      mayCallFrom(origin, client, ctx.oidc.route),
    features: features(parts),
    interactions: {
      policy: interactionPolicy(parts),
      url: (ctx, { uid }) => parts.loginURL(ctx, uid),
    },
    // A device stays logged in without the browser that helped it, and so does a client with a refresh token.
    expiresWithSession: async (_ctx, source) =>
      source.kind !== 'DeviceCode' && !source.scopes.has('offline_access'),
    ttl: {
      AccessToken: lifetimes.accessToken,
      AuthorizationCode: lifetimes.code,
      DeviceCode: lifetimes.deviceCode,
      IdToken: lifetimes.idToken,
      Interaction: lifetimes.interaction,
      Grant: longestOf(settings),
      // From the login on, however often it is replaced.
      RefreshToken: (ctx) => ctx.oidc.entities.RotatedRefreshToken?.remainingTTL ?? refreshTtl,
      // From the login on, however often it is used.
      Session: (_ctx, { loginTs }) =>
        loginTs === undefined ? sessionTtl : Math.max(1, Math.ceil(loginTs + sessionTtl - Date.now() / 1000)),
    },
    renderError: views.renderError,
    fetch: parts.fetch,
  };
}

function features({ oidc, settings }: Parts): Configuration['features'] {
  const { allowDocument, deviceFlow, introspection } = settings;
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    resourceIndicators: { enabled: false },
    userinfo: { enabled: true },
    revocation: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    introspection: {
      enabled: introspection,
      allowedPolicy: (_ctx, client, token) =>
        (client.clientAuthMethod !== 'none' && !isUnknown(client)) || token.clientId === client.clientId,
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: views.logoutSource,
      postLogoutSuccessSource: views.postLogoutSuccessSource,
    },
    deviceFlow: {
      enabled: deviceFlow,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: views.deviceInfo,
      userCodeInputSource: views.userCodeInputSource,
      userCodeConfirmSource: views.userCodeConfirmSource,
      successSource: views.successSource,
    },
    ...(allowDocument && { clientIdMetadataDocument: documentFeature(oidc, allowDocument) }),
  };
}

/**
 * Whether pages of an origin may read the answers for a client: at public clients those of its redirect URIs, and any page
 * of a device, such as a television. No cookie is read at these endpoints.
 */
function mayCallFrom(origin: string, client: Client, route: string): boolean {
  const { clientAuthMethod, redirectUris = [], grantTypes = [] } = client;
  if (clientAuthMethod === 'none' && grantTypes.includes(deviceGrant)) return true;
  if (origin === 'null' || (route !== 'userinfo' && clientAuthMethod !== 'none')) return false;
  return redirectUris.some((uri) => parsedURL(uri)?.origin === origin);
}

function interactionPolicy({ oidc, developmentOrigins }: Parts) {
  const { base, Check, Prompt } = oidc.interactionPolicy;
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  const checks = policy.get('login')?.checks;
  // A store may lose a record before its time: then no user is logged in.
  checks?.add(
    new Check(
      'account_forgotten',
      'the account has to log in again',
      'login_required',
      ({ oidc: { session, account } }) => session?.accountId !== undefined && account === undefined,
    ),
  );
  checks?.add(
    new Check(
      'login_hint',
      'login_hint names another account',
      'login_required',
      ({ oidc: { account, params } }) => {
        const { profile } = (account ?? {}) as { readonly profile?: Claims };
        return profile !== undefined && !fitsHint(params?.login_hint, profile, developmentOrigins);
      },
    ),
  );
  return policy;
}
