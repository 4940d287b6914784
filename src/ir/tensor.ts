/**
 * Numbers with a shape, and strided views of them: what evaluation computes with.
 *
 * A tensor's data is row-major float64 (bool as 0/1, int as whole numbers) and never written after it is made.
 * A view reads or writes cells offset + Σ indexᵢ·stridesᵢ of some data, for all indices inside its shape.
 */

import { invariant } from "../errors.ts";
import { at, showShape, sizeOf, stridesOf } from "./shape.ts";
import type { Shape } from "./types.ts";

/** The value of one node; a scan's value has no data but `parts`, one tensor per result. */
export interface Tensor {
  readonly data: Float64Array;
  readonly shape: Shape;
  readonly parts?: readonly Tensor[];
}

/** Cells of some data in another order. Strides may be zero (repeat) or negative. */
export interface View {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The view that is the whole tensor. */
export function wholeView(shape: Shape): View {
  return { shape, strides: stridesOf(shape), offset: 0 };
}

/** Calls `visit(offset)` for the start of every innermost run of the view, in row-major order. */
function forEachRun({ shape, strides, offset }: View, visit: (offset: number) => void): void {
  if (sizeOf(shape) === 0) return;
  const outer = shape.length - 1;
  const index = new Array<number>(Math.max(outer, 0)).fill(0);
  for (let position = offset; ; ) {
    visit(position);
    let axis = outer - 1;
    while (axis >= 0 && at(index, axis) + 1 === at(shape, axis)) {
      position -= at(index, axis) * at(strides, axis);
      index[axis--] = 0;
    }
    if (axis < 0) return;
    index[axis] = at(index, axis) + 1;
    position += at(strides, axis);
  }
}

/** The view's cells, in row-major order. */
export function readView(data: Float64Array, view: View): Float64Array {
  const out = new Float64Array(sizeOf(view.shape));
  const count = view.shape.at(-1) ?? 1;
  const stride = view.strides.at(-1) ?? 0;
  let to = 0;
  forEachRun(view, (start) => {
    for (let i = 0, from = start; i < count; i++, from += stride) out[to++] = data[from] as number;
  });
  return out;
}

/** Adds row-major cells to the view's cells of `out`. */
export function addToView(out: Float64Array, view: View, cells: Float64Array): void {
  const count = view.shape.at(-1) ?? 1;
  const stride = view.strides.at(-1) ?? 0;
  let from = 0;
  forEachRun(view, (start) => {
    for (let i = 0, to = start; i < count; i++, to += stride)
      out[to] = (out[to] as number) + (cells[from++] as number);
  });
}

/** Row-major cells written to the view's cells of `out`. */
export function writeView(out: Float64Array, view: View, cells: Float64Array): void {
  const count = view.shape.at(-1) ?? 1;
  const stride = view.strides.at(-1) ?? 0;
  let from = 0;
  forEachRun(view, (start) => {
    for (let i = 0, to = start; i < count; i++, to += stride) out[to] = cells[from++] as number;
  });
}

/** A tensor of any numbers, one per cell or one for all. */
export function tensorOf(values: ArrayLike<number>, shape: Shape): Tensor {
  const size = sizeOf(shape);
  if (values.length === size) return { data: Float64Array.from(values), shape };
  invariant(values.length === 1, `${values.length} numbers do not fill shape ${showShape(shape)}`);
  return { data: new Float64Array(size).fill(values[0] as number), shape };
}
