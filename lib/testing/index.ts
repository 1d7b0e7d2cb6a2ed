/** An instance for a site's own tests and for trying out: a real HTTP server on loopback with made-up accounts. */

// TypeScript 6 and later load only the types that are named.
/// <reference types="node" preserve="true" />

export { startInstance, type ApproveOptions, type InstanceOptions, type TestInstance } from './instance.js';
export type { AccountOptions, TestAccount } from './accounts.js';
