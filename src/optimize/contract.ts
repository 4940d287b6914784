/**
 * Rules for contractions: what moves an operand's cells goes into the labels, and what is no real contraction becomes
 * the plainer op (a product cell by cell, a sum).
 *
 * The products stay the same; only the order in which a sum runs over several labels may change.
 */

import type { Builder } from "../ir/builder.ts";
import { uniformValue } from "../ir/identities.ts";
import { at, range } from "../ir/shape.ts";
import type { BroadcastNode, ContractNode, Node } from "../ir/types.ts";
import type { RuleContext } from "./rewrite.ts";

/** A value and the label of each of its axes. */
export interface Labelled {
  readonly node: Node;
  readonly labels: readonly number[];
}

/** A contraction as the rules see it; both orders of the operands are tried. */
interface Contraction {
  readonly a: Labelled;
  readonly b: Labelled;
  readonly out: readonly number[];
  /** Is `a` the second operand? */
  readonly swapped: boolean;
}

type ContractRule = (contraction: Contraction, builder: Builder) => Node | undefined;

/** The first rule that applies, to either operand. */
export function contractRule(node: ContractNode, { builder }: RuleContext): Node | undefined {
  const a: Labelled = { node: node.a, labels: node.aLabels };
  const b: Labelled = { node: node.b, labels: node.bLabels };
  for (const rule of [withoutUnitLabels, withoutTranspose, withoutBroadcast, sumOnly, productOnly]) {
    const better =
      rule({ a, b, out: node.outLabels, swapped: false }, builder) ??
      rule({ a: b, b: a, out: node.outLabels, swapped: true }, builder);
    if (better !== undefined) return better;
  }
  return undefined;
}

function make(builder: Builder, { a, b, out, swapped }: Contraction): Node {
  const [x, y] = swapped ? [b, a] : [a, b];
  return builder.contract(x.node, y.node, { a: x.labels, b: y.labels, out });
}

function sizesOf({ a, b }: Contraction): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { node, labels } of [a, b])
    labels.forEach((label, axis) => sizes.set(label, at(node.shape, axis)));
  return sizes;
}

/** Axes of size one need no label. */
const withoutUnitLabels: ContractRule = (contraction, builder) => {
  const sizes = sizesOf(contraction);
  if (![...sizes.values()].includes(1)) return undefined;
  const long = (labels: readonly number[]): number[] => labels.filter((label) => sizes.get(label) !== 1);
  const sizesFor = (labels: readonly number[]): number[] => labels.map((label) => sizes.get(label) as number);
  const shorter = ({ node, labels }: Labelled): Labelled => ({
    node: builder.reshape(node, sizesFor(long(labels))),
    labels: long(labels),
  });
  const { a, b, out } = contraction;
  return builder.reshape(
    make(builder, { ...contraction, a: shorter(a), b: shorter(b), out: long(out) }),
    sizesFor(out),
  );
};

/** A transposed operand has its labels transposed instead. */
const withoutTranspose: ContractRule = (contraction, builder) => {
  const { node, labels } = contraction.a;
  if (node.op !== "transpose") return undefined;
  const own = node.order.map((_, axis) => at(labels, node.order.indexOf(axis)));
  return make(builder, { ...contraction, a: { node: node.a, labels: own } });
};

/** Axes along which an operand only repeats: those the other operand has, or that come out, are dropped. */
const withoutBroadcast: ContractRule = (contraction, builder) => {
  const { a, b, out, swapped } = contraction;
  if (a.node.op !== "broadcast") return undefined;
  const repeated = repeatedAxes(a.node).map((axis) => at(a.labels, axis));
  const dropped = repeated.filter((label) => b.labels.includes(label) || out.includes(label));
  if (dropped.length === 0) return undefined;
  const labels = a.labels.filter((label) => !dropped.includes(label));
  const inner = make(builder, {
    a: {
      node: narrowed(
        builder,
        a.node,
        labels.map((label) => a.labels.indexOf(label)),
      ),
      labels,
    },
    b,
    swapped,
    out: out.filter((label) => labels.includes(label) || b.labels.includes(label)),
  });
  return repeatInto(builder, inner, {
    contraction,
    missing: out.filter((label) => !labels.includes(label) && !b.labels.includes(label)),
  });
};

/** Axes of a broadcast's result along which its operand repeats. */
export function repeatedAxes({ a, shape }: BroadcastNode): number[] {
  const missing = shape.length - a.shape.length;
  return range(shape.length).filter((axis) => shape[axis] !== 1 && (a.shape[axis - missing] ?? 1) === 1);
}

/** The broadcast with only some of its axes. */
export function narrowed(builder: Builder, { a, shape }: BroadcastNode, axes: readonly number[]): Node {
  const missing = shape.length - a.shape.length;
  const own = axes.map((axis) => a.shape[axis - missing] ?? 1);
  return builder.broadcast(
    builder.reshape(a, own),
    axes.map((axis) => at(shape, axis)),
  );
}

/** Without the axes along which a value only repeats. */
export function thinned({ node, labels }: Labelled, builder: Builder): Labelled {
  if (node.op !== "broadcast") return { node, labels };
  const repeated = repeatedAxes(node);
  const axes = range(labels.length).filter((axis) => !repeated.includes(axis));
  return { node: narrowed(builder, node, axes), labels: axes.map((axis) => at(labels, axis)) };
}

/** `inner`, which lacks the axes `missing` of the contraction's result, repeated along them. */
function repeatInto(
  builder: Builder,
  inner: Node,
  { contraction, missing }: { contraction: Contraction; missing: readonly number[] },
): Node {
  const sizes = sizesOf(contraction);
  const shape = contraction.out.map((label) => sizes.get(label) as number);
  const thin = contraction.out.map((label, axis) => (missing.includes(label) ? 1 : at(shape, axis)));
  return builder.broadcast(builder.reshape(inner, thin), shape);
}

/** Times one everywhere: a sum over the labels that do not come out. */
const sumOnly: ContractRule = (contraction, builder) => {
  const { a, b, out } = contraction;
  const lost = b.labels.some((label) => !a.labels.includes(label) && !out.includes(label));
  if (uniformValue(b.node) !== 1 || lost) return undefined;
  const kept = a.labels.filter((label) => out.includes(label));
  const sum = builder.sum(
    a.node,
    range(a.labels.length).filter((axis) => !out.includes(at(a.labels, axis))),
  );
  const wanted = out.filter((label) => kept.includes(label));
  const ordered = builder.transpose(
    sum,
    wanted.map((label) => kept.indexOf(label)),
  );
  return repeatInto(builder, ordered, { contraction, missing: out.filter((label) => !kept.includes(label)) });
};

/** Nothing is summed, and a has every label: a product cell by cell. */
const productOnly: ContractRule = ({ a, b, out }, builder) => {
  const whole = out.length === a.labels.length && b.labels.every((label) => a.labels.includes(label));
  if (!whole) return undefined;
  const [x, y] = [spread(builder, a, { out, shape: a }), spread(builder, b, { out, shape: a })];
  return builder.mul(x, y);
};

/** A value with its axes in the order `out`, repeated along those it lacks; sizes are those of `shape`. */
function spread(
  builder: Builder,
  { node, labels }: Labelled,
  { out, shape }: { out: readonly number[]; shape: Labelled },
): Node {
  const own = out.filter((label) => labels.includes(label));
  const ordered = builder.transpose(
    node,
    own.map((label) => labels.indexOf(label)),
  );
  const sizes = out.map((label) => at(shape.node.shape, shape.labels.indexOf(label)));
  const thin = out.map((label, axis) => (labels.includes(label) ? at(sizes, axis) : 1));
  return builder.broadcast(builder.reshape(ordered, thin), sizes);
}
