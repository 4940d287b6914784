/**
 * Labels: named loop axes that tie the axes of values together, and nodes whose axes carry them.
 *
 * An axis of size 1 has no labels; an axis made by merging (reshape) has several, slowest first.
 */

import { invariant } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node, Shape } from "../ir/types.ts";

/** A loop axis; identity is object identity. */
export interface Label {
  readonly size: number;
}

/** Cells start + i·step of an axis of `size`; the rest of the axis is zero. */
export interface Embed {
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

/** One axis of a value: the row-major product of its labels, perhaps embedded in a longer axis. */
export interface Axis {
  readonly labels: readonly Label[];
  readonly embed?: Embed;
}

/** A node whose axes are exactly these labels, in this order. */
export interface Labelled {
  readonly node: Node;
  readonly labels: readonly Label[];
  /** Where the node is a product of a shared value and a row's: the two, for products that regroup them. */
  readonly product?: { readonly shared: Labelled; readonly row: Labelled };
}

/** A fresh loop axis. */
export const label = (size: number): Label => ({ size });

/** A fresh axis of the given size. */
export function freshAxis(size: number): Axis {
  return { labels: size === 1 ? [] : [label(size)] };
}

/** Fresh axes for every axis of a shape. */
export function freshAxes(shape: Shape): Axis[] {
  return shape.map(freshAxis);
}

/** All labels of the axes, in order. */
export function labelsOfAxes(axes: readonly Axis[]): Label[] {
  return axes.flatMap((axis) => axis.labels);
}

/** Number of cells the labels of an axis run over. */
export function coveredSize(axis: Axis): number {
  return axis.labels.reduce((size, { size: own }) => size * own, 1);
}

/** The axis' full size. */
export function axisSize(axis: Axis): number {
  return axis.embed?.size ?? coveredSize(axis);
}

/** A value of the axes' shape, its cells labelled: the axes must not be embedded. */
export function labelled(b: Builder, node: Node, axes: readonly Axis[]): Labelled {
  const labels = labelsOfAxes(axes);
  if (labels.length === 0 && node.shape.length === 0) return { node, labels };
  return {
    node: b.reshape(
      node,
      labels.map(({ size }) => size),
    ),
    labels,
  };
}

/** The node's cells in the order of `labels`, a superset of its own: missing labels get size 1, or are repeated. */
export function alignTo(b: Builder, value: Labelled, labels: readonly Label[]): Node {
  if (labels.length === 0 && value.labels.length === 0) return value.node;
  const present = labels.filter((each) => value.labels.includes(each));
  invariant(present.length === value.labels.length, "every label of a value must be among those aligned to");
  const ordered = b.transpose(
    value.node,
    present.map((each) => value.labels.indexOf(each)),
  );
  return b.reshape(
    ordered,
    labels.map((each) => (value.labels.includes(each) ? each.size : 1)),
  );
}

/** The node repeated to exactly the shape of `labels`. */
export function expandTo(b: Builder, value: Labelled, labels: readonly Label[]): Node {
  if (labels.length === 0) return alignTo(b, value, labels);
  return b.broadcast(
    alignTo(b, value, labels),
    labels.map(({ size }) => size),
  );
}

/** Sum of the labels of both, those of `first` leading. */
export function unionLabels(first: readonly Label[], second: readonly Label[]): Label[] {
  return [...first, ...second.filter((each) => !first.includes(each))];
}

/** Applies an elementwise node maker to two labelled values over the union of their labels. */
export function zip(
  make: (x: Node, y: Node) => Node,
  b: Builder,
  [x, y]: readonly [Labelled, Labelled],
): Labelled {
  const labels = unionLabels(x.labels, y.labels);
  if (labels.length === 0) return { node: make(x.node, y.node), labels };
  return {
    node: b.broadcast(
      make(alignTo(b, x, labels), alignTo(b, y, labels)),
      labels.map(({ size }) => size),
    ),
    labels,
  };
}

/** Replaces labels of a value: each entry of the map is a list (splitting) whose sizes multiply to the old size. */
export function relabel(
  b: Builder,
  value: Labelled,
  replace: ReadonlyMap<Label, readonly Label[]>,
): Labelled {
  const labels = value.labels.flatMap((each) => replace.get(each) ?? [each]);
  const { product } = value;
  return {
    node: b.reshape(
      value.node,
      labels.map(({ size }) => size),
    ),
    labels,
    ...(product && {
      product: { shared: relabel(b, product.shared, replace), row: relabel(b, product.row, replace) },
    }),
  };
}

/** Keeps cells start + i·step of one label, which becomes `to`. */
export function restrict(
  b: Builder,
  value: Labelled,
  cut: { from: Label; to: readonly Label[]; start: number; step: number },
): Labelled {
  const axis = value.labels.indexOf(cut.from);
  if (axis < 0) return value;
  const count = cut.to.reduce((size, each) => size * each.size, 1);
  const sizes = value.labels.map(({ size }) => size);
  const sliced = b.slice(value.node, {
    starts: sizes.map((_, index) => (index === axis ? cut.start : 0)),
    steps: sizes.map((_, index) => (index === axis ? cut.step : 1)),
    shape: sizes.map((size, index) => (index === axis ? count : size)),
  });
  const labels = value.labels.flatMap((each) => (each === cut.from ? cut.to : [each]));
  return {
    node: b.reshape(
      sliced,
      labels.map(({ size }) => size),
    ),
    labels,
  };
}

/** Sums (or, for bools, joins) a value over some of its labels. */
export function reduceLabels(b: Builder, value: Labelled, over: readonly Label[]): Labelled {
  const axes = value.labels.flatMap((each, axis) => (over.includes(each) ? [axis] : []));
  if (axes.length === 0) return value;
  const op = value.node.cell === "bool" ? "any" : "reduceSum";
  return {
    node: b.reduce(op, value.node, axes),
    labels: value.labels.filter((_, axis) => !axes.includes(axis)),
  };
}

/** The node of labels in exactly this order; the labels must be the same set. */
export function ordered(b: Builder, value: Labelled, labels: readonly Label[]): Node {
  return b.transpose(
    value.node,
    labels.map((each) => value.labels.indexOf(each)),
  );
}
