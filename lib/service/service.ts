/** The service: an HTTP server with the bridge or the issuer on it, from its start to a clean stop. */

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants } from 'node:os';
import { escapeForPage, messagePage, sendPage } from '../pages/page.js';
import { openBackends, type Backends } from './backends.js';
import { asConfigError, type Config, type OwnKeys } from './config.js';
import { isBehindProxy, mayReadCounts, sendHealth } from './health.js';
import { createHTTPServer, type ConnectionLimits } from './http-server.js';
import { createLog, type Log } from './log.js';

/** A running command: it answers requests, and can be stopped. */
export interface Runnable {
  readonly url: string;
  /** Answers every request except those for `/` and `/healthz`. */
  router(req: IncomingMessage, res: ServerResponse): void;
  attach?(server: Server): void;
  /** Numbers for the log and for `/healthz`. */
  status(): Readonly<Record<string, number>>;
  readonly connections?: ConnectionLimits;
  /**
   * Runs a task once, instead of the service. Resolves to what the command prints.
   * @param name of the task's option
   * @param value of the option; empty for a flag
   */
  runTask?(name: string, value: string): Promise<string>;
  close(): Promise<void>;
}

/** A command: a word after `passport-mastodon-oauth2`. */
export interface Command<Own = unknown> extends OwnKeys {
  /** @throws TypeError that names the option at fault. Uses no network. */
  create(config: Config<Own>, backends: Partial<Backends>, log: Log): Promise<Runnable>;
}

/** How long a stop waits for open requests. Milliseconds. */
const graceMs = 10_000;
const sameSignalMs = 500;

const withoutProxies =
  'app_scheme is https and there is no tls, so this service is behind a proxy. Set trusted_proxies to the number of proxies. ' +
  'While it is 0, all clients seem to have the address of the proxy, and no limit applies to one client alone. Without a proxy, ' +
  'as on your own computer, set app_scheme: http.';

/** Runs the service until a signal stops it; the process ends with it. */
export async function runService(command: Command, config: Config, version: string): Promise<void> {
  // The service continues after the reader of its log has ended.
  process.stdout.on('error', () => undefined);
  const log = createLog((line) => process.stdout.write(`${line}\n`));
  process.on('uncaughtException', (error) => {
    log('crashed', { error });
    process.exit(1);
  });

  const backends = await openBackends(config, command.name, log);
  const runnable = await create(command, config, backends, log);
  let isStopping = false;
  const server = createHTTPServer(
    config.tls,
    runnable.connections ?? { inAll: 2_000, perAddress: 100 },
    listenerOf(config, runnable, () => isStopping),
  );
  runnable.attach?.(server);
  await listen(server, config, log);
  if (isBehindProxy(config) && config.trustedProxies === 0) {
    log('warning', { key: 'trusted_proxies', hint: withoutProxies });
  }
  log('started', { version, pid: process.pid, node: process.version, url: runnable.url });

  onStop(async (signal) => {
    isStopping = true;
    // Ends the process if a step below hangs.
    setTimeout(() => process.exit(0), graceMs + 1_000).unref();
    log('stopping', { signal, ...runnable.status() });
    await closeServer(server, runnable);
    await backends.close();
    log('stopped');
    process.exit(0);
  });
}

/** For `--check`: creates what the command runs, in memory, and ends it. */
export async function checkConfig(command: Command, config: Config): Promise<void> {
  const runnable = await create(command, config, {}, () => undefined);
  await runnable.close();
}

/** Runs a task on the store of the service, which may be running. */
export async function runTask(
  command: Command,
  config: Config,
  name: string,
  value: string,
): Promise<string | undefined> {
  const log = createLog((line) => process.stderr.write(`${line}\n`));
  const backends = await openBackends(config, command.name, log);
  try {
    const runnable = await create(command, config, backends, log);
    try {
      return await runnable.runTask?.(name, value);
    } finally {
      await runnable.close();
    }
  } finally {
    await backends.close();
  }
}

async function create(
  command: Command,
  config: Config,
  backends: Partial<Backends>,
  log: Log,
): Promise<Runnable> {
  return command.create(config, backends, log).catch((error: unknown) => {
    throw asConfigError(error, config);
  });
}

function listenerOf(config: Config, runnable: Runnable, isStopping: () => boolean): RequestListener {
  const page = indexPage(config);
  return (req: IncomingMessage, res: ServerResponse) => {
    const path = (req.url ?? '/').split('?', 1)[0];
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (isRead && path === '/healthz') {
      sendHealth(res, isStopping(), mayReadCounts(req, config) ? runnable.status() : {});
    } else if (isRead && path === '/') sendPage(res, page);
    else runnable.router(req, res);
  };
}

/** For visitors that open the service's own address in a browser. */
function indexPage({ shared: { clientName, website } }: Config) {
  const name = `<bdi>${escapeForPage(clientName)}</bdi>`;
  const link = website === undefined ? name : `<a href="${escapeForPage(website)}">${name}</a>`;
  return messagePage(200, clientName, [
    `This service logs you in to ${link} with your Mastodon account.`,
    'There is nothing to do on this page. Start the login where you want to log in.',
  ]);
}

async function listen(server: Server, config: Config, log: Log): Promise<void> {
  const { host, port } = config.listen;
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      const problem =
        code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened at (${code})`;
      reject(config.mistake('listen', `${host}:${port} ${problem}`, 1));
    });
    server.listen({ host, port }, resolve);
  });
  const { address, port: taken } = server.address() as AddressInfo;
  log('listening', { address, port: taken, tls: config.tls !== undefined });
}

/** Accepts no new connections, informs open ones, and ends them after `graceMs`. */
async function closeServer(server: Server, runnable: Runnable): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  // A connection whose request was answered would wait some seconds for another one.
  const tidy = setInterval(() => server.closeIdleConnections(), 100);
  await runnable.close();
  await closed;
  clearTimeout(cut);
  clearInterval(tidy);
}

/** The process that started this one, as it is before the service starts: it may end at any time from then on. */
const launcher = process.ppid;

/** Calls `stop` at the first signal; a second one ends the process at once. */
function onStop(stop: (signal: NodeJS.Signals) => Promise<void>): void {
  let since: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (since === undefined) void stop(signal);
    // npx passes on a Ctrl+C that the terminal has sent to this process as well: both are one signal.
    else if (Date.now() - since > sameSignalMs) process.exit(128 + constants.signals[signal]);
    since ??= Date.now();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  // npm and npx run a shell, which ends at SIGTERM without passing it on.
  if (process.env['npm_lifecycle_event'] === undefined) return;
  setInterval(() => {
    if (process.ppid !== launcher && since === undefined) onSignal('SIGTERM');
  }, 250).unref();
}
