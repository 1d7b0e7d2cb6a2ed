/** A Redis server for one test, on a free port, and how any server is started and stopped. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';

export interface Redis {
  /** `redis://127.0.0.1:<port>`; stays the same over a restart. */
  readonly url: string;
  readonly port: number;
  /** Stops the server if it runs and starts it again, empty, on the same port. */
  restart(): Promise<void>;
  /** Does nothing if the server is stopped already. */
  stop(): Promise<void>;
}

/** The reason why there is no Redis here; undefined if there is one. */
export function redisAvailable(): string | undefined {
  const { error } = spawnSync('redis-server', ['--version']);
  return error && `redis-server cannot be run (${error.message}); .ci/install-redis installs it`;
}

/** @param program one that accepts Redis's arguments and commands */
export async function startRedis(program = 'redis-server', args: readonly string[] = []): Promise<Redis> {
  let port = await freePort();
  const start = () =>
    startProgram(
      program,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args],
      () => answersPing(port),
    );
  // Another test may have been given the same port since.
  let running: Program | undefined = await start().catch(async () => {
    port = await freePort();
    return start();
  });
  const stop = async () => {
    const stopping = running;
    running = undefined;
    await stopping?.stop();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop,
    async restart() {
      await stop();
      running = await start();
    },
  };
}

/** Whether a Redis on this port takes commands. */
async function answersPing(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
    socket.end('PING\r\n');
    // Another program that has the port meanwhile may close the connection without an answer.
    const closed = once(socket, 'close').then(() => undefined);
    const heard = await Promise.race([once(socket, 'data') as Promise<[Buffer]>, closed]);
    return heard?.[0].toString().startsWith('+PONG') === true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export interface Program {
  /**
   * Asks the program to end, and kills it if it has not ended after ten seconds.
   * @param signal default: `stopBy`, or SIGTERM
   */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a server; resolves once `isReady` says so, and rejects with its output if that never happens. */
export async function startProgram(
  command: string,
  args: readonly string[],
  isReady: () => Promise<boolean>,
  { stopBy, ...user }: { uid?: number; gid?: number; stopBy?: NodeJS.Signals } = {},
): Promise<Program> {
  const child = spawn(command, args, { ...user, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let ended = false;
  const remember = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000));
  child.stdout.on('data', remember);
  child.stderr.on('data', remember);
  const end = new Promise<void>((resolve) => {
    const note = () => {
      ended = true;
      resolve();
    };
    child.once('exit', note);
    child.once('error', (error) => {
      output += error.message;
      note();
    });
  });
  if (child.pid !== undefined) endWithThisProcess(child, end);
  const stop = async (signal = stopBy) => {
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await end;
    clearTimeout(force);
  };

  const deadline = Date.now() + 15_000;
  while (!ended && Date.now() < deadline) {
    if (await isReady()) return { stop };
    await pause(20);
  }
  await stop();
  throw new Error(`${command} did not start: ${output}`);
}

/**
 * If a test fails before it stops its server, the server neither delays the end of the run nor survives it. Jest
 * hides the end of its process from tests, but not from a program that reads from it.
 */
function endWithThisProcess(child: ChildProcess, end: Promise<void>): void {
  const watcher = spawn('sh', ['-c', 'cat; kill "$0"', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  void end.then(() => watcher.kill('SIGKILL'));
  child.unref();
  watcher.unref();
  for (const pipe of [child.stdout, child.stderr, watcher.stdin]) (pipe as Socket).unref();
}
