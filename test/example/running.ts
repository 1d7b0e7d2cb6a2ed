/** Starts the example like `npm start`, after the build, in a separate process. */

import { join } from 'node:path';
import { lines, root, startNode } from '../service/service-process';

export interface Running {
  /** `http://localhost:49152` */
  readonly site: string;
  /** Origin of the demonstration instance, if there is one. */
  readonly demo: string | undefined;
  readonly output: () => string;
  /** Kills the process without a cleanup. */
  kill(): Promise<unknown>;
}

/** @param env free ports are used unless it names them */
export async function startExample(env: Record<string, string>): Promise<Running> {
  const example = startNode([join(root, 'example/server.js')], {
    env: { PATH: process.env.PATH, PORT: '0', DEMO_PORT: '0', ...env },
  });
  await lines(example, /Ctrl\+C/);
  const output = () => example.output.join('\n');
  const site = /Open (http\S+)/.exec(output())?.[1] ?? '';
  const demo = /demonstration instance \((http\S+)\)/.exec(output())?.[1];
  return { site, demo, output, kill: () => example.kill() };
}
