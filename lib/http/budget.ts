/** The time that one login start, or one completion, may take in all; whatever it consists of shares it. */

export class Budget {
  private readonly endsAt: number;

  constructor(milliseconds: number) {
    this.endsAt = performance.now() + milliseconds;
  }

  /** Milliseconds, never negative. No timer runs for it: each wait is bounded by what is left when it begins. */
  get remainingMs(): number {
    return Math.max(0, this.endsAt - performance.now());
  }
}
