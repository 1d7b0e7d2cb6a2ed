/** When an exchange has to be over, with all that it waits for. */

import type { ClientRequest } from 'node:http';

/**
 * A timer, and what it breaks off. Node's own AbortSignal is made for more than that: it and its listeners cost a small
 * exchange a fifth of its processor time.
 */
export class Deadline {
  private readonly requests = new Set<ClientRequest>();
  private readonly timer: NodeJS.Timeout;
  private over = false;

  constructor(milliseconds: number) {
    this.timer = setTimeout(() => {
      this.over = true;
      for (const request of this.requests) breakOff(request);
    }, milliseconds);
  }

  /** Whether the time ran out; not whether the work was done. */
  get isOver(): boolean {
    return this.over;
  }

  /** A request that must not go on for longer: it is broken off when the time is over, or at once where it is. */
  ends(request: ClientRequest): void {
    if (this.over) breakOff(request);
    else this.requests.add(request);
    request.once('close', () => this.requests.delete(request));
  }

  /** The work is done, and the timer with it. */
  clear(): void {
    clearTimeout(this.timer);
  }
}

function breakOff(request: ClientRequest): void {
  request.destroy(new Error('the time is over'));
}
