/** The service: an HTTP server with a runnable on it, from its start to a clean stop. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants } from 'node:os';
import { openBackends } from './backends.js';
import type { Config } from './config.js';
import { isBehindProxy, mayReadCounts, sendHealth } from './health.js';
import { createHTTPServer } from './http-server.js';
import { createLog, type Log } from './log.js';
import type { Command, Runnable, Task } from './runnable.js';

/** How long a stop waits for what is under way. */
const graceMs = 10_000;
const sameSignalMs = 500;

const withoutProxies =
  'app_scheme is https and there is no tls, so a proxy stands before this service. Say how many with trusted_proxies: as long ' +
  'as it is 0, all clients seem to come from the proxy, and no limit holds for a single one of them. Without a proxy, as on a ' +
  'machine of your own, say app_scheme: http.';

/** Runs the service until a signal stops it; the process ends with it. */
export async function runService(command: Command, config: Config, version: string): Promise<void> {
  // Whoever reads the log may go away; the service stays.
  process.stdout.on('error', () => undefined);
  const log = createLog((line) => process.stdout.write(`${line}\n`));
  process.on('uncaughtException', (error) => {
    log('crashed', { error });
    process.exit(1);
  });

  const backends = await openBackends(config, command.name, log);
  const runnable = await command.create(config, backends, log);
  const service = new Service(config, runnable, log);
  runnable.attach?.(service.server);
  await service.listen();
  if (isBehindProxy(config) && config.trustedProxies === 0) {
    log('warning', { key: 'trusted_proxies', hint: withoutProxies });
  }
  log('started', { version, pid: process.pid, node: process.version, url: config.publicURL });

  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    // Whatever hangs below, the process ends.
    setTimeout(() => process.exit(0), graceMs + 1_000).unref();
    log('stopping', { signal, ...runnable.status() });
    await service.stop();
    await backends.close();
    log('stopped');
    process.exit(0);
  };
  let since: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (since === undefined) void stop(signal);
    // npx passes on a Ctrl+C that the terminal sent here as well: that is one, not two.
    else if (Date.now() - since > sameSignalMs) process.exit(128 + constants.signals[signal]);
    since ??= Date.now();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
}

/** Does something once, over the same store as the service, which may be running. */
export async function runTask(command: Command, task: Task, config: Config): Promise<string> {
  const log = createLog((line) => process.stderr.write(`${line}\n`));
  const backends = await openBackends(config, command.name, log);
  try {
    return await task.run(config, backends, log);
  } finally {
    await backends.close();
  }
}

class Service {
  readonly server: Server;
  private isStopping = false;

  constructor(
    private readonly config: Config,
    private readonly runnable: Runnable,
    private readonly log: Log,
  ) {
    const answer = (req: IncomingMessage, res: ServerResponse): void => this.answer(req, res);
    const limits = runnable.connections ?? { inAll: 2_000, perAddress: 100 };
    this.server = createHTTPServer(config.tls, limits, answer);
  }

  async listen(): Promise<void> {
    const { server, config } = this;
    const { host, port } = config.listen;
    await new Promise<void>((resolve, reject) => {
      server.once('error', ({ code }: NodeJS.ErrnoException) => {
        const why =
          code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened at (${code})`;
        reject(config.mistake('listen', `${host}:${port} ${why}`, 1));
      });
      server.listen({ host, port }, resolve);
    });
    const { address, port: taken } = server.address() as AddressInfo;
    this.log('listening', { address, port: taken, tls: config.tls !== undefined });
  }

  /** No new connections; those there are told, and cut off when the time is over. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const closed = new Promise((resolve) => this.server.close(resolve));
    const cut = setTimeout(() => this.server.closeAllConnections(), graceMs);
    // Those whose answer is out would wait some seconds for another request.
    const tidy = setInterval(() => this.server.closeIdleConnections(), 100);
    await this.runnable.close();
    await closed;
    clearTimeout(cut);
    clearInterval(tidy);
  }

  private answer(req: IncomingMessage, res: ServerResponse): void {
    const path = (req.url ?? '/').split('?', 1)[0];
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (!isRead || path !== '/healthz') return this.runnable.router(req, res);
    sendHealth(res, this.isStopping, mayReadCounts(req, this.config) ? this.runnable.status() : {});
  }
}
