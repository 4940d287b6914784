/**
 * Gauss and Jordan elimination of a small matrix per row of data, on traced values of twice the precision.
 *
 * In: A (d, d) and perhaps columns B beside it. Out: A⁻¹ B, the pivots and the sign of their permutation. Always: every
 * row of data picks its own pivots, the largest of each column; nothing divides but by pivots; what is lost is the condition
 * times 1e-32, so float64 results are as exact as they can be written. Derivatives: `algebra.ts` gives them rules instead.
 */

import { asValue } from "../trace/as-value.ts";
import { concat, stack, sum, where } from "../trace/functions.ts";
import type { Mask } from "../trace/mask.ts";
import type { Tensor } from "../trace/shapes.ts";
import { type Double, minusProduct, quotient } from "./double.ts";

/** A matrix [A | B] after elimination. */
export interface Eliminated {
  /** A⁻¹ B; nothing if there is no B. */
  readonly right: Tensor;
  /** In order; one of them is 0 where A is singular. */
  readonly pivots: Tensor;
  /** What pivots are more than their rounded values, as shares of them. */
  readonly excess: Tensor;
  /** 1 for an even number of row exchanges, −1 for an odd one. */
  readonly sign: Tensor;
}

/** Eliminates A with B beside it. */
export function eliminate(a: Tensor, b?: Tensor): Eliminated {
  const size = a.length;
  const high = b === undefined ? a : concat([a, b], { axis: 1 });
  let rows: Double = { high, low: high.mul(0) };
  let sign: Tensor = asValue("sign", 1);
  const pivots: Double[] = [];
  for (let step = 0; step < size; step++) {
    const { chosen, stays } = choosePivot(rows.high.slice(step, step + 1, { axis: 1 }), step);
    const line = each(rows, (part) => sum(where(chosen, part, 0), { axis: 0 }));
    const pivot = each(line, (part) => part.at(step));
    pivots.push(pivot);
    sign = where(stays, sign, sign.neg());
    const normal = each(quotient(line, pivot), (part) => part.reshape([1, -1]));
    const exchanged = each(rows, (part) => where(chosen, part.slice(step, step + 1), part));
    const factors = each(exchanged, (part) => part.slice(step, step + 1, { axis: 1 }));
    const others = minusProduct(exchanged, factors, normal);
    const isStep = numbered(size).eq(step);
    rows = { high: where(isStep, normal.high, others.high), low: where(isStep, normal.low, others.low) };
  }
  return {
    right: rows.high.slice(size, undefined, { axis: 1 }),
    pivots: stack(pivots.map((pivot) => pivot.high)),
    excess: stack(pivots.map((pivot) => pivot.low.div(pivot.high))),
    sign,
  };
}

function each(value: Double, change: (part: Tensor) => Tensor): Double {
  return { high: change(value.high), low: change(value.low) };
}

/** The first row from `step` on with the largest entry, as a mask (d, 1); `stays`: that is row `step` itself. */
function choosePivot(column: Tensor, step: number): { chosen: Mask; stays: Mask } {
  const rows = numbered(column.length);
  const sizes = where(rows.lt(step), -1, column.abs());
  const place = where(sizes.eq(sizes.max()), rows, column.length).min();
  return { chosen: rows.eq(place), stays: place.eq(step) };
}

/** 0, 1, … as a column. */
function numbered(size: number): Tensor {
  const data = Float64Array.from({ length: size }, (_, row) => row);
  return asValue("rows", { data, shape: [size, 1] });
}
