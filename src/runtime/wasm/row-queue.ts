/**
 * Hands out the rows of a call, and keeps what they sum up to.
 *
 * Without sums over rows, all slots take from the same rows. With sums, a slot takes one of the fixed ranges of rows at a time
 * and adds it up alone, in order: so the partial sums do not depend on threads, tiles or who was faster.
 */

import type { RowSumNode } from "../../ir/types.ts";
import type { Lowered } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import { addLanes, joinPartialSums, type RowRange, rowRanges, sumsIn } from "../row-sums.ts";
import { type FloatArray, floatView, type Instance, type RowSlot } from "./instance.ts";

/** Consecutive rows. */
export interface Piece {
  readonly start: number;
  readonly rows: number;
}

interface Held {
  readonly index: number;
  readonly end: number;
  next: number;
}

/** The rows of one call. */
export class RowQueue {
  /** Rows not yet handed out. */
  left: number;
  readonly #lowered: Lowered;
  readonly #memory: WebAssembly.Memory;
  readonly #ranges: readonly RowRange[];
  readonly #held = new Map<RowSlot | undefined, Held>();
  /** By range: the cells of all sums. */
  readonly #partials: Float64Array[] = [];
  #next = 0;

  constructor(lowered: Lowered, instance: Instance, rows: number) {
    this.left = rows;
    this.#lowered = lowered;
    this.#memory = instance.memory;
    this.#ranges = lowered.sums.length > 0 ? rowRanges(rows) : rows > 0 ? [{ start: 0, end: rows }] : [];
  }

  /** The next rows for a slot whose last rows are done: at most `most`; undefined when there are none. */
  take(slot: RowSlot, most: number): Piece | undefined {
    const held = this.#range(slot);
    if (held === undefined) return undefined;
    const rows = Math.min(most, held.end - held.next);
    const start = held.next;
    held.next += rows;
    this.left -= rows;
    return { start, rows };
  }

  /** The sums over all rows, when every slot has been told that there are no more. */
  sums(): Map<RowSumNode, Float64Array> {
    return sumsIn(this.#lowered, joinPartialSums(this.#partials, sumCells(this.#lowered.sums)));
  }

  /** The range a slot takes from: its own, or the one of all. */
  #range(slot: RowSlot): Held | undefined {
    const key = this.#lowered.sums.length > 0 ? slot : undefined;
    const held = this.#held.get(key);
    if (held !== undefined && held.next < held.end) return held;
    if (held !== undefined && key !== undefined) this.#collect(key, held.index);
    this.#held.delete(key);
    const index = this.#next;
    const range = this.#ranges[index];
    if (range === undefined) return undefined;
    this.#next++;
    if (key !== undefined) this.#area(key).fill(0);
    const made = { index, end: range.end, next: range.start };
    this.#held.set(key, made);
    return made;
  }

  #collect(slot: RowSlot, range: number): void {
    const partial = new Float64Array(sumCells(this.#lowered.sums));
    addLanes(partial, this.#area(slot));
    this.#partials[range] = partial;
  }

  #area({ sums }: RowSlot): FloatArray {
    return runningSums(this.#lowered, this.#memory, sums);
  }
}

/** A slot's running sums: a vector of lanes per cell. */
export function runningSums(
  { dtype, sums }: Lowered,
  memory: WebAssembly.Memory,
  address: number,
): FloatArray {
  return floatView(dtype, memory.buffer, { address, length: sumCells(sums) * (dtype === "f32" ? 4 : 2) });
}
