/**
 * Hands out the rows of a call, and keeps what they sum up to.
 *
 * Without sums over rows, all slots take from the same rows. With sums, a slot takes one of the fixed ranges of rows at a time
 * and adds it up alone, in order: so the partial sums do not depend on threads, tiles or who was faster.
 */

import { KEPT_ROWS } from "../../codegen/sum-places.ts";
import type { RowSumNode } from "../../ir/types.ts";
import type { Lowered } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import { joinPartialSums, keepSums, type RowRange, rowRanges, sumsIn } from "../row-sums.ts";
import type { Instance, RowSlot } from "./instance.ts";

/** Consecutive rows. */
export interface Piece {
  readonly start: number;
  readonly rows: number;
}

interface Held extends RowRange {
  /** The cells of all sums over the range. */
  readonly totals: Float64Array;
  next: number;
}

/** The rows of one call. */
export class RowQueue {
  /** Rows not yet handed out. */
  left: number;
  readonly #lowered: Lowered;
  readonly #instance: Instance;
  readonly #ranges: readonly RowRange[];
  readonly #held = new Map<RowSlot | undefined, Held>();
  /** By range: the cells of all sums. */
  readonly #partials: Float64Array[] = [];
  #next = 0;

  constructor(lowered: Lowered, instance: Instance, rows: number) {
    this.left = rows;
    this.#lowered = lowered;
    this.#instance = instance;
    this.#ranges = lowered.sums.length > 0 ? rowRanges(rows) : rows > 0 ? [{ start: 0, end: rows }] : [];
  }

  /** The next rows for a slot whose last rows are done: at most `most`; undefined when there are none. */
  take(slot: RowSlot, most: number): Piece | undefined {
    const held = this.#range(slot);
    if (held === undefined) return undefined;
    const rows = Math.min(most, this.#until(held) - held.next);
    const start = held.next;
    held.next += rows;
    this.left -= rows;
    return { start, rows };
  }

  /** The sums over all rows, when every slot has been told that there are no more. */
  sums(): Map<RowSumNode, Float64Array> {
    return sumsIn(this.#lowered, joinPartialSums(this.#partials, sumCells(this.#lowered.sums)));
  }

  /** The first row that the slot cannot take yet: running sums are kept before it. */
  #until({ start, end, next }: Held): number {
    if (this.#lowered.sums.length === 0) return end;
    return Math.min(end, next + KEPT_ROWS - ((next - start) % KEPT_ROWS));
  }

  /** The range a slot takes from: its own, or the one of all. */
  #range(slot: RowSlot): Held | undefined {
    const key = this.#lowered.sums.length > 0 ? slot : undefined;
    const held = this.#held.get(key);
    if (held !== undefined && key !== undefined) this.#keep(key, held);
    if (held !== undefined && held.next < held.end) return held;
    this.#held.delete(key);
    const range = this.#ranges[this.#next];
    if (range === undefined) return undefined;
    const totals = new Float64Array(sumCells(this.#lowered.sums));
    this.#partials[this.#next++] = totals;
    if (key !== undefined) this.#instance.sums(key, this.#lowered.dtype).fill(0);
    const made = { ...range, totals, next: range.start };
    this.#held.set(key, made);
    return made;
  }

  #keep(slot: RowSlot, { start, end, next, totals }: Held): void {
    if (next < end && (next - start) % KEPT_ROWS !== 0) return;
    const { plan } = this.#instance;
    keepSums(totals, this.#instance.sums(slot, this.#lowered.dtype), plan.sums);
  }
}
