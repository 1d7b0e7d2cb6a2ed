/** When an exchange has to be over, with all that it waits for. */

/**
 * A timer, and what it breaks off. Node's own AbortSignal is made for more than that: it and its listeners cost a small
 * exchange a fifth of its processor time.
 */
export class Deadline {
  private readonly ends = new Set<() => void>();
  private readonly timer: NodeJS.Timeout;
  private over = false;

  constructor(milliseconds: number) {
    this.timer = setTimeout(() => {
      this.over = true;
      for (const end of this.ends) end();
    }, milliseconds);
  }

  /** Whether the time ran out; not whether the work was done. */
  get isOver(): boolean {
    return this.over;
  }

  /**
   * Something that must not go on for longer.
   * @param end breaks it off: when the time is over, or at once where it is
   * @returns takes that back
   */
  watch(end: () => void): () => void {
    if (this.over) end();
    else this.ends.add(end);
    return () => void this.ends.delete(end);
  }

  /** The work is done, and the timer with it. */
  clear(): void {
    clearTimeout(this.timer);
  }
}
