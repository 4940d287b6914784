/**
 * Which programs run few rows one after the other (`features.ts`): decided by counting what a row takes.
 */

import { rootsOf } from "../lower/accesses.ts";
import { expressionsOf } from "../lower/intern.ts";
import { type Lowered, pointsOf, type Stage } from "../lower/loops.ts";
import { weightOf } from "./expressions.ts";
import { isPacked } from "./layout.ts";

/** Multiplications by weights of a row from which lanes along features pay. */
const LEAST_PRODUCTS = 1 << 14;

/**
 * Up to how many rows are best run one after the other, with lanes along features: half of a vector's lanes where products with weights
 * are most of the work, else none.
 */
export function mostFewRows({ stages, inputs, outputs, sums }: Lowered, width: number): number {
  if (sums.length > 0 || [...inputs, ...outputs].some(({ buffer }) => buffer.cell !== "float")) return 0;
  const { products, others } = workOf(stages);
  return products >= LEAST_PRODUCTS && products > others ? Math.max(1, width / 2) : 0;
}

/** Instructions of a row, about: of products with weights, and of the rest. */
function workOf(stages: readonly Stage[]): { products: number; others: number } {
  const work = { products: 0, others: 0 };
  for (const stage of stages) {
    if (stage.kind === "repeat") {
      const inner = workOf(stage.stages);
      work.products += stage.axis.size * inner.products;
      work.others += stage.axis.size * inner.others;
      continue;
    }
    const each = weightOf(expressionsOf(rootsOf(stage)));
    if (stage.kind === "straight") work.others += each;
    else if (stage.kind === "nest")
      work.others += pointsOf([...stage.axes, ...(stage.reduce?.axes ?? [])]) * each;
    else
      work[isPacked(stage) ? "products" : "others"] += pointsOf([
        ...stage.batch,
        ...stage.m,
        ...stage.n,
        ...stage.k,
      ]);
  }
  return work;
}
