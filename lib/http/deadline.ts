/** When an exchange has to be over, with all that it waits for. */

/** What can be ended at any moment, with the reason. */
export interface Breakable {
  destroy(error: Error): unknown;
}

/**
 * A timer, and what it breaks off. Node's own AbortSignal is made for more than that: it and its listeners cost a small
 * exchange a fifth of its processor time.
 */
export class Deadline {
  private readonly underWay = new Set<Breakable>();
  private readonly timer: NodeJS.Timeout;
  private over = false;

  constructor(milliseconds: number) {
    this.timer = setTimeout(() => {
      this.over = true;
      for (const one of this.underWay) breakOff(one);
    }, milliseconds);
  }

  /** Whether the time ran out; not whether the work was done. */
  get isOver(): boolean {
    return this.over;
  }

  /** What must not go on for longer: it is broken off when the time is over, or at once where it is. */
  ends(one: Breakable): void {
    if (this.over) breakOff(one);
    else this.underWay.add(one);
  }

  /** It has ended by itself. */
  releases(one: Breakable): void {
    this.underWay.delete(one);
  }

  /** The work is done, and the timer with it. */
  clear(): void {
    clearTimeout(this.timer);
  }
}

function breakOff(one: Breakable): void {
  one.destroy(new Error('the time is over'));
}
