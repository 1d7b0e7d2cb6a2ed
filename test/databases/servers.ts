/**
 * Real databases, each on a free port of 127.0.0.1 with a temporary folder. Their tests run one after another
 * (`--maxWorkers 1`), because two at once could choose the same port.
 */

import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../support/hostile.js';
import { freePort } from '../support/free-port.js';
import { startProgram, startRedis, type Program } from '../support/redis.js';

export interface Server {
  /** Its address, in the form that its adapter expects; the same after a restart. */
  readonly url: string;
  /** Like in an outage: the data on disk stays. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it, and removes its data. */
  end(): Promise<void>;
}

/** PostgreSQL and MariaDB refuse to run as root. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** The time limit for creating the files of a database. */
const installMs = 40_000;

/** The reason why a server cannot run here; undefined if it can. */
export const missing = {
  postgres: () => (postgresFolder() === undefined ? notInstalled('PostgreSQL') : undefined),
  mariadb: () => unlessRun('/usr/sbin/mariadbd', '--version'),
  memcached: () => unlessRun('memcached', '-V'),
  valkey: () => unlessRun('valkey-server', '--version'),
};

function unlessRun(program: string, argument: string): string | undefined {
  return spawnSync(program, [argument]).error && notInstalled(program);
}

function notInstalled(name: string): string {
  return `${name} cannot be run; .ci/install-databases installs it`;
}

function postgresFolder(): string | undefined {
  const programs = spawnSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin'], { encoding: 'utf8' }).stdout;
  return programs.trim().split('\n').at(-1) || undefined;
}

export async function startPostgres(): Promise<Server> {
  const programs = postgresFolder() ?? '';
  const folder = aFolder();
  run(join(programs, 'initdb'), [
    '-D',
    folder,
    '-U',
    'site',
    '-E',
    'UTF8',
    '--locale=C',
    '-A',
    'trust',
    '-N',
  ]);
  const port = await freePort();
  const settings = [`unix_socket_directories=${folder}`, 'listen_addresses=127.0.0.1', 'fsync=off'];
  const args = ['-D', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const isReady = async () =>
    spawnSync(join(programs, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).status === 0;
  // Like in an outage: with this signal it does not wait for open connections.
  return served(`postgresql://site@127.0.0.1:${port}/postgres`, folder, () =>
    startProgram(join(programs, 'postgres'), args, isReady, { ...unprivileged, stopBy: 'SIGINT' }),
  );
}

export async function startMariaDB(): Promise<Server> {
  const folder = aFolder();
  const none = '--no-defaults';
  const install = [none, `--datadir=${folder}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  run('mariadb-install-db', install);
  const script = join(folder, 'init.sql');
  // The setting that Debian's configuration has for every database.
  writeFileSync(script, 'CREATE DATABASE IF NOT EXISTS site CHARACTER SET utf8mb4;', { mode: 0o644 });
  const port = await freePort();
  const files = [
    `--datadir=${folder}`,
    `--socket=${folder}/socket`,
    `--pid-file=${folder}/pid`,
    `--init-file=${script}`,
  ];
  const args = [none, ...files, `--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve'];
  return served(`mysql://root@127.0.0.1:${port}/site`, folder, () =>
    startProgram('/usr/sbin/mariadbd', args, () => greets(port), unprivileged),
  );
}

export async function startMemcached(): Promise<Server> {
  const port = await freePort();
  const args = ['-l', '127.0.0.1', '-p', String(port), '-U', '0'];
  return served(`127.0.0.1:${port}`, undefined, () =>
    startProgram('memcached', args, () => greets(port, 'version\r\n'), unprivileged),
  );
}

/** Redis, or Valkey, which accepts the same arguments and commands. */
export async function startRedisLike(program: string): Promise<Server> {
  const { url, stop, restart } = await startRedis(program);
  return { url, stop, start: restart, end: stop };
}

/** Three nodes, each with a third of the keys; their URLs, separated by commas. */
export async function startCluster(): Promise<Server> {
  const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file'];
  const folder = mkdtempSync(join(tmpdir(), 'store-cluster-'));
  const nodes = await Promise.all(
    [1, 2, 3].map(async (n) => {
      const args = [...cluster, join(folder, `${n}.conf`), '--cluster-port', String(await freePort())];
      return startRedis('redis-server', args);
    }),
  );
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  // The command waits for the nodes to meet, without a time limit of its own.
  const { status, stdout } = spawnSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], {
    timeout: installMs,
  });
  if (status !== 0) throw new Error(String(stdout));
  // Each node learns of the cluster by itself, and refuses all commands until then.
  for (const { port } of nodes) {
    const info = () => String(spawnSync('redis-cli', ['-p', String(port), 'cluster', 'info']).stdout);
    await until(() => info().includes('cluster_state:ok'));
  }
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  return {
    url: nodes.map(({ url }) => url).join(','),
    stop,
    start: async () => void (await Promise.all(nodes.map((node) => node.restart()))),
    async end() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function served(url: string, folder: string | undefined, run: () => Promise<Program>): Promise<Server> {
  let running: Program | undefined = await run();
  const stop = async (signal?: NodeJS.Signals) => {
    const stopping = running;
    running = undefined;
    await stopping?.stop(signal);
  };
  return {
    url,
    stop: () => stop(),
    start: async () => void (running = await run()),
    async end() {
      // PostgreSQL then waits for connections that pools are closing; a faster stop would make them report errors.
      await stop('SIGTERM');
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'store-server-'));
  if (unprivileged.uid !== undefined) chownSync(folder, unprivileged.uid, unprivileged.gid);
  return folder;
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, stdout, error } = spawnSync(program, args, {
    ...unprivileged,
    encoding: 'utf8',
    timeout: installMs,
  });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? ''}${stdout}${stderr}`);
}

/** Whether the program on this port sends anything after it has received `hello`. */
async function greets(port: number, hello = ''): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(hello));
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, end(false)).once('data', end(true)).once('error', end(false));
  });
}
