/**
 * Rules for reductions: moves of cells go out of the operand, sums of products become contractions.
 *
 * The numbers that are added stay the same; their order may change, and equal ones are counted instead of added.
 */

import { uniformValue } from "../ir/identities.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { BinaryNode, BroadcastNode, Node, PadNode, ReduceNode, TransposeNode } from "../ir/types.ts";
import { sumOfChain } from "./chains.ts";
import { repeatedAxes } from "./contract.ts";
import type { RuleContext } from "./rewrite.ts";

/** The rule for any reduction. */
export function reduceRule(node: ReduceNode, context: RuleContext): Node | undefined {
  const { builder, readOnce } = context;
  const { op, a, axes } = node;
  if (axes.some((axis) => a.shape[axis] === 1)) return withoutUnitAxes(node, context);
  if (a.op === op && readOnce(a)) return builder.reduce(op, a.a, joinedAxes(a, axes));
  if (a.op === "transpose") return ofTranspose(node, a, context);
  if (a.op === "reshape" && axes.length === a.shape.length)
    return builder.reduce(op, a.a, range(a.a.shape.length));
  if (a.op === "broadcast") return ofBroadcast(node, a, context);
  return op === "reduceSum" ? sumRule(node, context) : undefined;
}

function sumRule(node: ReduceNode, context: RuleContext): Node | undefined {
  const { builder, readOnce } = context;
  const { a, axes } = node;
  if (a.op === "neg") return builder.neg(builder.sum(a.a, axes));
  if (a.op === "pad") return ofPad(node, a, context);
  if (a.op === "contract" && readOnce(a)) return sumOfChain(a, axes, context);
  if ((a.op === "add" || a.op === "sub") && readOnce(a)) return ofChains(a, axes, context);
  return a.op === "mul" && a.cell === "float" && readOnce(a) ? ofProduct(node, a, context) : undefined;
}

/** Σ (x ± y) = Σ x ± Σ y where both are sums of products that are cheaper in another order. */
function ofChains(sum: BinaryNode, axes: readonly number[], context: RuleContext): Node | undefined {
  const { builder, readOnce } = context;
  const part = (value: Node): Node | undefined => {
    if (!readOnce(value)) return undefined;
    if (value.op === "contract") return sumOfChain(value, axes, context);
    return value.op === "add" || value.op === "sub" ? ofChains(value, axes, context) : undefined;
  };
  const [a, b] = [part(sum.a), part(sum.b)];
  if (a === undefined && b === undefined) return undefined;
  return builder.binary(sum.op, a ?? builder.sum(sum.a, axes), b ?? builder.sum(sum.b, axes));
}

/** Reduced axes of size one are dropped first. */
function withoutUnitAxes({ op, a, axes }: ReduceNode, { builder }: RuleContext): Node {
  const kept = range(a.shape.length).filter((axis) => !(axes.includes(axis) && a.shape[axis] === 1));
  const long = axes.filter((axis) => a.shape[axis] !== 1).map((axis) => kept.indexOf(axis));
  return builder.reduce(
    op,
    builder.reshape(
      a,
      kept.map((axis) => at(a.shape, axis)),
    ),
    long,
  );
}

/** Axes of the inner operand that two reductions take away together. */
function joinedAxes(inner: ReduceNode, outer: readonly number[]): number[] {
  const kept = range(inner.a.shape.length).filter((axis) => !inner.axes.includes(axis));
  return [...inner.axes, ...outer.map((axis) => at(kept, axis))];
}

/** Reduce first, then transpose what is left. */
function ofTranspose({ op, axes }: ReduceNode, { a, order }: TransposeNode, { builder }: RuleContext): Node {
  const reduced = builder.reduce(
    op,
    a,
    axes.map((axis) => at(order, axis)),
  );
  const left = order.filter((_, axis) => !axes.includes(axis));
  const sorted = left.toSorted((x, y) => x - y);
  return builder.transpose(
    reduced,
    left.map((axis) => sorted.indexOf(axis)),
  );
}

/** Repeated cells: a sum counts them, a maximum looks once. */
function ofBroadcast(
  { op, axes, shape }: ReduceNode,
  inner: BroadcastNode,
  { builder }: RuleContext,
): Node | undefined {
  const repeated = repeatedAxes(inner).filter((axis) => axes.includes(axis));
  const count = sizeOf(repeated.map((axis) => at(inner.shape, axis)));
  if (repeated.length === 0 || count === 0 || op === "reduceProd") return undefined;
  const kept = range(inner.shape.length).filter((axis) => !repeated.includes(axis));
  const missing = inner.shape.length - inner.a.shape.length;
  const own = builder.reshape(
    inner.a,
    kept.map((axis) => inner.a.shape[axis - missing] ?? 1),
  );
  const once = builder.broadcast(
    own,
    kept.map((axis) => at(inner.shape, axis)),
  );
  const left = axes.filter((axis) => !repeated.includes(axis)).map((axis) => kept.indexOf(axis));
  const reduced = builder.reduce(op, once, left);
  return op === "reduceSum" ? builder.mul(reduced, builder.constant(count, shape, inner.cell)) : reduced;
}

/** Zeros add nothing. */
function ofPad({ axes, shape }: ReduceNode, pad: PadNode, { builder }: RuleContext): Node {
  const kept = range(pad.shape.length).filter((axis) => !axes.includes(axis));
  const of = (list: readonly number[]): number[] => kept.map((axis) => at(list, axis));
  return builder.pad(builder.sum(pad.a, axes), { starts: of(pad.starts), steps: of(pad.steps), shape });
}

/** Σ a·b is a contraction: label = axis, and the labels of reduced axes do not come out. */
function ofProduct({ axes }: ReduceNode, { a, b }: BinaryNode, { builder }: RuleContext): Node | undefined {
  if (uniformValue(a) !== undefined || uniformValue(b) !== undefined) return undefined;
  const labels = range(a.shape.length);
  return builder.contract(a, b, {
    a: labels,
    b: labels,
    out: labels.filter((label) => !axes.includes(label)),
  });
}
