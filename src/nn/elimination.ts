/**
 * Gauss and Jordan elimination of a small matrix per row of data, on traced values.
 *
 * In: A (d, d) and perhaps columns B beside it. Out: A⁻¹ B, the pivots and the sign of their permutation. Always: every
 * row of data picks its own pivots, the largest of each column; nothing divides but by pivots. Derivatives through
 * these steps would be long: `algebra.ts` gives them rules instead.
 */

import { asValue } from "../trace/as-value.ts";
import { concat, div, mul, stack, sub, sum, where } from "../trace/functions.ts";
import type { Mask } from "../trace/mask.ts";
import type { Tensor } from "../trace/shapes.ts";

/** A matrix [A | B] after elimination. */
export interface Eliminated {
  /** A⁻¹ B. */
  readonly right: Tensor;
  /** In order; one of them is 0 where A is singular. */
  readonly pivots: Tensor;
  /** 1 for an even number of row exchanges, −1 for an odd one. */
  readonly sign: Tensor;
}

/** Eliminates A with B beside it. */
export function eliminate(a: Tensor, b: Tensor): Eliminated {
  const size = a.length;
  let rows = concat([a, b], { axis: 1 });
  let sign: Tensor = asValue("sign", 1);
  const pivots: Tensor[] = [];
  for (let step = 0; step < size; step++) {
    const column = rows.slice(step, step + 1, { axis: 1 });
    const { chosen, stays } = choosePivot(column, step);
    const pivot = sum(where(chosen, rows, 0), { axis: 0 });
    pivots.push(pivot.at(step));
    sign = where(stays, sign, sign.neg());
    const normal = div(pivot, pivot.at(step)).reshape([1, -1]);
    const exchanged = where(chosen, rows.slice(step, step + 1), rows);
    const factors = exchanged.slice(step, step + 1, { axis: 1 });
    rows = where(numbered(size).eq(step), normal, sub(exchanged, mul(factors, normal)));
  }
  return { right: rows.slice(size, undefined, { axis: 1 }), pivots: stack(pivots), sign };
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
