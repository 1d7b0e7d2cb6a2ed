/** Starts the example like `npm start`, after the build, in a separate process. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Running {
  /** `http://localhost:49152` */
  readonly site: string;
  /** Origin of the demonstration instance, if there is one. */
  readonly demo: string | undefined;
  readonly output: () => string;
  /** Kills the process without a cleanup. */
  kill(): Promise<void>;
}

/** @param env free ports are used unless it names them */
export async function startExample(env: Record<string, string>): Promise<Running> {
  const child = spawn(process.execPath, [join(__dirname, '../../example/server.js')], {
    env: { PATH: process.env.PATH, PORT: '0', DEMO_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  await until(
    child,
    () => output.includes('Ctrl+C'),
    () => output,
  );
  const site = /Open (http\S+)/.exec(output)?.[1] ?? '';
  const demo = /demonstration instance \((http\S+)\)/.exec(output)?.[1];
  return { site, demo, output: () => output, kill: () => kill(child) };
}

async function until(child: ChildProcess, isDone: () => boolean, said: () => string): Promise<void> {
  while (!isDone()) {
    if (child.exitCode !== null) throw new Error(`the example ended with ${child.exitCode}: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
