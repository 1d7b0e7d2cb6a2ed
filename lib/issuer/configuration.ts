/** The OpenID library's settings: which parts of it are on, where they are, and for how long things are good. */

import * as answers from './answers.js';
import type { Accounts } from './accounts.js';
import { claimsFor } from './accounts.js';
import type { StoreAdapter } from './adapter.js';
import { emailClaims, profileClaims } from './claims.js';
import { isStranger } from './client-name.js';
import type { IssuerCookies } from './cookies.js';
import { documentFeature } from './documents.js';
import type { KeySet } from './keys.js';
import type { Configuration, KoaContextWithOIDC, OIDC } from './library.js';
import type { IssuerSettings } from './options.js';
import { routes } from './route.js';
import { parsedURL } from '../util/url.js';

/** Seconds that things are good for. A session's own time is an option. */
export const lifetimes = {
  accessToken: 60 * 60,
  idToken: 60 * 60,
  code: 60,
  deviceCode: 10 * 60,
  /** From the client's link to the end of the login. */
  interaction: 60 * 60,
};

/** Longer than anything lives that came of a session, its last access token included. Seconds. */
export function longestOf({ sessionTtl }: Pick<IssuerSettings, 'sessionTtl'>): number {
  return sessionTtl + lifetimes.accessToken + lifetimes.deviceCode;
}

export interface Parts {
  readonly library: OIDC;
  readonly settings: IssuerSettings;
  readonly keySet: KeySet;
  readonly cookies: IssuerCookies;
  readonly accounts: Accounts;
  readonly fetch: typeof globalThis.fetch;
  adapter(model: string): StoreAdapter;
  /** Where a browser logs in, to which the authorization request belongs from now on. */
  loginURL(ctx: KoaContextWithOIDC, uid: string): Promise<string>;
}

export function configurationOf(parts: Parts): Configuration {
  const { settings, keySet, accounts } = parts;
  const { names } = parts.cookies;
  const { sessionTtl } = settings;
  return {
    adapter: (model) => parts.adapter(model),
    // The library keeps and changes what it is given.
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
      openid: ['sub', ...profileClaims, ...emailClaims],
      profile: profileClaims,
      email: emailClaims,
    },
    scopes: ['openid'],
    conformIdTokenClaims: false,
    findAccount: async (ctx, subject) => {
      const claims = await accounts.find(subject);
      return (
        claims && {
          accountId: subject,
          claims: async () => claimsFor({ ...ctx.oidc.client?.metadata() }, subject, claims),
        }
      );
    },
    extraClientMetadata: { properties: ['placeholder_email'] },
    clientBasedCORS,
    features: features(parts),
    interactions: {
      policy: interactionPolicy(parts.library),
      url: (ctx, { uid }) => parts.loginURL(ctx, uid),
    },
    // A device goes on without the browser that helped it.
    expiresWithSession: async (_ctx, source) => source.kind !== 'DeviceCode',
    ttl: {
      AccessToken: lifetimes.accessToken,
      AuthorizationCode: lifetimes.code,
      DeviceCode: lifetimes.deviceCode,
      IdToken: lifetimes.idToken,
      Interaction: lifetimes.interaction,
      Grant: longestOf(settings),
      // From the login on, however often it is used.
      Session: (_ctx, { loginTs }) =>
        loginTs === undefined ? sessionTtl : Math.max(1, Math.ceil(loginTs + sessionTtl - Date.now() / 1000)),
    },
    renderError: answers.renderError,
    fetch: parts.fetch,
  };
}

function features({ library, settings }: Parts): Configuration['features'] {
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
        (client.clientAuthMethod !== 'none' && !isStranger(client)) || token.clientId === client.clientId,
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: answers.logoutSource,
      postLogoutSuccessSource: answers.postLogoutSuccessSource,
    },
    deviceFlow: {
      enabled: deviceFlow,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: answers.deviceInfo,
      userCodeInputSource: answers.userCodeInputSource,
      userCodeConfirmSource: answers.userCodeConfirmSource,
      successSource: answers.successSource,
    },
    ...(allowDocument && { clientIdMetadataDocument: documentFeature(library, allowDocument) }),
  };
}

/** Pages may read answers that belong to a public client of their own origin. */
const clientBasedCORS: NonNullable<Configuration['clientBasedCORS']> = (ctx, origin, client) => {
  if (origin === 'null') return false;
  if (ctx.oidc.route !== 'userinfo' && client.clientAuthMethod !== 'none') return false;
  return (client.redirectUris ?? []).some((uri) => parsedURL(uri)?.origin === origin);
};

function interactionPolicy({ interactionPolicy: { base, Check, Prompt } }: OIDC) {
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  // A store may lose a record before its time: then nobody is logged in.
  const forgotten = new Check(
    'account_forgotten',
    'the account has to log in again',
    'login_required',
    ({ oidc }) => oidc.session?.accountId !== undefined && oidc.account === undefined,
  );
  policy.get('login')?.checks.add(forgotten);
  return policy;
}
