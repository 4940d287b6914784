/**
 * Operators that go along one axis step by step: running products, reversed sequences, writes into a cache.
 *
 * The axis they go along is never the batch; where each sample has a length or a place of its own, the batch is its axis.
 */

import type { Builder } from "../../ir/builder.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { picked, wrapped } from "./gather.ts";
import { gatheredAlong } from "./indexing.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { requireNoBatch } from "./reductions.ts";

/** Products of all cells before, on the other side with `reverse`; the own cell counts unless `exclusive`. */
const cumulativeProduct: Operator = row(26, (call) => {
  const x = call.input(0);
  const { b } = call;
  const axis = call.axis(at(call.numbers(1, "axis"), 0), x.rank);
  requireNoBatch(call, x, { axes: [axis], what: "multiplying up along" });
  const node = full(b, x);
  const size = at(node.shape, axis);
  const wide = node.shape.flatMap((length, k) => (k === axis ? [size, length] : [length]));
  const repeated = b.broadcast(
    b.reshape(
      node,
      wide.map((length, k) => (k === axis ? 1 : length)),
    ),
    wide,
  );
  const [own, other] = [b.iota(wide, axis), b.iota(wide, axis + 1)];
  const [first, last] = call.int("reverse", 0) === 1 ? [own, other] : [other, own];
  const counts = b.compare(call.int("exclusive", 0) === 1 ? "lt" : "le", first, last);
  return call.value(b.reduce("reduceProd", b.select(counts, repeated, b.constant(1)), [axis + 1]), x.layout);
});

/** The first `length` steps of each sample in reverse, the others as they are. */
const reverseSequence: Operator = row(10, (call) => {
  const [x, lengths] = [call.input(0), call.input(1)];
  const { b } = call;
  const [time, samples] = [call.int("time_axis", 0), call.int("batch_axis", 1)].map((axis) =>
    call.axis(axis, x.rank),
  ) as [number, number];
  requireNoBatch(call, x, { axes: [time], what: "reversing along" });
  const spread = perSample(call, lengths, { x, axis: samples });
  const step = b.iota(x.layout.sizes, time);
  const turned = b.sub(b.sub(spread, b.constant(1, [], "int")), step);
  const places = b.select(b.compare("lt", step, spread), turned, step);
  return call.value(gatheredAlong(b, full(b, x), { places, axis: time }), x.layout, x.dtype);
});

/** One whole number for each sample, repeated over the shape of x. */
function perSample(call: Call, numbers: Value, { x, axis }: { x: Value; axis: number }): Node {
  const { sizes, batch } = x.layout;
  if ((batch?.axis === axis) !== (numbers.layout.batch !== undefined) && at(sizes, axis) > 1)
    call.mixes("it has one number for each row, and its tensors do not carry the batch alike");
  const { b } = call;
  const own = b.convert(full(b, numbers), "int");
  return b.broadcast(
    b.reshape(
      own,
      sizes.map((size, k) => (k === axis ? size : 1)),
    ),
    sizes,
  );
}

/** Steps of the update at a place of the cache, which goes round in mode "circular". */
const tensorScatter: Operator = row(24, (call) => {
  const [cache, update] = [call.input(0), call.input(1)];
  const { b } = call;
  const axis = call.axis(call.int("axis", -2), cache.rank);
  requireNoBatch(call, cache, { axes: [axis], what: "writing along" });
  if (cache.layout.batch?.axis !== update.layout.batch?.axis)
    call.mixes("its cache and its update do not carry the batch alike");
  if (update.rank !== cache.rank) call.malformed("its update and its cache have different ranks.");
  const { sizes } = cache.layout;
  const [length, count] = [at(sizes, axis), at(update.layout.sizes, axis)];
  const whole = (value: number): Node => b.constant(value, [], "int");
  const start =
    call.inputs[2] === undefined
      ? b.constant(0, sizes, "int")
      : perSample(call, call.inputs[2], { x: cache, axis: 0 });
  const gap = b.sub(b.iota(sizes, axis), start);
  const step = call.text("mode", "linear") === "circular" ? wrapped(b, gap, length) : gap;
  const isNew = b.logic("and", b.compare("le", whole(0), step), b.compare("lt", step, whole(count)));
  const places = b.select(isNew, step, whole(0));
  const fresh = gatheredAlong(b, full(b, update), { places, axis });
  return call.value(b.select(isNew, fresh, full(b, cache)), cache.layout, cache.dtype);
});

/** Cells (or slices along an axis) where a known condition holds. */
const compress: Operator = row(9, (call) => {
  const x = call.input(0);
  const { b } = call;
  const kept = call.numbers(1, "condition").flatMap((holds, index) => (holds === 0 ? [] : [index]));
  const axis = call.has("axis") ? call.axis(call.int("axis", 0), x.rank) : undefined;
  requireNoBatch(call, x, { axes: axis === undefined ? range(x.rank) : [axis], what: "choosing along" });
  const node = axis === undefined ? flat(b, x) : full(b, x);
  const chosen = picked(b, node, { axis: axis ?? 0, indices: kept });
  return call.value(chosen, layout(chosen.shape, axis === undefined ? undefined : x.layout.batch), x.dtype);
});

function flat(b: Builder, x: Value): Node {
  return b.reshape(x.node, [x.layout.sizes.reduce((product, size) => product * size, 1)]);
}

/** Steps along an axis by name. */
export const steps: OperatorTable = {
  CumProd: cumulativeProduct,
  ReverseSequence: reverseSequence,
  TensorScatter: tensorScatter,
  Compress: compress,
};
