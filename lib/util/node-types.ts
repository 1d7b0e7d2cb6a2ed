/** Types of Node.js in the public API. Without `@types/node` they are `any`, so a project still compiles. */

/* eslint-disable @typescript-eslint/ban-ts-comment -- an error where the application has no such types */
/** @ts-ignore */
import type { Buffer as Bytes } from 'node:buffer';
/** @ts-ignore */
import type { IncomingMessage, ServerResponse } from 'node:http';
/** @ts-ignore */
import type { LookupFunction } from 'node:net';
// Includes `@types/node` if it is installed, even if the configuration lists no types (the default from TypeScript 6).
/** @ts-ignore */
import type * as All from 'node';
/* eslint-enable @typescript-eslint/ban-ts-comment */

export type { All, Bytes, IncomingMessage, LookupFunction, ServerResponse };
