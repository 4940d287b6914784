/** Axes as users give them (negative ones count from the end) into axes of a shape; errors name the operation. */

import { UsageError } from "../../errors.ts";
import { range, showShape } from "../../ir/shape.ts";
import type { Shape } from "../../ir/types.ts";

/** Which axes an operation works over; all by default. */
export interface Over {
  /** One axis or several; negative ones count from the end. */
  readonly axis?: number | readonly number[];
  /** Keeps the reduced axes with size 1. */
  readonly keepDims?: boolean;
}

/** One axis, counted from the front. */
export function axisOf(op: string, shape: Shape, axis: number): number {
  const front = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(axis) && front >= 0 && front < shape.length) return front;
  throw new UsageError("JR310", `${op}: axis ${axis} is outside shape ${showShape(shape)}`);
}

/** The axes of `over`, each counted from the front; every axis when none is given. */
export function axesOf(op: string, shape: Shape, over: Over = {}): number[] {
  if (over.axis === undefined) return range(shape.length);
  const axes = (typeof over.axis === "number" ? [over.axis] : over.axis).map((axis) =>
    axisOf(op, shape, axis),
  );
  if (new Set(axes).size === axes.length) return axes;
  throw new UsageError("JR310", `${op}: axes [${axes}] repeat an axis`);
}

/** `shape` with `axes` kept at size 1. */
export function keptShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}
