/** The configuration of oidc-provider: its features, paths, lifetimes, and where its pages and records are. */

import { parsedURL } from '../util/url.js';
import { claimsFor, emailClaims, fitsHint, profileClaims, type Claims } from './claims.js';
import { hasMetadataDocument } from './client-names.js';
import type { Interactions } from './interactions.js';
import type { KeySet } from './keys.js';
import { deviceGrant } from './client-options.js';
import { routes, type Adapter, type OidcClient, type Configuration } from './oidc-provider.js';
import { lifetimes } from './options.js';
import type { Shared } from './shared.js';
import { accountRecord } from './store.js';
import * as views from './views.js';

/** @param adapter by the name of a model */
export function configurationOf(
  shared: Shared,
  keySet: KeySet,
  adapter: (model: string) => Adapter,
  interactions: Interactions,
): Configuration {
  const { oidc, settings, store, cookies, documents, authentication } = shared;
  const { issuerURL, sessionTtl, refreshTtl } = settings;
  const { session, interaction, resume } = cookies.names;
  return {
    adapter,
    // oidc-provider changes this object.
    clients: JSON.parse(JSON.stringify(settings.clients)) as NonNullable<Configuration['clients']>,
    jwks: { keys: [...keySet.jwks] },
    cookies: {
      keys: [...keySet.cookieKeys],
      names: { session, interaction, resume },
    },
    routes: { ...routes },
    responseTypes: ['code'],
    // Programs differ in where they look and which scopes they ask for, so all claims are always in both places.
    claims: {
      // Not listed in the discovery document: only features that are off here send it.
      sid: false as unknown as null,
      openid: ['sub', ...profileClaims, ...emailClaims],
      profile: profileClaims,
      email: emailClaims,
    },
    scopes: refreshTtl > 0 ? ['openid', 'offline_access'] : ['openid'],
    rotateRefreshToken: true,
    conformIdTokenClaims: false,
    findAccount: async (ctx, subject) => {
      const profile = await store.get<Claims>(accountRecord(subject));
      const client = settings.clientSettings(String(ctx.oidc.client?.clientId));
      return profile && { accountId: subject, profile, claims: () => claimsFor(client, subject, profile) };
    },
    pkce: { required: (_ctx, { clientId }) => settings.clientSettings(clientId).needsPKCE },
    assertJwtClientAuthClaimsAndHeader: async (_ctx, { exp }, _header, { clientId }) => {
      authentication.check(clientId);
      if (Number(exp) <= Date.now() / 1000 + lifetimes.assertion) return;
      throw new oidc.errors.InvalidClientAuth('client assertion must expire within an hour');
    },
    clientBasedCORS: (ctx, origin, client) =>
      settings.clientSettings(client.clientId).origins.has(origin) ||
      mayCallFrom(origin, client, ctx.oidc.route),
    features: features(shared),
    interactions: {
      policy: interactionPolicy(shared),
      // From then on the request belongs to this browser.
      url: async ({ req, res }, { uid }) => {
        await interactions.bind(uid, cookies.giveBrowserKey(req, res));
        return `${new URL(issuerURL).pathname.replace(/\/$/, '')}/login/${uid}`;
      },
    },
    // Devices and clients with a refresh token stay logged in longer than the session of the browser.
    expiresWithSession: async (_ctx, source) =>
      source.kind !== 'DeviceCode' && !source.scopes.has('offline_access'),
    ttl: {
      AccessToken: lifetimes.accessToken,
      AuthorizationCode: lifetimes.code,
      DeviceCode: lifetimes.deviceCode,
      IdToken: lifetimes.idToken,
      Interaction: lifetimes.interaction,
      Grant: settings.longestTtl,
      // Counted from the login, also for a rotated token.
      RefreshToken: (ctx) => ctx.oidc.entities.RotatedRefreshToken?.remainingTTL ?? refreshTtl,
      // Counted from the login, also if the session is used.
      Session: (_ctx, { loginTs }) =>
        loginTs === undefined ? sessionTtl : Math.max(1, Math.ceil(loginTs + sessionTtl - Date.now() / 1000)),
    },
    renderError: views.renderError,
    fetch: documents.fetch,
  };
}

function features({ oidc, settings, documents }: Shared): Configuration['features'] {
  const { allowDocument, deviceFlow, introspection } = settings;
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    resourceIndicators: { enabled: false },
    revocation: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    introspection: {
      enabled: introspection,
      allowedPolicy: (_ctx, client, token) =>
        (client.clientAuthMethod !== 'none' && !hasMetadataDocument(client)) ||
        token.clientId === client.clientId,
    },
    rpInitiatedLogout: {
      logoutSource: views.logoutSource,
      postLogoutSuccessSource: views.postLogoutSuccessSource,
    },
    deviceFlow: {
      enabled: deviceFlow,
      deviceInfo: views.deviceInfo,
      userCodeInputSource: views.userCodeInputSource,
      userCodeConfirmSource: views.userCodeConfirmSource,
      successSource: views.successSource,
    },
    ...(allowDocument && { clientIdMetadataDocument: documents.feature(oidc, allowDocument) }),
  };
}

/**
 * Whether pages of an origin may read the answers for a client: at public clients those of its redirect URIs, and any page
 * of a device, such as a television. No cookie is read at these endpoints.
 */
function mayCallFrom(origin: string, client: OidcClient, route: string): boolean {
  const { clientAuthMethod, redirectUris = [], grantTypes = [] } = client;
  if (clientAuthMethod === 'none' && grantTypes.includes(deviceGrant)) return true;
  if (origin === 'null' || (route !== 'userinfo' && clientAuthMethod !== 'none')) return false;
  return redirectUris.some((uri) => parsedURL(uri)?.origin === origin);
}

function interactionPolicy({ oidc, settings }: Shared) {
  const { base, Check, Prompt } = oidc.interactionPolicy;
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  // Without it, the visitor would log in, and the client would get neither an ID token nor access to userinfo.
  const hasScope = new Check('scope', 'openid is missing', ({ oidc: { requestParamScopes } }) => {
    if (requestParamScopes.has('openid')) return false;
    throw new oidc.errors.InvalidScope('scope must contain openid', 'openid');
  });
  policy.add(new Prompt({ name: 'scope', requestable: false }, hasScope), 0);
  // The page names the account, and how long the device may stay logged in.
  const isAgreed = new Check(
    'device',
    'a device is logged in on the login page only',
    ({ oidc: { route, result } }) => /^(?:code|device)_/.test(route) && result?.consent === undefined,
  );
  policy.get('consent')?.checks.add(isAgreed);
  const checks = policy.get('login')?.checks;
  // The store may have lost the record of the account.
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
      ({ oidc: { account, params, session, client, prompts } }) => {
        // A page could otherwise learn who its visitor is, without a press.
        if (prompts.has('none') && session?.grantIdFor(client?.clientId ?? '') === undefined) return false;
        const { profile } = (account ?? {}) as { readonly profile?: Claims };
        return (
          profile !== undefined &&
          !fitsHint(params?.login_hint, profile, settings.loginSettings.developmentOrigins)
        );
      },
    ),
  );
  return policy;
}
