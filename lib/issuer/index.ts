/**
 * An OpenID provider whose visitors log in at any instance: for every system that takes one issuer. Needs the package
 * oidc-provider, which is loaded by `createIssuer` only.
 */

export { createIssuer, type Issuer, type Router } from './issuer.js';
export type { IssuerClient, IssuerLog, IssuerOptions } from './options.js';
