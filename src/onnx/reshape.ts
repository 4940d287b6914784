/**
 * Reshape with a symbolic batch: dims may be numbers, multiples of B, −1 (what is left) or 0 (copied).
 *
 * Row-major order keeps B between the same cells of a row, so B must land inside one target axis at exactly that
 * place; −1 is found by symbolic division and need not be the batch. Anything else would hand cells of one row to another.
 */

import { at, sizeOf } from "../ir/shape.ts";
import type { Call } from "./call.ts";
import { cellsBeforeBatch, type Layout, layout, plain, showLayout, symbolicShape } from "./layout.ts";
import { isNumber, type Size, showSize } from "./size.ts";
import type { Value } from "./value.ts";

/** The value under new axes. */
export function reshaped(call: Call, value: Value, dims: readonly Size[]): Value {
  return relabelled(value, call, reshapedLayout(call, value.layout, dims));
}

/** The same cells in the same order under another layout. */
export function relabelled(value: Value, call: Call, result: Layout): Value {
  if (value.folds) return call.known(value.cells ?? [], result.sizes, value.dtype);
  return call.value(value.node, result, value.dtype);
}

/** Replaces 0 by the input's own size there. */
export function copyZeros(call: Call, dims: readonly Size[], source: Layout): Size[] {
  const own = symbolicShape(source);
  return dims.map((dim, axis) =>
    dim === 0
      ? (own[axis] ?? call.malformed(`its shape copies axis ${axis} of ${showLayout(source)}.`))
      : dim,
  );
}

/** Where the batch lands; refuses what splits or moves it. */
export function reshapedLayout(call: Call, source: Layout, dims: readonly Size[]): Layout {
  const rowCells = sizeOf(source.sizes);
  const complete = inferred(call, source, dims);
  const sizes = complete.map((dim) => (isNumber(dim) ? dim : dim.batches));
  const axis = complete.findIndex((dim) => !isNumber(dim));
  const target = showDims(dims);
  if (sizes.some((size) => !Number.isInteger(size) || size < 0) || sizeOf(sizes) !== rowCells) {
    const why = `${showLayout(source)} cannot become ${target} for every number of rows`;
    return source.batch === undefined
      ? call.malformed(`${why}.`)
      : call.mixes(`${why}: cells of one row would go to another`);
  }
  if (source.batch === undefined)
    return axis < 0 ? plain(sizes) : call.mixes(`${target} asks for as many cells as there are rows`);
  if (axis < 0) call.mixes(`the target shape ${target} has a fixed number of rows, or none`);
  const outer = cellsBeforeBatch(source) / Math.max(1, sizeOf(sizes.slice(0, axis)));
  if (rowCells > 0 && (!Number.isInteger(outer) || outer < 1 || at(sizes, axis) % outer !== 0)) {
    call.mixes(
      `from ${showLayout(source)} to ${target} the batch does not stay whole: cells of one row would go to another`,
    );
  }
  return layout(sizes, { axis, outer: Math.max(1, outer) });
}

/** The dims with −1 replaced by what is left. */
function inferred(call: Call, source: Layout, dims: readonly Size[]): Size[] {
  const holes = dims.filter((dim) => dim === -1).length;
  if (holes > 1) call.malformed(`its shape ${showDims(dims)} has more than one −1.`);
  const symbols = dims.filter((dim) => !isNumber(dim)).length;
  if (symbols > 1) call.mixes(`its shape ${showDims(dims)} holds the number of rows twice`);
  if (holes === 0) return [...dims];
  const known = dims.reduce<number>(
    (product, dim) => (dim === -1 ? product : product * (isNumber(dim) ? dim : dim.batches)),
    1,
  );
  const left = known === 0 ? 0 : sizeOf(source.sizes) / known;
  const missing: Size = source.batch !== undefined && symbols === 0 ? { batches: left } : left;
  return dims.map((dim) => (dim === -1 ? missing : dim));
}

function showDims(dims: readonly Size[]): string {
  return `[${dims.map(showSize).join(", ")}]`;
}
