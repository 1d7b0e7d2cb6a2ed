/** Loads the package oidc-provider, which implements OpenID Connect itself; its types, and the paths of its endpoints. */

/* eslint-disable @typescript-eslint/ban-ts-comment -- an error in a site that has no such types */
/** @ts-ignore */
import type * as Library from 'oidc-provider';

export type OIDC = typeof Library;
export type Provider = InstanceType<OIDC['Provider']>;
/** @ts-ignore */
export type { Adapter, AdapterPayload, Configuration, KoaContextWithOIDC, JWK } from 'oidc-provider';
/* eslint-enable @typescript-eslint/ban-ts-comment */
export type OidcClient = InstanceType<Provider['Client']>;
export type DocumentFeature = NonNullable<
  NonNullable<Library.Configuration['features']>['clientIdMetadataDocument']
>;

/** The endpoints of oidc-provider. It answers 404 at endpoints of features that are off. */
export const routes = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwks',
  revocation: '/revoke',
  introspection: '/introspect',
  end_session: '/logout',
  device_authorization: '/device/code',
  code_verification: '/device',
} as const;

/** @throws Error that says what to install */
export async function loadOIDCProvider(): Promise<OIDC> {
  try {
    return await import('oidc-provider');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new Error('createIssuer needs the package oidc-provider: npm install oidc-provider', { cause });
  }
}
