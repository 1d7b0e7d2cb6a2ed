/** The interface between the service and its commands. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ObjectEntries } from 'valibot';
import type { KeyValueStore } from '../options.js';
import type { Bus } from '../stores/bus.js';
import type { ConfigOf, OwnKeys } from './config.js';
import type { ConnectionLimits } from './http-server.js';
import type { Log } from './log.js';

/** The store that processes share or keep over a restart. */
export interface Backends {
  /** Absent from a check of the configuration. */
  readonly store: KeyValueStore | undefined;
  /** Absent from a service of one process. */
  readonly bus: Bus | undefined;
}

/** A running command: it answers requests, and can be stopped. */
export interface Runnable {
  /** The URL for programs, for the log. */
  readonly url: string;
  /** Answers every request except those for `/` and `/healthz`. */
  router(req: IncomingMessage, res: ServerResponse): void;
  /** Handles upgrades to WebSockets. */
  attach?(server: Server): void;
  /** Numbers for the log and for `/healthz`. */
  status(): Readonly<Record<string, number>>;
  readonly connections?: ConnectionLimits;
  /** Resolves when no work is left. */
  close(): Promise<void>;
}

/** A command: a word after `passport-mastodon-oauth2`. */
export interface Command<Keys extends ObjectEntries = ObjectEntries> extends OwnKeys<Keys> {
  /** @throws StartError for values that the schema cannot check. Uses no network. */
  create(config: ConfigOf<Keys>, backends: Backends, log: Log): Promise<Runnable>;
  /** Tasks that run once instead of the service, by the name of the option. */
  readonly tasks?: Readonly<Record<string, Task<Keys>>>;
}

export interface Task<Keys extends ObjectEntries = ObjectEntries> {
  /**
   * Resolves to what the command prints.
   * @param value the value of its option; empty for a flag
   */
  run(config: ConfigOf<Keys>, backends: Backends, log: Log, value: string): Promise<string>;
}
