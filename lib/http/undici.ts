/**
 * What is used of undici: its HTTP/1.1 client, and what opens its sockets. Only these two are read: the whole package
 * takes four times as long, and Bun has something of its own by that name.
 */

import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/** Takes an answer as it comes; an error that it throws ends the exchange. Names of fields in lower case. */
export interface Handler {
  /** Called when the request is written. Without it, undici takes the handler for one of its former kind. */
  onRequestStart(): void;
  /** Called for each interim answer, too. */
  onResponseStart(controller: unknown, status: number, fields: Record<string, Field>): void;
  onResponseData(controller: unknown, chunk: Buffer): void;
  onResponseEnd(): void;
  onResponseError(controller: unknown, error: Error): void;
}

/** Several values, where it came several times. */
export type Field = string | string[] | undefined;

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export type Opened = (error: Error | null, socket: Socket | null) => void;

export interface ClientOptions {
  readonly connect: (target: unknown, opened: Opened) => void;
  /** Milliseconds, as all times here; 0 for none. */
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  readonly keepAliveMaxTimeout: number;
  readonly keepAliveTimeoutThreshold: number;
}

/** One connection at a time, on which requests follow each other. */
export interface Client {
  dispatch(request: Request, handler: Handler): boolean;
  once(event: 'disconnect', listener: () => void): this;
  destroy(error: Error, destroyed: () => void): void;
}

export interface Target {
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  /** With the port, where it is not the scheme's own. */
  readonly host: string;
  readonly protocol: string;
  readonly port: string;
  /** A connection that is there already, for TLS inside of it. */
  readonly httpSocket?: Socket;
}

export interface ConnectorOptions extends ConnectionOptions {
  readonly autoSelectFamily: boolean;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly keepAlive: boolean;
}

/** Returns the socket at once, to be opened yet. */
export type Connector = (target: Target, opened: Opened) => Socket;

/* eslint-disable @typescript-eslint/no-require-imports -- there are no types under these names */
export const Client = require('undici/lib/dispatcher/client.js') as new (
  origin: string,
  options: ClientOptions,
) => Client;
export const connectorWith = require('undici/lib/core/connect.js') as (
  options: ConnectorOptions,
) => Connector;
/* eslint-enable @typescript-eslint/no-require-imports */
