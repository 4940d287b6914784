/** How a reduction starts and steps, on lanes: floats, ints or masks. */

import { reduceOps } from "../ir/ops.ts";
import type { Cell, ReduceOp } from "../ir/types.ts";
import type { IntegerOp, Target } from "./target.ts";

const INT_MAX = 2 ** 31 - 1;
const steps = { reduceSum: "add", reduceProd: "mul", reduceMax: "max", reduceMin: "min" } as const;

/** The unit of a reduction. */
export function reduceStart<V, I>({ lanes }: Target<V, I>, op: ReduceOp, cell: Cell): V {
  const { start } = reduceOps[op];
  if (cell === "float") return lanes.constant(start);
  if (cell === "bool") return lanes.bits(start === 0 ? 0n : -1n);
  return lanes.bits(BigInt(Math.max(-INT_MAX - 1, Math.min(INT_MAX, start))));
}

/** One step: `a` so far, `b` new. */
export function reduceStep<V, I>(
  target: Target<V, I>,
  op: ReduceOp,
  { cell, a, b }: { cell: Cell; a: V; b: V },
): V {
  const { lanes } = target;
  if (op === "any") return lanes.or(a, b);
  if (op === "all") return lanes.and(a, b);
  const step = steps[op];
  return cell === "int" ? target.integer(step satisfies IntegerOp, [a, b]) : lanes[step](a, b);
}
