/**
 * Where the batch is in a tensor's axes.
 *
 * A layout gives, for each ONNX axis, how many cells of ONE row lie along it, and the one place of the batch B: an axis
 * is outer × B × inner in that order, so [T, B·H, d] is sizes [T, H, d] with B at axis 1, outer 1. An axis that
 * is the batch alone has size 1. Rows are independent as long as every operator can say where B goes.
 */

import { sizeOf } from "../ir/shape.ts";
import type { Size } from "./size.ts";

/** The axis that holds the batch; `outer` counts the row's cells outside of it on that axis. */
export interface BatchPlace {
  readonly axis: number;
  readonly outer: number;
}

/** A tensor's axes as one row sees them. */
export interface Layout {
  readonly sizes: readonly number[];
  readonly batch?: BatchPlace;
}

/** A layout without a batch. */
export function plain(sizes: readonly number[]): Layout {
  return { sizes };
}

/** The layout with other sizes or another place of the batch. */
export function layout(sizes: readonly number[], batch: BatchPlace | undefined): Layout {
  return batch === undefined ? { sizes } : { sizes, batch };
}

/** The layout without some axes, none of them the batch's. */
export function squeezed({ sizes, batch }: Layout, axes: readonly number[]): Layout {
  const before = batch === undefined ? 0 : axes.filter((axis) => axis < batch.axis).length;
  return layout(
    sizes.filter((_, axis) => !axes.includes(axis)),
    batch && { ...batch, axis: batch.axis - before },
  );
}

/** The shape of the IR value: axes of size one are left out, a pure batch axis with them. */
export function rowShape({ sizes }: Layout): number[] {
  return sizes.filter((size) => size !== 1);
}

/** True if the whole axis is the batch. */
export function isBatchAxis({ sizes, batch }: Layout, axis: number): boolean {
  return batch?.axis === axis && sizes[axis] === 1;
}

/** The declared sizes as shape arithmetic sees them. */
export function symbolicShape({ sizes, batch }: Layout): Size[] {
  return sizes.map((size, axis) => (batch?.axis === axis ? { batches: size } : size));
}

/** A row's cells before and after the batch in memory order. */
export function cellsBeforeBatch({ sizes, batch }: Layout): number {
  return batch === undefined ? 0 : sizeOf(sizes.slice(0, batch.axis)) * batch.outer;
}

/** "(batch, 4)", "(5, batch·2, 8)": for people. */
export function showLayout({ sizes, batch }: Layout): string {
  const texts = sizes.map((size, axis) =>
    batch?.axis === axis ? (size === 1 ? "batch" : `batch·${size}`) : String(size),
  );
  return texts.length === 1 ? `(${texts[0]},)` : `(${texts.join(", ")})`;
}
