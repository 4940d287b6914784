/**
 * Losses of classification: per cell, or their sum or mean where the whole input is one row.
 *
 * Layout is (N, C, …places) for scores and (N, …places) for the classes. A class to ignore counts with weight 0.
 */

import type { Builder } from "../../ir/builder.ts";
import { logSoftmax } from "../../ir/library/index.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { type Layout, layout, plain } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { type OperatorTable, row } from "./operator.ts";
import { requireBatchFirst } from "./spatial.ts";

/** The layout of the classes: that of the scores without their channel axis. */
function cellsOf(call: Call, { sizes, batch }: Layout, classes: Layout): Layout {
  const cells = layout([at(sizes, 0), ...sizes.slice(2)], batch);
  if (classes.batch?.axis !== batch?.axis)
    call.mixes("its classes and its scores do not carry the batch alike");
  if (String(classes.sizes) !== String(cells.sizes)) call.malformed("its classes do not fit its scores.");
  return cells;
}

/** −w[t] x[t] of every cell, and how much it counts, both with all axes of the classes. */
function lossCells(call: Call, scores: Node, classes: Value): { losses: Node; weights: Node } {
  const { b } = call;
  const shape = scores.shape;
  const wide = [at(shape, 0), 1, ...shape.slice(2)];
  const target = b.convert(full(b, classes), "int");
  const isClass = b.compare("eq", b.iota(shape, 1), b.broadcast(b.reshape(target, wide), shape));
  const spread = (perClass: Node): Node =>
    b.broadcast(b.reshape(perClass, [at(shape, 1), ...shape.slice(2).map(() => 1)]), shape);
  const weight = call.inputs[2] === undefined ? b.constant(1, shape) : spread(full(b, call.inputs[2]));
  const chosen = (cells: Node): Node => b.sum(b.select(isClass, cells, b.constant(0)), [1]);
  const kept = (cells: Node): Node => {
    if (!call.has("ignore_index")) return cells;
    const ignored = b.compare("eq", target, b.constant(call.int("ignore_index", 0), target.shape, "int"));
    return b.select(ignored, b.constant(0), cells);
  };
  const weights = call.inputs[2] === undefined ? kept(b.constant(1, target.shape)) : kept(chosen(weight));
  return { losses: kept(b.neg(chosen(b.mul(weight, scores)))), weights };
}

/** The loss under the call's reduction. */
function reduced(call: Call, scores: Node, x: Value): Value {
  const classes = call.input(1);
  const cells = cellsOf(call, x.layout, classes.layout);
  const { losses, weights } = lossCells(call, scores, classes);
  const reduction = call.text("reduction", "mean");
  if (reduction === "none") return call.value(losses, cells, x.dtype);
  if (x.layout.batch !== undefined)
    call.mixes(`its ${reduction} goes over all rows; set reduction to "none", or leave the loss away`);
  const total = sumOf(call.b, losses);
  return call.value(
    reduction === "sum" ? total : call.b.div(total, sumOf(call.b, weights)),
    plain([]),
    x.dtype,
  );
}

function sumOf(b: Builder, x: Node): Node {
  return b.sum(x, range(x.shape.length));
}

/** Losses by name. */
export const losses: OperatorTable = {
  NegativeLogLikelihoodLoss: row(12, (call) => {
    const x = call.input(0);
    requireBatchFirst(call, x);
    return reduced(call, full(call.b, x), x);
  }),
  SoftmaxCrossEntropyLoss: row(12, (call) => {
    const x = call.input(0);
    requireBatchFirst(call, x);
    const scores = logSoftmax(call.b, full(call.b, x), 1);
    return [reduced(call, scores, x), call.value(scores, x.layout, x.dtype)];
  }),
};
