/**
 * How many rows the next block has.
 *
 * Always: blocks begin small and grow while they are fast, so that a slow model still shows progress and stops at once
 * when it is interrupted; never more than `most` rows.
 */

const FIRST_ROWS = 256;
const FAST_MS = 50;
const SLOW_MS = 400;

/** Doubles after a fast block, halves after a slow one. */
export class Pace {
  readonly most: number;
  #size: number;
  #last: number = performance.now();

  constructor(most: number) {
    this.most = most;
    this.#size = Math.min(most, FIRST_ROWS);
  }

  /** Rows of the next block. */
  get size(): number {
    return this.#size;
  }

  /** A block is done. */
  step(now: number = performance.now()): void {
    const ms = now - this.#last;
    this.#last = now;
    if (ms < FAST_MS) this.#size = Math.min(this.most, this.#size * 2);
    else if (ms > SLOW_MS) this.#size = Math.max(1, Math.floor(this.#size / 2));
  }
}
