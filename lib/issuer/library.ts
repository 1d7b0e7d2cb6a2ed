/** The OpenID library, loaded only by who runs an issuer; everything of OpenID itself is its work. */

import type * as Library from 'oidc-provider';

export type OIDC = typeof Library;
export type Provider = InstanceType<OIDC['Provider']>;
export type { Adapter, AdapterPayload, Configuration, KoaContextWithOIDC, JWK } from 'oidc-provider';
export type Client = InstanceType<Provider['Client']>;
export type DocumentFeature = NonNullable<
  NonNullable<Library.Configuration['features']>['clientIdMetadataDocument']
>;

/** It names Node 22 as its least and says so on the console; what is used here runs on Node 20 as well (tested). */
const runtimeNotice = 'Unsupported runtime. Use Node.js v22.x LTS';

let loading: Promise<OIDC> | undefined;

/** @throws Error that says what to install */
export function loadLibrary(): Promise<OIDC> {
  loading ??= load();
  return loading;
}

async function load(): Promise<OIDC> {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes(runtimeNotice)) warn.apply(console, args);
  };
  try {
    return await import('oidc-provider');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new Error('createIssuer needs the package oidc-provider: npm install oidc-provider', { cause });
  } finally {
    console.warn = warn;
  }
}
