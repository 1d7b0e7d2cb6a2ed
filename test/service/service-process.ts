/** Programs under test as separate processes: their output, their end, and how to stop them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../support/free-port';

export const root = join(__dirname, '..', '..');

export interface NodeProcess {
  /** Lines of standard output so far. */
  readonly output: string[];
  /** All of standard error so far. */
  readonly errors: () => string;
  readonly pid: number;
  /** Resolves to the exit status, or to the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  write(text: string): void;
  /** Closes standard input. */
  endInput(): void;
  /** Sends a signal and waits until the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
}

const running = new Set<NodeProcess>();

/** Runs a file of this repository (an array: with arguments), or code. */
export function startNode(
  program: string | readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): NodeProcess {
  const args = typeof program === 'string' ? ['-e', program] : [...program];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'pipe', ...options });
  const output: string[] = [];
  let errors = '';
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  // A program that has ended does not read its standard input.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([status, signal]) => {
    running.delete(started);
    return (status ?? signal) as number | NodeJS.Signals;
  });
  const started: NodeProcess = {
    output,
    errors: () => errors,
    pid: child.pid ?? 0,
    ended,
    write: (text) => void child.stdin.write(text),
    endInput: () => void child.stdin.end(),
    signal: (signal) => void child.kill(signal),
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    },
  };
  running.add(started);
  return started;
}

/** For `afterEach`: leaves no process behind. */
export async function killAll(): Promise<void> {
  await Promise.all([...running].map((started) => started.kill()));
}

/** Waits until a program has written this many lines, or a matching one. */
export async function lines(program: NodeProcess, wanted: number | RegExp): Promise<string> {
  const find = () =>
    typeof wanted === 'number'
      ? program.output[wanted - 1]
      : program.output.find((line) => wanted.test(line));
  const deadline = Date.now() + 15_000;
  let isOver = false;
  void program.ended.then(() => (isOver = true));
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (isOver || Date.now() > deadline) {
      throw new Error(`No ${wanted} in:\n${program.output.join('\n')}\n${program.errors()}`);
    }
    await pause(5);
  }
}

export interface Service {
  readonly process: NodeProcess;
  readonly port: number;
}

/** The real command with `config.yml` in a folder, at a port that is free. */
export async function startService(
  folder: string,
  config: (port: number) => string,
  command = 'authenticator',
): Promise<Service> {
  for (;;) {
    const port = await freePort();
    const process = await startServiceAt(port, folder, config, command);
    // Another test may have taken the port in the meantime.
    if (process.errors().includes('is in use')) continue;
    return { process, port };
  }
}

/** Resolves when the service has started or ended. */
export async function startServiceAt(
  port: number,
  folder: string,
  config: (port: number) => string,
  name = 'authenticator',
): Promise<NodeProcess> {
  writeFileSync(join(folder, `${port}.yml`), config(port));
  const command = join(root, 'dist/service/command.js');
  const process = startNode([command, name, '--config', `${port}.yml`], { cwd: folder });
  await Promise.race([lines(process, /"event":"started"/), process.ended]);
  return process;
}
