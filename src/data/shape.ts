/**
 * Shapes of row-major arrays.
 *
 * In: lists of axis lengths. Out: their size and their text. Always: a size is an exact integer, or a `UsageError`.
 */

import { UsageError } from "../errors.ts";

/** The two float types jacrow computes in. */
export type FloatType = "f32" | "f64";

/** Product of the axes: how many numbers a shape holds. Throws a `UsageError` for axes that are not counts. */
export function shapeSize(shape: readonly number[]): number {
  let size = 1;
  for (let index = 0; index < shape.length; index++) {
    const axis = shape[index] as number;
    if (!Number.isSafeInteger(axis) || axis < 0) {
      throw new UsageError("JR113", `shape ${showShape(shape)} is not a list of whole numbers ≥ 0`);
    }
    size *= axis;
  }
  if (!Number.isSafeInteger(size))
    throw new UsageError("JR114", `shape ${showShape(shape)} holds too many numbers`);
  return size;
}

/** A shape as Python writes it: `()`, `(3,)`, `(2, 3)`. */
export function showShape(shape: readonly (number | string)[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}
