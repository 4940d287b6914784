/**
 * Gather and scatter-add as ONNX operators, for indices known when writing, shared by the rows, or of each row.
 *
 * Known places scatter by gathering (every cell collects what falls on it), which runs faster than ScatterElements and has one
 * order of sums. Always: the axes of the indices stand where `axis` stood.
 */

import { at, range, sizeOf } from "../../ir/shape.ts";
import type { GatherNode, Node, ScatterAddNode, Shape } from "../../ir/types.ts";
import { broadcastData } from "./broadcast.ts";
import type { Emitted, Emitter } from "./emitter.ts";
import { gatherSum } from "./movement.ts";

/** Gathering for a scatter reads at most this many times the cells that there are. */
const MOST_REPEATS = 4;

/** Cells picked along an axis. */
export function emitGather(e: Emitter, node: GatherNode): Emitted {
  const { axis, shape } = node;
  const [a, indices] = [e.of(node.a), e.of(node.indices)];
  if (!indices.rows) {
    return e.make("Gather", [a, indices], { ...a, shape, attributes: { axis: e.axis(a, axis) } });
  }
  return a.rows ? gatherOfRows(e, a, { indices, axis }) : gatherFromShared(e, a, { indices, axis });
}

interface Along {
  readonly indices: Emitted;
  readonly axis: number;
}

/** A table all rows share: the axis goes first, so that the batch axis of the indices comes out first. */
function gatherFromShared(e: Emitter, a: Emitted, { indices, axis }: Along): Emitted {
  const order = [axis, ...range(a.shape.length).filter((one) => one !== axis)];
  const first = e.transpose(a, order);
  const shape = [...indices.shape, ...first.shape.slice(1)];
  const found = e.make("Gather", [first, indices], {
    shape,
    rows: true,
    cell: a.cell,
    attributes: { axis: 0 },
  });
  return indexAxesBack(e, found, { count: indices.shape.length, axis });
}

/** Each row picks from its own table. */
function gatherOfRows(e: Emitter, a: Emitted, { indices, axis }: Along): Emitted {
  const order = [axis, ...range(a.shape.length).filter((one) => one !== axis)];
  const first = e.transpose(a, order);
  const shape = [...indices.shape, ...first.shape.slice(1)];
  const tuples = e.reshape(indices, [...indices.shape, 1]);
  const found = e.make("GatherND", [first, tuples], {
    shape,
    rows: true,
    cell: a.cell,
    attributes: { batch_dims: 1 },
  });
  return indexAxesBack(e, found, { count: indices.shape.length, axis });
}

/** Moves the first `count` axes behind the `axis` axes that stood before the gathered one. */
function indexAxesBack(e: Emitter, x: Emitted, { count, axis }: { count: number; axis: number }): Emitted {
  const rest = range(x.shape.length - count).map((one) => one + count);
  return e.transpose(x, [...rest.slice(0, axis), ...range(count), ...rest.slice(axis)]);
}

/** Cells added at their indices along an axis. */
export function emitScatterAdd(e: Emitter, node: ScatterAddNode): Emitted {
  const { axis, indices, shape } = node;
  const count = indices.shape.length;
  const own = node.a.shape;
  const flat = [...own.slice(0, axis), sizeOf(indices.shape), ...own.slice(axis + count)];
  const x = e.reshape(node.level === "row" ? e.rowsOf(node.a) : e.of(node.a), flat);
  const places = placesOf(e, indices);
  if (places !== undefined && repeats(places, at(shape, axis)) <= MOST_REPEATS)
    return gatherSum(e, x, { axis, places, size: at(shape, axis) });
  return scattered(e, x, { indices, axis, shape });
}

/** The indices' numbers, if no input decides them. */
function placesOf(e: Emitter, indices: Node): readonly number[] | undefined {
  return e.isKnown(indices)
    ? Array.from(broadcastData(e.valueOf(indices).data, sizeOf(indices.shape)))
    : undefined;
}

/** Cells gathered per cell that there is. */
function repeats(places: readonly number[], size: number): number {
  const counts = new Array<number>(size).fill(0);
  for (const place of places) counts[place] = (counts[place] ?? 0) + 1;
  return (Math.max(1, ...counts) * size) / Math.max(places.length, size);
}

function scattered(
  e: Emitter,
  x: Emitted,
  { indices, axis, shape }: { indices: Node; axis: number; shape: Shape },
): Emitted {
  const list = e.cast(x.rows ? e.rowsOf(indices) : e.of(indices), "int");
  const column = x.shape.map((size, index) => (index === axis ? size : 1));
  const places = e.expand(e.reshape(list, column), x.shape);
  const zeros = e.expand(e.number(0, x.cell), shape);
  const target = x.rows ? e.withRows(zeros) : zeros;
  const attributes = { axis: e.axis(x, axis), reduction: "add" };
  return e.make("ScatterElements", [target, places, x], { ...x, shape, attributes });
}
