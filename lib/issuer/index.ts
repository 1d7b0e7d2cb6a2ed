/**
 * An OpenID provider whose visitors log in at any instance: for every system that takes one issuer. Needs the package
 * oidc-provider, which is loaded by `createIssuer` only.
 */

// TypeScript 6 and later load only the types that are named.
/// <reference types="node" preserve="true" />

export { createIssuer, type Issuer, type Router } from './issuer.js';
export type { IssuerEvent } from '../events.js';
export type { IssuerClient, PlaceholderEmail } from './client-options.js';
export type { IssuerLog, IssuerOptions } from './options.js';
