/** Runs calls with a time limit, and stops waiting for a system that has just let a call wait in vain. */

import { isThenable } from './checks.js';

/** After a timeout, calls fail at once for this time: a login makes many calls, and waits for one. Milliseconds. */
const silenceMs = 1000;

export class TimeLimitError extends Error {}

export class TimeLimit {
  private silentUntil = 0;

  /** @param what is called, for the errors' messages */
  constructor(
    private readonly what: string,
    private readonly timeoutMs: number,
  ) {}

  /** @throws TimeLimitError, and whatever `operation` throws */
  async run<T>(operation: () => T | PromiseLike<T>): Promise<T> {
    if (performance.now() < this.silentUntil) throw new TimeLimitError(`the ${this.what} is not answering`);
    const answer = operation();
    if (!isThenable(answer)) return answer;
    // Any answer ends the silence, also a late one or a failure.
    const ended = () => (this.silentUntil = 0);
    answer.then(ended, ended);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.silentUntil = performance.now() + silenceMs;
        reject(new TimeLimitError(`the ${this.what} did not answer in time`));
      }, this.timeoutMs);
    });
    return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
  }
}
