/** Gather: known indices become slices where they can, others stay indices into one row's value. */

import type { Builder } from "../../ir/builder.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { type BatchPlace, type Layout, layout } from "../layout.ts";
import { moved, take as takeNode } from "../movement.ts";
import { isNumber } from "../size.ts";
import type { Value } from "../value.ts";
import { type Operator, row } from "./operator.ts";

/** data with `axis` replaced by the axes of the indices; negative indices count from the end. */
export const gather: Operator = row(1, (call) => {
  const data = call.input(0);
  const axis = call.axis(call.int("axis", 0), data.rank);
  if (data.layout.batch?.axis === axis) call.mixes(`it picks rows by number along axis ${axis}, the batch`);
  const indices = call.input(1).cells;
  return indices?.every(isNumber) ? gatherKnown(call, axis, indices) : gatherComputed(call, axis);
});

function gatherKnown(call: Call, axis: number, written: readonly number[]): Value {
  const data = call.input(0);
  const { sizes } = data.layout;
  const indices = legalIndices(call, written, at(sizes, axis));
  const open = openWith(sizes, axis);
  const result = gatheredLayout(call, axis);
  return moved(call, [data], {
    result,
    emit: (b, take) => picked(b, take(0, open), { axis: open.indexOf(axis), indices }),
  });
}

/** Indices counted from the front, all inside the axis. */
export function legalIndices(call: Call, written: readonly number[], size: number): number[] {
  return written.map((index) => {
    if (!Number.isInteger(index) || index < -size || index >= size)
      call.malformed(`the index ${index} lies outside an axis of ${size} cells.`);
    return index < 0 ? index + size : index;
  });
}

/** Cells at known indices along an axis: a slice if they are evenly spaced. */
export function picked(
  b: Builder,
  node: Node,
  { axis, indices }: { axis: number; indices: readonly number[] },
): Node {
  const step = (indices[1] ?? 0) - (indices[0] ?? 0) || 1;
  const even = indices.length > 0 && indices.every((index, k) => index === at(indices, 0) + k * step);
  if (!even) return b.gather(node, b.constant(indices, [indices.length], "int"), axis);
  return b.part(node, { axis, start: at(indices, 0), step, count: indices.length });
}

function openWith(sizes: readonly number[], axis: number): number[] {
  return range(sizes.length).filter((k) => k === axis || at(sizes, k) !== 1);
}

/** Indices computed from the row. */
function gatherComputed(call: Call, axis: number): Value {
  const [data, indices] = [call.input(0), call.input(1)];
  const { sizes } = data.layout;
  const open = openWith(sizes, axis);
  const { b } = call;
  const { place, inside } = placeOf(b, b.convert(indices.node, "int"), at(sizes, axis));
  const along = open.indexOf(axis);
  const cells = b.gather(takeNode(b, data, open), place, along);
  const rest = cells.shape.slice(along + place.shape.length).map(() => 1);
  const known = knownCells(b, cells, b.reshape(inside, [...place.shape, ...rest]));
  return call.value(known, gatheredLayout(call, axis), data.dtype);
}

/** A place inside an axis for an index computed from the row, and whether the index named it. */
export function placeOf(b: Builder, indices: Node, size: number): { place: Node; inside: Node } {
  const own = wrapped(b, indices, size);
  const [first, last] = [b.constant(0, [], "int"), b.constant(Math.max(0, size - 1), [], "int")];
  const inside = b.logic("and", b.compare("le", first, own), b.compare("le", own, last));
  return { place: b.binary("max", b.binary("min", own, last), first), inside };
}

/** NaN, with NaN derivatives, where an index lay outside of its axis: no device can stop for one row. */
export function knownCells(b: Builder, cells: Node, inside: Node): Node {
  if (cells.cell !== "float") return cells;
  return b.mul(cells, b.select(inside, b.constant(1), b.constant(Number.NaN)));
}

/** Negative indices count from the end. */
export function wrapped(b: Builder, indices: Node, size: number): Node {
  const negative = b.compare("lt", indices, b.constant(0, [], "int"));
  return b.select(negative, b.add(indices, b.constant(size, [], "int")), indices);
}

function gatheredLayout(call: Call, axis: number): Layout {
  const [data, indices] = [call.input(0).layout, call.input(1).layout];
  if (data.batch !== undefined && indices.batch !== undefined)
    call.mixes("its data and its indices both carry the batch, so every row would look into every row");
  const sizes = [...data.sizes.slice(0, axis), ...indices.sizes, ...data.sizes.slice(axis + 1)];
  return layout(
    sizes,
    placeAfter(data.batch, axis, indices.sizes.length - 1) ??
      (indices.batch && { ...indices.batch, axis: indices.batch.axis + axis }),
  );
}

function placeAfter(batch: BatchPlace | undefined, axis: number, growth: number): BatchPlace | undefined {
  return batch && { ...batch, axis: batch.axis > axis ? batch.axis + growth : batch.axis };
}
