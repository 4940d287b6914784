/**
 * Sums over rows of native kernels: one place per range of rows, joined as on every target.
 *
 * In: the memory that a call's ranges were added up in. Out: the sums. Ranges depend on the number of rows alone.
 */

import { range } from "../../ir/shape.ts";
import type { RowSumNode } from "../../ir/types.ts";
import type { Lowered } from "../../lower/loops.ts";
import { sumCells } from "../../lower/sums.ts";
import { joinPartialSums, rowRanges, sumsIn } from "../row-sums.ts";

/** Rows of a range and how many there are. */
export function rangesOf(n: number): { readonly rows: number; readonly count: number } {
  const ranges = rowRanges(n);
  return { rows: ranges[0] === undefined ? 1 : ranges[0].end, count: ranges.length };
}

/** The sums of each range, where a call keeps those of all one after the other. */
export function partialSums(all: Float64Array, count: number): Float64Array[] {
  const cells = all.length / Math.max(1, count);
  return range(count).map((index) => all.subarray(index * cells, (index + 1) * cells));
}

/** The sums over all rows: ranges are added as a tree. */
export function joinedSums(
  lowered: Lowered,
  partials: readonly Float64Array[],
): Map<RowSumNode, Float64Array> {
  return sumsIn(lowered, joinPartialSums(partials, sumCells(lowered.sums)));
}
