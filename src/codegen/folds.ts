/** How a reduction starts and steps, on lanes: floats, ints or masks. */

import { reduceOps } from "../ir/ops.ts";
import type { Cell, ReduceOp } from "../ir/types.ts";
import type { Expr, Nest } from "../lower/loops.ts";
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

type Fold = NonNullable<Nest["reduce"]>["folds"][number];

/** What is evaluated for a step: the term, or the factors of one to be summed. */
export function partsOfFold({ op, term }: Fold): readonly Expr[] {
  const isProduct = term.op === "elementwise" && term.name === "mul" && term.cell === "float";
  return op === "reduceSum" && isProduct ? term.args : [term];
}

/** One step: `a` so far, then the values of the fold's parts. */
export function reduceStep<V, I>(
  target: Target<V, I>,
  op: ReduceOp,
  { cell, a, parts }: { cell: Cell; a: V; parts: readonly V[] },
): V {
  const { lanes } = target;
  const [b, factor] = parts as readonly [V, V?];
  if (factor !== undefined) return lanes.fma(b, factor, a);
  if (op === "any") return lanes.or(a, b);
  if (op === "all") return lanes.and(a, b);
  const step = steps[op];
  return cell === "int" ? target.integer(step satisfies IntegerOp, [a, b]) : lanes[step](a, b);
}
