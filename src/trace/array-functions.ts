/**
 * The free functions that multiply, join, cut and rearrange arrays: `matmul(a, b)`, `stack([a, b])`, `slice(x, { start: 1 })`.
 *
 * Like those of `functions.ts`, which passes them on: they call the methods of `Value`, which check what follows the operands.
 */

import { asValue } from "./as-value.ts";
import type { Operand } from "./operand.ts";
import * as movement from "./ops/movement.ts";
import * as products from "./ops/products.ts";
import { checkSurplus, optionsOf } from "./options.ts";
import type { Matmul, Shape, Sliced, Tensor } from "./shapes.ts";
import { type ShapeOf, type Value, valueOf } from "./value.ts";

/** numpy's `@`. */
export function matmul<A extends Operand, B extends Operand>(
  a: A,
  b: B,
): Tensor<Matmul<ShapeOf<A>, ShapeOf<B>>> {
  return asValue("matmul", a).matmul(b);
}

/** The inner product of two vectors; for matrices the same as matmul. */
export function dot<A extends Operand, B extends Operand>(
  a: A,
  b: B,
): Tensor<Matmul<ShapeOf<A>, ShapeOf<B>>> {
  return asValue("dot", a).dot(b);
}

/** a[i] · b[j] over all axes of both. */
export function outer(a: Operand, b: Operand): Tensor {
  return asValue("outer", a).outer(b);
}

/** Sums of products named by letters: `einsum("ij,j->i", A, x)`, for any number of operands. */
export function einsum(formula: string, ...operands: readonly Operand[]): Tensor {
  return valueOf("einsum", operands, (b, nodes) => products.einsum(b, formula, nodes));
}

/** The shape of a stack of n parts. */
type Stacked<T extends readonly Operand[]> = number extends T["length"]
  ? Shape
  : readonly [T["length"], ...ShapeOf<T[0]>];

/** Parts of one shape along a new axis, the first by default. */
export function stack<const T extends readonly Operand[]>(parts: T): Tensor<Stacked<T>>;
export function stack(parts: readonly Operand[], options: { axis?: number }): Tensor;
export function stack(parts: Iterable<Operand>, ...rest: readonly unknown[]): Tensor {
  const { axis = 0 } = optionsOf<{ axis: number }>("stack", rest);
  return valueOf("stack", [...parts], (b, nodes) => movement.stack(b, nodes, axis));
}

/** Parts joined along an existing axis, the first by default. */
export function concat(
  parts: readonly Operand[],
  ...options: readonly [options?: { axis?: number }]
): Tensor {
  const { axis = 0 } = optionsOf<{ axis: number }>("concat", options);
  return valueOf("concat", parts, (b, nodes) => movement.concat(b, nodes, axis));
}

/** Entries start ≤ i < end of one axis, the first by default. */
export function slice<O extends Operand>(
  x: O,
  ...bounds: readonly [bounds: { start?: number; end?: number } & movement.SliceOptions]
): Tensor<Sliced<ShapeOf<O>>> {
  const { start, end, ...options } = optionsOf<(typeof bounds)[0]>("slice", bounds);
  return asValue("slice", x).slice(start, end, options);
}

/** The entries at `indices` along an axis; `indices` may be a value of the row. */
export function take(
  x: Operand,
  indices: readonly number[] | Value,
  ...options: readonly [options?: { axis?: number }]
): Tensor {
  return asValue("take", x).take(indices, ...options);
}

/** The same cells in another shape; one size may be −1. */
export function reshape<const T extends Shape>(
  x: Operand,
  ...shape: readonly [shape: T]
): ReturnType<typeof Value.prototype.reshape<T>> {
  return asValue("reshape", x).reshape(...shape);
}

/** All cells in one row. */
export function flatten(x: Operand): Tensor<readonly [number]>;
export function flatten(x: Operand, ...rest: readonly unknown[]): Tensor<readonly [number]> {
  checkSurplus("flatten", rest);
  return asValue("flatten", x).flatten();
}

/** Axes in another order, reversed by default. */
export function transpose(x: Operand, ...order: readonly [order?: readonly number[]]): Tensor {
  return asValue("transpose", x).transpose(...order);
}

/** Repeated to a shape, by numpy's rule. */
export function broadcastTo<const T extends Shape>(x: Operand, ...shape: readonly [shape: T]): Tensor<T> {
  return asValue("broadcastTo", x).broadcastTo(...shape);
}

/** Without one axis of size 1, or without all of them. */
export function squeeze(x: Operand, ...options: readonly [options?: { axis?: number }]): Tensor {
  return asValue("squeeze", x).squeeze(...options);
}

/** With a new axis of size 1 before `axis`; −1 puts it last. */
export function unsqueeze(x: Operand, ...axis: readonly [axis: number]): Tensor {
  return asValue("unsqueeze", x).unsqueeze(...axis);
}

/** The other way round along an axis, the first by default. */
export function flip<O extends Operand>(
  x: O,
  ...options: readonly [options?: { axis?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("flip", x).flip(...options);
}

/** Moved `shift` places along an axis, around the end. */
export function roll<O extends Operand>(
  x: O,
  shift: number,
  ...options: readonly [options?: { axis?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("roll", x).roll(shift, ...options);
}

/** `value` (0 by default) before and after each axis: one pair of widths per axis. */
export function pad(
  x: Operand,
  widths: readonly (readonly [number, number])[],
  ...value: readonly [value?: number]
): Tensor {
  return asValue("pad", x).pad(widths, ...value);
}

/** The diagonal of the last two axes. */
export function diagonal(x: Operand): Tensor;
export function diagonal(x: Operand, ...rest: readonly unknown[]): Tensor {
  checkSurplus("diagonal", rest);
  return asValue("diagonal", x).diagonal();
}

/** The sum of the diagonal of the last two axes. */
export function trace(x: Operand): Tensor;
export function trace(x: Operand, ...rest: readonly unknown[]): Tensor {
  checkSurplus("trace", rest);
  return asValue("trace", x).diagonal().sum({ axis: -1 });
}
