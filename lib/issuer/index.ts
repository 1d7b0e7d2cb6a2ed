/** An OpenID provider whose visitors log in at any instance. `createIssuer` loads the package oidc-provider. */

// From version 6, TypeScript includes only the types that are named.
/// <reference types="node" preserve="true" />

export { createIssuer, type Issuer, type Router } from './issuer.js';
export type { IssuerEvent } from '../events.js';
export type { IssuerClient, PlaceholderEmail } from './client-options.js';
export type { IssuerLog, IssuerOptions } from './options.js';
