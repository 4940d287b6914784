/**
 * Exact local identities, applied while nodes are made.
 *
 * Only rewrites that give the same bits for every input (the sign of a zero and x³ apart): x·1, x + 0, −(−x), folding of
 * uniform constants, and movements that move nothing. x·0 stays: it is NaN at ∞. Structural zeros never reach here.
 */

import type { Builder, Draft, DraftOf } from "./builder.ts";
import { binaryOps, compareOps, isBinary, isCompare, isUnary, unaryOps, wholeOf } from "./ops.ts";
import { sameShape } from "./shape.ts";
import type { BinaryNode, CompareNode, Node, NodeOf, ReduceNode, Shape, UnaryNode } from "./types.ts";

/** The number a node has in every cell, if it is a constant with one. */
export function uniformValue(node: Node): number | undefined {
  return node.op === "constant" && node.values.length === 1 ? node.values[0] : undefined;
}

/** Is every cell 0 or 1, known when compiling? Judged by how derivatives make such matrices, without looking at the cells. */
export function isSelection(node: Node): boolean {
  let base = node;
  while (base.op === "reshape" || base.op === "transpose" || base.op === "slice") base = base.a;
  return base.level === "constant" && base.op === "convert" && base.a.cell === "bool";
}

/** A simpler node equal to the draft, or undefined. */
export function simplified(b: Builder, draft: Draft): Node | undefined {
  if (isUnary(draft.op)) return unary(b, draft as DraftOf<UnaryNode>);
  if (isBinary(draft.op)) return binary(b, draft as DraftOf<BinaryNode>);
  if (isCompare(draft.op)) return compare(b, draft as DraftOf<CompareNode>);
  const rule = rules[draft.op];
  return rule === undefined ? undefined : rule(b, draft as never);
}

const rules: { readonly [K in Draft["op"]]?: (b: Builder, draft: DraftOf<NodeOf<K>>) => Node | undefined } = {
  not: (_, { a }) => (a.op === "not" ? a.a : undefined),
  select: (_, { condition, a, b }) => {
    const known = uniformValue(condition);
    if (known !== undefined) return known === 0 ? b : a;
    return a === b ? a : undefined;
  },
  convert: (b, { a, shape, cell }) => {
    const value = uniformValue(a);
    return value === undefined ? undefined : b.constant(cell === "int" ? wholeOf(value) : value, shape, cell);
  },
  reshape: (b, { a, shape }) => {
    if (sameShape(a.shape, shape)) return a;
    if (a.op === "reshape") return b.reshape(a.a, shape);
    return moved(b, a, shape) ?? (a.op === "constant" ? b.constant(a.values, shape, a.cell) : undefined);
  },
  transpose: (b, { a, order, shape }) => {
    if (order.every((axis, index) => axis === index)) return a;
    if (a.op === "transpose")
      return b.transpose(
        a.a,
        order.map((axis) => a.order[axis] as number),
      );
    return moved(b, a, shape);
  },
  broadcast: (b, { a, shape }) => {
    if (a.op === "broadcast") return b.broadcast(a.a, shape);
    return moved(b, a, shape);
  },
  slice: (b, { a, starts, steps, shape }) => {
    if (
      sameShape(shape, a.shape) &&
      starts.every((start) => start === 0) &&
      steps.every((step) => step === 1)
    )
      return a;
    return moved(b, a, shape);
  },
  pad: (_, { a, starts, steps, shape }) =>
    sameShape(shape, a.shape) && starts.every((start) => start === 0) && steps.every((step) => step === 1)
      ? a
      : undefined,
  concat: (_, { parts }) => (parts.length === 1 ? parts[0] : undefined),
  reduceSum: (b, draft) => reduced(b, draft),
  reduceProd: (b, draft) => reduced(b, draft),
  reduceMax: (b, draft) => reduced(b, draft),
  reduceMin: (b, draft) => reduced(b, draft),
  any: (b, draft) => reduced(b, draft),
  all: (b, draft) => reduced(b, draft),
};

/** Moving the cells of a uniform constant gives a uniform constant. */
function moved(b: Builder, a: Node, shape: Shape): Node | undefined {
  const value = uniformValue(a);
  return value === undefined ? undefined : b.constant(value, shape, a.cell);
}

/** A reduction over axes of size one only drops them. */
function reduced(b: Builder, { a, axes, shape }: DraftOf<ReduceNode>): Node | undefined {
  return axes.every((axis) => a.shape[axis] === 1) ? b.reshape(a, shape) : undefined;
}

function unary(b: Builder, { op, a, shape }: DraftOf<UnaryNode>): Node | undefined {
  const value = uniformValue(a);
  if (value !== undefined) return b.constant(unaryOps[op](value), shape, a.cell);
  if (op === "neg" && a.op === "neg") return a.a;
  if (op === "neg" && a.op === "sub") return b.sub(a.b, a.a);
  return op === "abs" && (a.op === "abs" || a.op === "neg") ? b.unary("abs", a.a) : undefined;
}

function binary(b: Builder, { op, a, b: c, shape }: DraftOf<BinaryNode>): Node | undefined {
  const [x, y] = [uniformValue(a), uniformValue(c)];
  if (x !== undefined && y !== undefined && a.cell === "float") return b.constant(binaryOps[op](x, y), shape);
  if (op === "add") return sum(b, [a, c], [x, y]);
  if (op === "mul") return product(b, [a, c], [x, y]);
  if (op === "sub") return difference(b, [a, c], [x, y]);
  if (op === "div") return quotient(b, [a, c], y);
  return op === "pow" ? power(b, a, y) : undefined;
}

function sum(
  b: Builder,
  [a, c]: [Node, Node],
  [x, y]: [number | undefined, number | undefined],
): Node | undefined {
  if (x === 0) return c;
  if (y === 0) return a;
  if (c.op === "neg") return b.sub(a, c.a);
  if (a.op === "neg") return b.sub(c, a.a);
  return a.id > c.id ? b.add(c, a) : undefined;
}

/** Signs move outwards: −a − c = −(a + c) has the same bits, and shares a + c. */
function difference(
  b: Builder,
  [a, c]: [Node, Node],
  [x, y]: [number | undefined, number | undefined],
): Node | undefined {
  if (y === 0) return a;
  if (x === 0) return b.neg(c);
  if (c.op === "neg") return b.add(a, c.a);
  return a.op === "neg" ? b.neg(b.add(a.a, c)) : undefined;
}

function quotient(b: Builder, [a, c]: [Node, Node], y: number | undefined): Node | undefined {
  if (y === 1) return a;
  if (y === -1) return b.neg(a);
  if (a.op === "neg") return b.neg(b.div(a.a, c));
  return c.op === "neg" ? b.neg(b.div(a, c.a)) : undefined;
}

function product(
  b: Builder,
  [a, c]: [Node, Node],
  [x, y]: [number | undefined, number | undefined],
): Node | undefined {
  if (x === 1) return c;
  if (y === 1) return a;
  if (x === -1) return b.neg(c);
  if (y === -1) return b.neg(a);
  if (a.op === "neg" && c.op === "neg") return b.mul(a.a, c.a);
  if (a.op === "neg") return b.neg(b.mul(a.a, c));
  if (c.op === "neg") return b.neg(b.mul(a, c.a));
  return a.id > c.id ? b.mul(c, a) : undefined;
}

/** Small exponents as products: far cheaper, and at most an ulp off. */
function power(b: Builder, a: Node, exponent: number | undefined): Node | undefined {
  if (exponent === 0) return b.constant(1, a.shape);
  if (exponent === 1) return a;
  if (exponent === 2) return b.mul(a, a);
  if (exponent === 3) return b.mul(b.mul(a, a), a);
  if (exponent === -1) return b.div(b.constant(1, a.shape), a);
  return undefined;
}

function compare(b: Builder, { op, a, b: c, shape }: DraftOf<CompareNode>): Node | undefined {
  const [x, y] = [uniformValue(a), uniformValue(c)];
  return x === undefined || y === undefined
    ? undefined
    : b.constant(compareOps[op](x, y) ? 1 : 0, shape, "bool");
}
