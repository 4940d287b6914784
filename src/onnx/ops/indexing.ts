/** Operators that look up or write single cells: their indices become places in one row's flat value. */

import type { Builder } from "../../ir/builder.ts";
import { at, range, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import { cumsum } from "../../trace/ops/reductions.ts";
import { type Call, MOST_KNOWN_CELLS } from "../call.ts";
import { type Layout, layout } from "../layout.ts";
import { evaluated, full } from "../movement.ts";
import { isNumber } from "../size.ts";
import type { Value } from "../value.ts";
import { placeOfMax } from "./first.ts";
import { knownCells, legalIndices, picked, placeOf, wrapped } from "./gather.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { along, requireNoBatch, withoutAxes } from "./reductions.ts";

/** Places along an axis, and, where they are computed from the row, whether the indices named them. */
interface Places {
  readonly place: Node;
  readonly inside?: Node | undefined;
}

/** An axis's indices as places of the indices' full shape. */
function indexNode(call: Call, indices: Value, size: number): Places {
  const { cells, layout: own } = indices;
  if (cells?.every(isNumber))
    return { place: call.b.constant(legalIndices(call, cells, size), own.sizes, "int") };
  return placeOf(call.b, call.b.convert(full(call.b, indices), "int"), size);
}

/** The cells, NaN where their index was outside of its axis. */
function onlyInside(b: Builder, cells: Node, inside: Node | undefined): Node {
  return inside === undefined ? cells : knownCells(b, cells, inside);
}

/** Σ index·stride: places of cells in a flat value. `own(axis)` gives the index along each axis, or undefined for the cell's own. */
function flatPlaces(
  b: Builder,
  shape: readonly number[],
  { sizes, own }: { sizes: readonly number[]; own: (axis: number) => Node | undefined },
): Node {
  const strides = stridesOf(sizes);
  const terms = range(sizes.length)
    .filter((axis) => at(sizes, axis) !== 1 || own(axis) !== undefined)
    .map((axis) => {
      const index = own(axis) ?? b.iota(shape, axis);
      return at(strides, axis) === 1 ? index : b.mul(index, b.constant(at(strides, axis), [], "int"));
    });
  return terms.reduce((x, y) => b.add(x, y), b.constant(0, shape, "int"));
}

/** Cell by cell the entry of `node` at `places` along an axis; the other axes of both are the same. */
export function gatheredAlong(
  b: Builder,
  node: Node,
  { places, axis }: { places: Node; axis: number },
): Node {
  const sizes = node.shape;
  const flat = flatPlaces(b, places.shape, { sizes, own: (k) => (k === axis ? places : undefined) });
  return b.gather(b.reshape(node, [sizeOf(sizes)]), flat, 0);
}

/** Data and indices carry the batch on the same axis, whole in both; or shared data is looked up along `axis` alone. */
function alignedLayout(call: Call, [data, indices]: readonly [Layout, Layout], axis?: number): Layout {
  const [own, other] = [data.batch, indices.batch];
  if (own === undefined && (other === undefined || other.axis === axis)) return indices;
  const aligned = own !== undefined && own.axis === other?.axis && own.outer === other.outer;
  if (!aligned || data.sizes[own.axis] !== indices.sizes[own.axis]) {
    call.mixes(
      "its tensors do not carry the batch on the same axis, so cells of one row would meet another row",
    );
  }
  return indices;
}

const gatherElements: Operator = row(11, (call) => {
  const [data, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.int("axis", 0), data.rank);
  requireNoBatch(call, data, { axes: [axis], what: "gathering along" });
  const result = alignedLayout(call, [data.layout, indices.layout], axis);
  const { sizes } = data.layout;
  const { place, inside } = indexNode(call, indices, at(sizes, axis));
  const places = flatPlaces(call.b, result.sizes, { sizes, own: (k) => (k === axis ? place : undefined) });
  const cells = call.b.gather(call.b.reshape(data.node, [sizeOf(sizes)]), places, 0);
  return call.value(onlyInside(call.b, cells, inside), result, data.dtype);
});

/** Combines updates into the data's cells; without a reduction the last of known indices counts, and computed ones may occur once. */
function scattered(
  call: Call,
  { data, places, updates }: { data: Value; places: Node; updates: Node },
): Value {
  const { b } = call;
  const reduction = call.text("reduction", "none");
  const size = sizeOf(data.layout.sizes);
  const flat = b.reshape(data.node, [size]);
  const [where, cells] = [
    b.reshape(places, [sizeOf(places.shape)]),
    b.reshape(updates, [sizeOf(updates.shape)]),
  ];
  if (reduction === "add")
    return call.value(b.add(flat, b.scatterAdd(cells, where, { axis: 0, size })), data.layout, data.dtype);
  const combine =
    combinations[reduction] ?? call.unsupported(`the reduction "${reduction}" is not computed.`);
  const isFree = reduction === "none" && (where.level === "row" || sizeOf(where.shape) > MOST_KNOWN_CELLS);
  const rounds = isFree ? [range(sizeOf(places.shape))] : roundsOf(call, where);
  const result = rounds.reduce((node, members) => {
    const [own, target] = [cells, where].map((all) => picked(b, all, { axis: 0, indices: members })) as [
      Node,
      Node,
    ];
    const spread = b.scatterAdd(own, target, { axis: 0, size });
    const hits = b.scatterAdd(b.constant(1, own.shape), target, { axis: 0, size });
    return b.select(b.compare("lt", b.constant(0), hits), combine(b, node, spread), node);
  }, flat);
  return call.value(result, data.layout, data.dtype);
}

const combinations: Readonly<Record<string, (b: Builder, old: Node, update: Node) => Node>> = {
  none: (_, __, update) => update,
  mul: (b, old, update) => b.mul(old, update),
  min: (b, old, update) => b.binary("min", old, update),
  max: (b, old, update) => b.binary("max", old, update),
};

/** Updates in rounds, so that no place is hit twice in one; the places must be known. */
function roundsOf(call: Call, where: Node): number[][] {
  if (where.level === "row") call.unsupported("a reduction at computed indices is not computed.");
  const rounds: number[][] = [];
  const hits = new Map<number, number>();
  evaluated(where).data.forEach((place, index) => {
    const round = hits.get(place) ?? 0;
    hits.set(place, round + 1);
    rounds[round] = [...(rounds[round] ?? []), index];
  });
  return rounds;
}

/** Since opset 11; `Scatter` is its name before. */
const scatterElements: Operator = row(9, (call) => {
  const [data, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const axis = call.axis(call.int("axis", 0), data.rank);
  requireNoBatch(call, data, { axes: [axis], what: "scattering along" });
  const result = alignedLayout(call, [data.layout, indices.layout]);
  alignedLayout(call, [updates.layout, indices.layout]);
  const { sizes } = data.layout;
  const { place, inside } = indexNode(call, indices, at(sizes, axis));
  const places = flatPlaces(call.b, result.sizes, { sizes, own: (k) => (k === axis ? place : undefined) });
  return scattered(call, { data, places, updates: onlyInside(call.b, full(call.b, updates), inside) });
});

/** The indices' last axis is a tuple of leading indices of the data (after `batchDims` shared axes). */
function tuplePlaces(
  call: Call,
  { data, indices, batchDims }: { data: Value; indices: Value; batchDims: number },
): { places: Node; inside: Node | undefined; rest: readonly number[]; depth: number } {
  const { b } = call;
  const { sizes } = data.layout;
  const depth = at(indices.layout.sizes, indices.rank - 1);
  const indexed = batchDims + depth;
  if (indexed > data.rank) call.malformed("its index tuples are longer than the data has axes.");
  const outer = indices.layout.sizes.slice(0, -1);
  const rest = sizes.slice(indexed);
  const shape = [...outer, ...rest];
  const all = full(b, indices);
  let known: Node | undefined;
  const own = (axis: number): Node | undefined => {
    if (axis < batchDims) return b.iota(shape, axis);
    if (axis >= indexed) return b.iota(shape, outer.length + axis - indexed);
    const one = spreadIndex(call, { indices, all, k: axis - batchDims, size: at(sizes, axis), shape });
    if (one.inside !== undefined) known = known ? b.logic("and", known, one.inside) : one.inside;
    return one.place;
  };
  const places = flatPlaces(b, shape, { sizes, own });
  return { places, inside: known, rest, depth };
}

/** Entry k of every tuple, repeated over the axes that are not indexed. */
function spreadIndex(
  call: Call,
  {
    indices,
    all,
    k,
    size,
    shape,
  }: { indices: Value; all: Node; k: number; size: number; shape: readonly number[] },
): Places {
  const { b } = call;
  const outer = indices.layout.sizes.slice(0, -1);
  const depth = at(indices.layout.sizes, indices.rank - 1);
  const spread = [...outer, ...shape.slice(outer.length).map(() => 1)];
  const cells = indices.cells;
  if (cells?.every(isNumber)) {
    const own = cells.filter((_, cell) => cell % depth === k);
    return { place: b.broadcast(b.constant(legalIndices(call, own, size), spread, "int"), shape) };
  }
  const one = b.slice(all, {
    starts: [...outer.map(() => 0), k],
    steps: [...outer.map(() => 1), 1],
    shape: [...outer, 1],
  });
  const { place, inside } = placeOf(b, b.convert(one, "int"), size);
  const repeated = (node: Node): Node => b.broadcast(b.reshape(node, spread), shape);
  return { place: repeated(place), inside: repeated(inside) };
}

const gatherND: Operator = row(11, (call) => {
  const [data, indices] = [call.input(0), call.input(1)];
  const batchDims = call.int("batch_dims", 0);
  const { places, inside: known, rest, depth } = tuplePlaces(call, { data, indices, batchDims });
  const outer = indices.layout.sizes.slice(0, -1);
  const { batch } = data.layout;
  if (indices.layout.batch?.axis === outer.length) call.mixes("the batch is the axis of its index tuples");
  if (batch !== undefined && batch.axis >= batchDims && batch.axis < batchDims + depth)
    call.mixes(`it picks rows by number along axis ${batch.axis}, the batch`);
  const inside = batch !== undefined && batch.axis < batchDims;
  if (
    inside !== (indices.layout.batch !== undefined && indices.layout.batch.axis < batchDims) ||
    (batch !== undefined && !inside && indices.layout.batch !== undefined)
  ) {
    call.mixes("its data and its indices carry the batch on different axes");
  }
  const place =
    batch === undefined
      ? indices.layout.batch
      : inside
        ? batch
        : { ...batch, axis: batch.axis - batchDims - depth + outer.length };
  const node = call.b.gather(call.b.reshape(data.node, [sizeOf(data.layout.sizes)]), places, 0);
  return call.value(onlyInside(call.b, node, known), layout([...outer, ...rest], place), data.dtype);
});

const scatterND: Operator = row(11, (call) => {
  const [data, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const { places, inside, depth } = tuplePlaces(call, { data, indices, batchDims: 0 });
  const { batch } = data.layout;
  if (batch !== undefined && batch.axis < depth)
    call.mixes(`it writes rows by number along axis ${batch.axis}, the batch`);
  if (indices.layout.batch !== undefined)
    call.mixes("its indices carry the batch, so rows would write into each other");
  const place = batch && batch.axis - depth + indices.rank - 1;
  if (updates.layout.batch?.axis !== place || updates.layout.batch?.outer !== batch?.outer) {
    call.mixes("its data and its updates carry the batch on different axes, or one has none");
  }
  return scattered(call, { data, places, updates: onlyInside(call.b, full(call.b, updates), inside) });
});

const cumSum: Operator = row(11, (call) => {
  const x = call.input(0);
  const axis = call.axis(at(call.numbers(1, "axis"), 0), x.rank);
  requireNoBatch(call, x, { axes: [axis], what: "summing up along" });
  const { node, axes } = along(call, x, [axis]);
  const place = at(axes, 0);
  const turned = call.int("reverse", 0) === 1 ? reversed(call.b, node, place) : node;
  const sums = cumsum(call.b, turned, place);
  const shifted = call.int("exclusive", 0) === 1 ? call.b.sub(sums, turned) : sums;
  return call.value(call.int("reverse", 0) === 1 ? reversed(call.b, shifted, place) : shifted, x.layout);
});

function reversed(b: Builder, x: Node, axis: number): Node {
  const count = at(x.shape, axis);
  return b.part(x, { axis, start: count - 1, step: -1, count });
}

/** ArgMax, and ArgMin of the negative. */
function argument(sign: 1 | -1): Operator {
  return row(1, (call) => {
    const x = call.input(0);
    const axis = call.axis(call.int("axis", 0), x.rank);
    requireNoBatch(call, x, { axes: [axis], what: "comparing along" });
    const { node, axes } = along(call, x, [axis]);
    const signed = sign === 1 ? node : call.b.neg(node);
    const place = placeOfMax(call.b, signed, {
      axis: at(axes, 0),
      last: call.int("select_last_index", 0) === 1,
    });
    return call.value(place, withoutAxes(x.layout, [axis], call.int("keepdims", 1) === 1), "int");
  });
}

/** The k largest or smallest, sorted, equal ones in their own order. k is an attribute before opset 10. */
const topK: Operator = row(1, (call) => {
  const x = call.input(0);
  const { b } = call;
  const axis = call.axis(call.int("axis", -1), x.rank);
  requireNoBatch(call, x, { axes: [axis], what: "sorting along" });
  const count = call.opset < 10 ? call.int("k", 1) : at(call.numbers(1, "k"), 0);
  const size = at(x.layout.sizes, axis);
  if (count > size || count < 0) call.malformed(`it takes ${count} of ${size} cells.`);
  const last = b.transpose(...movedLast(full(b, x), axis));
  const ranks = ranksOf(b, call.int("largest", 1) === 1 ? last : b.neg(last));
  const outer = last.shape.slice(0, -1);
  const shape = [...outer, count, size];
  const chosen = b.compare(
    "eq",
    b.broadcast(b.reshape(ranks, [...outer, 1, size]), shape),
    b.convert(b.iota(shape, outer.length), "float"),
  );
  const pick = (cells: Node): Node =>
    b.sum(b.select(chosen, b.broadcast(b.reshape(cells, [...outer, 1, size]), shape), b.constant(0)), [
      outer.length + 1,
    ]);
  const result = layout(
    x.layout.sizes.map((length, k) => (k === axis ? count : length)),
    x.layout.batch,
  );
  const back = (node: Node): Node =>
    b.transpose(
      node,
      range(x.rank).map((k) => (k === axis ? x.rank - 1 : k < axis ? k : k - 1)),
    );
  const places = b.convert(pick(b.convert(b.iota(last.shape, outer.length), "float")), "int");
  return [call.value(back(pick(last)), result), call.value(back(places), result, "int")];
});

function movedLast(node: Node, axis: number): [Node, number[]] {
  return [node, [...range(node.shape.length).filter((k) => k !== axis), axis]];
}

/** How many cells of the last axis come before each: larger ones, and equal ones to the left. */
function ranksOf(b: Builder, x: Node): Node {
  const size = at(x.shape, x.shape.length - 1);
  const outer = x.shape.slice(0, -1);
  const shape = [...outer, size, size];
  const own = b.broadcast(b.reshape(x, [...outer, size, 1]), shape);
  const other = b.broadcast(b.reshape(x, [...outer, 1, size]), shape);
  const left = b.compare("lt", b.iota(shape, outer.length + 1), b.iota(shape, outer.length));
  const before = b.logic(
    "or",
    b.compare("lt", own, other),
    b.logic("and", b.compare("eq", own, other), left),
  );
  return b.sum(b.convert(before, "float"), [outer.length + 1]);
}

/** A new axis with `on` at the index and `off` elsewhere. */
const oneHot: Operator = row(9, (call) => {
  const indices = call.input(0);
  const { b } = call;
  const depth = at(call.numbers(1, "depth"), 0);
  const [off, on] = call.numbers(2, "values");
  if (off === undefined || on === undefined) return call.malformed("its values are not two numbers.");
  const rank = indices.rank + 1;
  const axis = call.axis(call.int("axis", -1), rank);
  const { sizes, batch } = indices.layout;
  const shape = [...sizes.slice(0, axis), depth, ...sizes.slice(axis)];
  const result = layout(shape, batch && { ...batch, axis: batch.axis >= axis ? batch.axis + 1 : batch.axis });
  const index = wrapped(b, b.convert(full(b, indices), "int"), depth);
  const spread = b.broadcast(b.reshape(index, [...sizes.slice(0, axis), 1, ...sizes.slice(axis)]), shape);
  const node = b.select(b.compare("eq", b.iota(shape, axis), spread), b.constant(on), b.constant(off));
  return call.value(node, result, call.input(2).dtype);
});

/** Cells of the upper (or lower) triangle of the last two axes; zero elsewhere. */
const trilu: Operator = row(14, (call) => {
  const x = call.input(0);
  const { b } = call;
  requireNoBatch(call, x, { axes: [x.rank - 2, x.rank - 1], what: "cutting a triangle along" });
  const offset = call.inputs[1] === undefined ? 0 : at(call.numbers(1, "diagonal"), 0);
  const node = full(b, x);
  const line = b.add(b.iota(node.shape, x.rank - 2), b.constant(offset, [], "int"));
  const column = b.iota(node.shape, x.rank - 1);
  const kept = call.int("upper", 1) === 1 ? b.compare("le", line, column) : b.compare("le", column, line);
  return call.value(b.select(kept, node, b.constant(0, [], node.cell)), x.layout, x.dtype);
});

/** Look-ups and writes by name. */
export const indexing: OperatorTable = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  CumSum: cumSum,
  ArgMax: argument(1),
  ArgMin: argument(-1),
  TopK: topK,
  OneHot: oneHot,
  Trilu: trilu,
};
