/**
 * A reporter for tests in one process: it names a test that fails, or takes long, at once, and what is still open after
 * the last one. Jest itself says so at the end of a file, which a run that stands still never reaches.
 */

import { createHook } from 'node:async_hooks';

const slowMs = 70_000;
const openMs = 20_000;

/** Where each timer that has not ended was made, by its ID. */
const timers = new Map();
createHook({
  init(id, type, _trigger, timer) {
    if (type === 'Timeout') timers.set(id, { timer, madeAt: new Error().stack });
  },
  destroy: (id) => void timers.delete(id),
}).enable();

export default class Progress {
  /** By the full name of the test. */
  running = new Map();

  onTestCaseStart(_test, { fullName }) {
    const say = () => console.error(`still running: ${fullName}`);
    this.running.set(fullName, setTimeout(say, slowMs).unref());
  }

  onTestCaseResult(_test, { fullName, status, duration }) {
    clearTimeout(this.running.get(fullName));
    this.running.delete(fullName);
    if (status === 'failed') console.error(`failed: ${fullName} (${Math.round(duration ?? 0)} ms)`);
  }

  onRunComplete(_contexts, results) {
    // Reached only when a socket, timer or program that a test left open keeps the process running.
    setTimeout(() => {
      console.error(`still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
      for (const handle of process._getActiveHandles()) console.error(`  ${described(handle)}`);
      for (const { timer, madeAt } of timers.values())
        if (timer.hasRef()) console.error(`  timer made ${madeAt}`);
      process.exit(results.success ? 0 : 1);
    }, openMs).unref();
  }
}

function described({ constructor, remotePort, spawnargs }) {
  return [constructor.name, remotePort && `to port ${remotePort}`, spawnargs?.join(' ')]
    .filter(Boolean)
    .join(' ');
}
