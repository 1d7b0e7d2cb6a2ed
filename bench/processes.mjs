/** Separate processes that answer questions: each part of a measurement runs in one, and returns its own figures. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a program of this folder, which answers by `answering`. @returns `ask(question, argument)`, and `stop()` */
export async function start(program, settings = {}, { env = {}, execArgv = [] } = {}) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(path, [JSON.stringify(settings)], {
    env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1', ...env },
    execArgv: ['--expose-gc', ...execArgv],
  });
  const waiting = new Map();
  let questions = 0;
  child.on('message', ({ number, answer, error }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) resolve(answer);
    else reject(new Error(`${program}: ${error}`));
  });
  const ask = (question, argument) =>
    new Promise((resolve, reject) => {
      const number = questions++;
      waiting.set(number, { resolve, reject });
      child.send({ number, question, argument });
    });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${program} ended with ${code}`));
  });
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.disconnect();
    await once(child, 'exit');
  };
  return { ask, stop };
}

/** The arguments of the program. */
export function settings() {
  return JSON.parse(process.argv[2] ?? '{}');
}

const ownFigures = {
  pid: () => process.pid,
  /** Milliseconds of processor time since the process began. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  /** Bytes of live memory, and of all memory of the process. */
  async memory() {
    for (let time = 0; time < 5; time++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    return { live: heapUsed + external, resident: rss };
  },
};

/** Answers messages until the parent process disconnects. */
export function answering(answers) {
  const all = { ...ownFigures, ...answers };
  process.on('message', async ({ number, question, argument }) => {
    try {
      process.send({ number, answer: await all[question](argument) });
    } catch (error) {
      process.send({ number, error: error?.stack ?? String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
}
