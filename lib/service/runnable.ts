/** What the command can run: the seam between the service, and the bridge or whatever else stands on it. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { KeyValueStore } from '../options.js';
import type { Bus } from '../stores/bus.js';
import type { Config, OwnKeys } from './config.js';
import type { ConnectionLimits } from './http-server.js';
import type { Log } from './log.js';

/** Something that answers HTTP, and can be stopped. */
export interface Runnable {
  /** Answers every request but `/healthz`. */
  router(req: IncomingMessage, res: ServerResponse): void;
  /** Takes what is no plain request, such as upgrades. */
  attach?(server: Server): void;
  /** Numbers for the log and for `/healthz`. */
  status(): Readonly<Record<string, number>>;
  /** How many connections it has a use for. */
  readonly connections?: ConnectionLimits;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** What a runnable shares with other processes, or keeps over a restart. */
export interface Backends {
  readonly store: KeyValueStore;
  /** Absent from a service of one process. */
  readonly bus: Bus | undefined;
}

/** One of the words after `passport-mastodon-oauth2`. */
export interface Command<K extends string = string, Own extends object = object> extends OwnKeys<K, Own> {
  /** For `--help`: what it does, in one or two sentences. */
  readonly purpose: string;
  /** Packages that have to be installed for it, beside those of the configuration and of the store. */
  readonly packages: readonly string[];
  /** Loads what its packages are needed for. */
  create(config: Config & Own, backends: Backends, log: Log): Promise<Runnable>;
  /**
   * For `--check`: what is only found out by whoever is given the values. Nothing is asked of a network or a store.
   * @throws StartError
   */
  check?(config: Config & Own): Promise<void>;
  /** What is done once, instead of running, by the name of its option. */
  readonly tasks?: Readonly<Record<string, Task<Own>>>;
}

export interface Task<Own extends object = object> {
  /** For `--help`. */
  readonly purpose: string;
  /** @returns what to say when it is done */
  run(config: Config & Own, backends: Backends, log: Log): Promise<string>;
}
