/**
 * How sums over rows are split and joined, the same on every target.
 *
 * Rows are cut into at most 16 ranges that depend on n alone; each range has its own partial sum, and the partial sums
 * are joined pairwise in a fixed tree. So the result does not depend on threads or tiles.
 */

import type { SumPlace, SumPlaces } from "../codegen/sum-places.ts";
import type { RowSumNode } from "../ir/types.ts";
import type { Lowered, RowSum } from "../lower/loops.ts";
import { sumCells } from "../lower/sums.ts";
import { mirrored } from "../lower/symmetric-sums.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** Most partial sums of one row sum. */
export const MOST_PARTIAL_SUMS = 16;
/** Ranges start at multiples of this many rows, so no tile of rows is cut. */
export const RANGE_GRAIN = 256;

/** First and one-past-last row of a range. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** The ranges of n rows, in order; none for n = 0. */
export function rowRanges(n: number): RowRange[] {
  const rows = Math.ceil(n / (MOST_PARTIAL_SUMS * RANGE_GRAIN)) * RANGE_GRAIN;
  const ranges: RowRange[] = [];
  for (let start = 0; start < n; start += rows) ranges.push({ start, end: Math.min(start + rows, n) });
  return ranges;
}

/** The sum of partial sums of `size` cells each, zeros if there is none: neighbours are added until the first holds all. */
export function joinPartialSums(partials: readonly Float64Array[], size: number): Float64Array {
  for (let step = 1; step < partials.length; step *= 2)
    for (let left = 0; left + step < partials.length; left += 2 * step)
      addTo(partials[left] as Float64Array, partials[left + step] as Float64Array);
  return partials[0] ?? new Float64Array(size);
}

function addTo(sum: Float64Array, other: Float64Array): void {
  for (let cell = 0; cell < sum.length; cell++) sum[cell] = (sum[cell] as number) + (other[cell] as number);
}

/** Adds running sums to their totals and starts them again: a cell's lanes in order, an even number of them, two at a time. */
export function keepSums(totals: Float64Array, running: FloatArray, { list }: SumPlaces): void {
  for (let index = 0; index < list.length; index++) {
    const { cell: first, cells, start, lanes } = list[index] as SumPlace;
    if (lanes === 1) {
      for (let cell = 0; cell < cells; cell++)
        totals[first + cell] = (totals[first + cell] as number) + (running[start + cell] as number);
      continue;
    }
    for (let cell = first, at = start; cell < first + cells; cell++) {
      let sum = 0;
      for (const end = at + lanes; at < end; at += 2)
        sum = sum + (running[at] as number) + (running[at + 1] as number);
      totals[cell] = (totals[cell] as number) + sum;
    }
  }
  running.fill(0);
}

/** The cells of one sum among those of all. */
export function cellsOf({ placement }: Lowered, { buffer }: RowSum, all: Float64Array): Float64Array {
  const start = placement.get(buffer) as number;
  return all.subarray(start, start + buffer.cells);
}

/** Every sum as it is read, from the joined cells of all sums; zeros if there were no rows. */
export function sumsIn(
  lowered: Lowered,
  all: Float64Array = new Float64Array(sumCells(lowered.sums)),
): Map<RowSumNode, Float64Array> {
  const sums = lowered.sums.map((sum) => {
    const held = cellsOf(lowered, sum, all);
    return [sum.source, sum.symmetric === undefined ? held : mirrored(held, sum.symmetric)] as const;
  });
  return new Map(sums);
}
