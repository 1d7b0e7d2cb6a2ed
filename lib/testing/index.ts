/** An instance for a site's own tests and for trying out: a real server on loopback, with people who do not exist. */

// To TypeScript from version 6, no types are there that nobody names.
/// <reference types="node" preserve="true" />

export { startInstance, type ApproveOptions, type InstanceOptions, type TestInstance } from './instance.js';
export type { AccountOptions, TestAccount } from './accounts.js';
