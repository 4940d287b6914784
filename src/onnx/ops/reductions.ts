/**
 * Reductions, softmax and their kin, along axes that are not the batch.
 *
 * `axes` is an attribute before opset 18 (ReduceSum: 13) and an input since; without axes all are meant, the batch
 * included, unless `noop_with_empty_axes`.
 */

import type { Builder } from "../../ir/builder.ts";
import { logSoftmax, logsumexp, mean, norm1, norm2, softmax } from "../../ir/library/index.ts";
import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { type Layout, layout } from "../layout.ts";
import { take } from "../movement.ts";
import { foldAll, type Size } from "../size.ts";
import type { Value } from "../value.ts";
import { isFirst } from "./first.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { logOf } from "./stable.ts";

/** Reduces a node over the given axes of it, which leave its shape. */
export type Reduction = (b: Builder, x: Node, axes: readonly number[]) => Node;

/** Refuses if one of the axes holds the batch. */
export function requireNoBatch(
  call: Call,
  { layout: { batch } }: Value,
  { axes, what }: { axes: readonly number[]; what: string },
): void {
  if (batch !== undefined && axes.includes(batch.axis))
    call.mixes(`${what} axis ${batch.axis} goes over the batch`);
}

/** The node with only its open axes and `axes`; and where those are in it. */
export function along(call: Call, value: Value, axes: readonly number[]): { node: Node; axes: number[] } {
  const { sizes } = value.layout;
  const kept = range(sizes.length).filter((axis) => at(sizes, axis) !== 1 || axes.includes(axis));
  return { node: take(call.b, value, kept), axes: axes.map((axis) => kept.indexOf(axis)) };
}

/** The layout after a reduction. */
export function withoutAxes({ sizes, batch }: Layout, axes: readonly number[], keep: boolean): Layout {
  if (keep)
    return layout(
      sizes.map((size, axis) => (axes.includes(axis) ? 1 : size)),
      batch,
    );
  const before = axes.filter((axis) => batch !== undefined && axis < batch.axis).length;
  return layout(
    sizes.filter((_, axis) => !axes.includes(axis)),
    batch && { ...batch, axis: batch.axis - before },
  );
}

function reduceAxes(call: Call, rank: number): number[] {
  const given = call.numbersOr(1, "axes");
  if (given !== undefined && given.length > 0) return given.map((axis) => call.axis(axis, rank));
  return call.int("noop_with_empty_axes", 0) === 1 ? [] : range(rank);
}

function reduction(emit: Reduction, fold?: "Add" | "Mul" | "Max" | "Min"): Operator {
  return row(1, (call) => {
    const x = call.input(0);
    const axes = reduceAxes(call, x.rank);
    requireNoBatch(call, x, { axes, what: "reducing" });
    const result = withoutAxes(x.layout, axes, call.int("keepdims", 1) === 1);
    if (fold !== undefined && x.folds && axes.length === x.rank)
      return call.known([folded(call, fold, x.cells ?? [])], result.sizes, x.dtype);
    const { node, axes: own } = along(call, x, axes);
    return call.value(emit(call.b, node, own), result);
  });
}

function folded(call: Call, fold: "Add" | "Mul" | "Max" | "Min", cells: readonly Size[]): Size {
  return foldAll(fold, cells) ?? call.mixes("its result would depend on how many rows there are");
}

const reduce =
  (op: "reduceSum" | "reduceProd" | "reduceMax" | "reduceMin"): Reduction =>
  (b, x, axes) => {
    if (x.cell === "bool") return b.reduce(op === "reduceMax" || op === "reduceSum" ? "any" : "all", x, axes);
    return b.reduce(op, x, axes);
  };

const sumSquare: Reduction = (b, x, axes) => b.sum(b.mul(x, x), axes);

/** log Σ eˣ over any axes: over several, their cells are brought into one. */
const logSumExp: Reduction = (b, x, axes) => {
  if (axes.length === 0) return x;
  const rest = range(x.shape.length).filter((axis) => !axes.includes(axis));
  const sizes = rest.map((axis) => at(x.shape, axis));
  const flat = b.reshape(b.transpose(x, [...rest, ...axes]), [
    ...sizes,
    sizeOf(axes.map((axis) => at(x.shape, axis))),
  ]);
  return logsumexp(b, flat);
};

/** Softmax over one axis since opset 13; before, over all axes from `axis` on, flattened. */
function overAxis(emit: (b: Builder, x: Node, axis: number) => Node): Operator {
  return row(1, (call) => {
    const x = call.input(0);
    if (call.opset < 13) return overBlock(call, x, emit);
    const axis = call.axis(call.int("axis", -1), x.rank);
    requireNoBatch(call, x, { axes: [axis], what: "normalising along" });
    const { node, axes } = along(call, x, [axis]);
    return call.value(emit(call.b, node, at(axes, 0)), x.layout);
  });
}

function overBlock(call: Call, x: Value, emit: (b: Builder, x: Node, axis: number) => Node): Value {
  const axis = call.axis(call.int("axis", 1), x.rank + 1);
  requireNoBatch(call, x, { axes: range(x.rank).slice(axis), what: "normalising from" });
  const rest = x.layout.sizes.slice(0, axis);
  const block = sizeOf(x.layout.sizes.slice(axis));
  const flat = call.b.reshape(x.node, [sizeOf(rest), block]);
  return call.value(emit(call.b, flat, 1), x.layout);
}

/** One at the largest entry of the axis: ties go to the first. */
function hardmax(b: Builder, x: Node, axis: number): Node {
  return b.convert(isFirst(b, x, axis), "float");
}

/** Reductions by name. */
export const reductions: OperatorTable = {
  ReduceSum: reduction(reduce("reduceSum"), "Add"),
  ReduceProd: reduction(reduce("reduceProd"), "Mul"),
  ReduceMax: reduction(reduce("reduceMax"), "Max"),
  ReduceMin: reduction(reduce("reduceMin"), "Min"),
  ReduceMean: reduction((b, x, axes) => (axes.length === 0 ? x : mean(b, x, axes))),
  ReduceL1: reduction((b, x, axes) => norm1(b, x, axes)),
  ReduceL2: reduction((b, x, axes) => norm2(b, x, axes)),
  ReduceSumSquare: reduction(sumSquare),
  ReduceLogSum: reduction((b, x, axes) => logOf(b, b.sum(x, axes))),
  ReduceLogSumExp: reduction(logSumExp),
  Softmax: overAxis(softmax),
  LogSoftmax: overAxis(logSoftmax),
  Hardmax: overAxis(hardmax),
};
