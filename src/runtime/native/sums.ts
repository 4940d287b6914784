/**
 * Sums over rows of native kernels: one place per range of rows, joined as on every target.
 *
 * In: the memory that a call's ranges were added up in. Out: the sums. Ranges depend on the number of rows alone.
 */

import { sizeOf } from "../../ir/shape.ts";
import type { RowSumNode } from "../../ir/types.ts";
import type { Lowered } from "../../lower/loops.ts";
import { mirrored } from "../../lower/symmetric-sums.ts";
import { joinPartialSums, rowRanges } from "../row-sums.ts";
import type { FloatArray } from "../wasm/instance.ts";

/** Rows of a range and how many there are. */
export function rangesOf(n: number): { readonly rows: number; readonly count: number } {
  const ranges = rowRanges(n);
  return { rows: ranges[0] === undefined ? 1 : ranges[0].end, count: ranges.length };
}

/** The sums over all rows: each cell's lanes are added in order, then ranges as a tree. */
export function joinedSums(
  lowered: Lowered,
  { memory, width, count }: { memory: FloatArray; width: number; count: number },
): Map<RowSumNode, Float64Array> {
  const cells = count === 0 ? 0 : memory.length / width / count;
  const joined = lowered.sums.map(({ buffer, source, symmetric }) => {
    const start = lowered.placement.get(buffer) as number;
    const partials = Array.from({ length: count }, (_, range) =>
      Float64Array.from({ length: buffer.cells }, (_, cell) => {
        const at = (range * cells + start + cell) * width;
        let sum = 0;
        for (let lane = at; lane < at + width; lane++) sum += memory[lane] as number;
        return sum;
      }),
    );
    const held = joinPartialSums(partials, symmetric === undefined ? sizeOf(source.shape) : buffer.cells);
    return [source, symmetric === undefined ? held : mirrored(held, symmetric)] as const;
  });
  return new Map(joined);
}
