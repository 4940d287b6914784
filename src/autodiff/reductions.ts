/** Local derivatives of products and extrema over axes. */

import type { Builder } from "../ir/builder.ts";
import type { Node, ReduceNode } from "../ir/types.ts";
import type { Partial } from "./rules.ts";

/** A reduced value repeated over the axes it lost. */
function spread(b: Builder, reduced: Node, node: ReduceNode): Node {
  const kept = node.a.shape.map((size, axis) => (node.axes.includes(axis) ? 1 : size));
  return b.broadcast(b.reshape(reduced, kept), node.a.shape);
}

/**
 * ∂Πx/∂x_k is the product of the others, also where some are zero: with z zeros and p the product of the rest,
 * it is p/x_k if z = 0, p at the zero if z = 1, and 0 otherwise.
 */
export function productRule(b: Builder, node: ReduceNode): Partial {
  const { a, axes } = node;
  const [zero, one] = [b.constant(0, a.shape), b.constant(1, a.shape)];
  const isZero = b.compare("eq", a, zero);
  const filled = b.select(isZero, one, a);
  const rest = spread(b, b.reduce("reduceProd", filled, axes), node);
  const zeros = spread(b, b.sum(b.convert(isZero, "float"), axes), node);
  const atNonzero = b.select(b.compare("eq", zeros, zero), b.div(rest, filled), zero);
  const atZero = b.select(b.compare("eq", zeros, one), rest, zero);
  return { factor: b.select(isZero, atZero, atNonzero) };
}

/** The cells that attain the extremum share 1 evenly; a NaN extremum, which no cell equals, gives 0/0 = NaN to all. */
export function extremalRule(b: Builder, node: ReduceNode): Partial {
  const extremum = spread(b, node, node);
  const attains = b.compare("eq", node.a, extremum);
  const share = b.convert(attains, "float");
  const count = spread(b, b.sum(share, node.axes), node);
  return { factor: b.div(share, count), guard: b.logic("or", attains, b.compare("ne", extremum, extremum)) };
}
