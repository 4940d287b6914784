/**
 * Parts of a sparse Jacobian without the rest: its diagonal, Σ J², JᵀJ, J Jᵀ, and products with a vector, from its structural
 * nonzeros alone. Work and memory are those of the nonzeros.
 *
 * In: nodes that read a `jacobian` node. Out: what they read, if it is one of these; and the nodes that compute it.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { ContractNode, JacobianNode, Node, Shape } from "../ir/types.ts";
import type { Pattern } from "./pattern.ts";
import { arranged, type JacobianProduct, jacobianProduct, untransposed } from "./products.ts";

/** What a node reads of a Jacobian. */
export type Part =
  | { readonly kind: "diagonal"; readonly jacobian: JacobianNode }
  | { readonly kind: "squares"; readonly jacobian: JacobianNode }
  | {
      /** Σ over all axes of the outputs (JᵀJ) or of the inputs (J Jᵀ). */
      readonly kind: "gram";
      readonly jacobian: JacobianNode;
      readonly summed: "out" | "in";
      /** Labels of the kept axes, of the first factor and of the second, and of the result. */
      readonly labels: readonly [first: readonly number[], second: readonly number[]];
      readonly result: readonly number[];
    }
  | { readonly kind: "product"; readonly jacobian: JacobianNode; readonly product: JacobianProduct };

/** The Jacobian's nonzeros as a program of one output (nnz,), and where they stand. */
export interface SparseJacobian {
  readonly values: Node;
  readonly pattern: Pattern;
}

/** The part that a node is, if it is one. */
export function partOf(node: Node): Part | undefined {
  if (node.op === "slice") return diagonalPart(node);
  if (node.op === "contract") return gramPart(node) ?? productPart(node);
  if (node.op !== "reduceSum" || node.axes.length !== node.a.shape.length) return undefined;
  const { a } = node;
  if (a.op !== "mul" || a.a !== a.b || a.a.op !== "jacobian") return undefined;
  return { kind: "squares", jacobian: a.a };
}

function productPart(node: ContractNode): Part | undefined {
  const product = jacobianProduct(node);
  return product && { kind: "product", jacobian: product.jacobian, product };
}

/** Every (columns + 1)-th cell of a flattened matrix. */
function diagonalPart({ a, starts, steps, shape }: Extract<Node, { op: "slice" }>): Part | undefined {
  if (a.op !== "reshape" || a.a.op !== "jacobian" || a.shape.length !== 1) return undefined;
  const [rows, columns] = a.a.shape;
  if (a.a.shape.length !== 2 || rows === undefined || columns === undefined) return undefined;
  const found = starts[0] === 0 && steps[0] === columns + 1 && shape[0] === Math.min(rows, columns);
  return found ? { kind: "diagonal", jacobian: a.a } : undefined;
}

function gramPart(node: ContractNode): Part | undefined {
  const first = untransposed(node.a, node.aLabels);
  const second = untransposed(node.b, node.bLabels);
  if (first.node.op !== "jacobian" || first.node !== second.node) return undefined;
  const jacobian = first.node;
  const rank = at(jacobian.program.outputs, jacobian.output).value.shape.length;
  const result = node.outLabels;
  const same = (from: number, to?: number): boolean =>
    first.labels.slice(from, to).every((label, axis) => label === second.labels[from + axis]) &&
    first.labels.slice(from, to).every((label) => !result.includes(label));
  if (same(0)) return { kind: "squares", jacobian };
  const kept = (from: number, to?: number): [readonly number[], readonly number[]] => [
    first.labels.slice(from, to),
    second.labels.slice(from, to),
  ];
  const free = ([x, y]: readonly [readonly number[], readonly number[]]): boolean =>
    x.every((label) => !y.includes(label)) && [...x, ...y].every((label) => result.includes(label));
  if (same(0, rank) && free(kept(rank)))
    return { kind: "gram", jacobian, summed: "out", labels: kept(rank), result };
  return same(rank) && free(kept(0, rank))
    ? { kind: "gram", jacobian, summed: "in", labels: kept(0, rank), result }
    : undefined;
}

/** Can the part be had from nonzeros? Products with more than a vector cannot. */
export function isSparsePart(part: Part): boolean {
  if (part.kind !== "product") return true;
  const { side, labels } = part.product;
  const summed = side === "out" ? labels.outputs : labels.inputs;
  return labels.vector.length === summed.length;
}

/** The part's value; `vector` is the other operand of a product. */
export function partNode(
  b: Builder,
  part: Part,
  { sparse, shapes, vector }: { sparse: SparseJacobian; shapes: readonly [Shape, Shape]; vector?: Node },
): Node {
  const { values, pattern } = sparse;
  switch (part.kind) {
    case "diagonal":
      return diagonalNode(b, sparse);
    case "squares":
      return b.contract(values, values, { a: [0], b: [0], out: [] });
    case "gram": {
      const kept = part.summed === "out" ? shapes[1] : shapes[0];
      const node = b.reshape(gramNode(b, part.summed, sparse), [...kept, ...kept]);
      return arranged(b, node, { from: part.labels.flat(), to: part.result });
    }
    case "product": {
      const { side, labels } = part.product;
      const [summed, kept] =
        side === "out" ? [labels.outputs, labels.inputs] : [labels.inputs, labels.outputs];
      const flat = arranged(b, vector as Node, { from: labels.vector, to: summed });
      const [from, to] = side === "out" ? [pattern.rows, pattern.columns] : [pattern.columns, pattern.rows];
      const terms = b.mul(values, picked(b, b.reshape(flat, [sizeOf(flat.shape)]), from));
      const shape = side === "out" ? shapes[1] : shapes[0];
      const node = b.reshape(placed(b, terms, { targets: to, size: sizeOf(shape) }), shape);
      return arranged(b, node, { from: kept, to: labels.result });
    }
  }
}

function diagonalNode(b: Builder, { values, pattern }: SparseJacobian): Node {
  const on = range(pattern.rows.length).filter((entry) => pattern.rows[entry] === pattern.columns[entry]);
  const targets = on.map((entry) => pattern.rows[entry] as number);
  return placed(b, picked(b, values, on), { targets, size: Math.min(...pattern.shape) });
}

/** Products of all pairs of nonzeros of one row (or column), added at their columns (or rows). */
function gramNode(b: Builder, summed: "out" | "in", { values, pattern }: SparseJacobian): Node {
  const [lines, kept] = summed === "out" ? [pattern.rows, pattern.columns] : [pattern.columns, pattern.rows];
  const size = summed === "out" ? pattern.shape[1] : pattern.shape[0];
  const byLine = new Map<number, number[]>();
  lines.forEach((line, entry) => byLine.set(line, [...(byLine.get(line) ?? []), entry]));
  const pairs = [...byLine.values()].flatMap((entries) =>
    entries.flatMap((left) => entries.map((right) => [left, right] as const)),
  );
  const side = (which: 0 | 1): Node =>
    picked(
      b,
      values,
      pairs.map((pair) => pair[which]),
    );
  const targets = pairs.map(([left, right]) => (kept[left] as number) * size + (kept[right] as number));
  return placed(b, b.mul(side(0), side(1)), { targets, size: size * size });
}

/** cells[order]; the cells themselves where that is their own order. */
function picked(b: Builder, cells: Node, order: ArrayLike<number>): Node {
  const same =
    order.length === cells.shape[0] && range(order.length).every((place) => order[place] === place);
  return same ? cells : b.gather(cells, indices(b, order), 0);
}

/** Zeros of `size` with each cell added at its target; a reordering where every cell has one. */
function placed(
  b: Builder,
  cells: Node,
  { targets, size }: { targets: ArrayLike<number>; size: number },
): Node {
  if (targets.length === 0) return b.constant(0, [size]);
  const order = new Array<number>(size).fill(-1);
  for (let place = 0; place < targets.length; place++) order[targets[place] as number] = place;
  const whole = targets.length === size && !order.includes(-1);
  return whole ? picked(b, cells, order) : b.scatterAdd(cells, indices(b, targets), { axis: 0, size });
}

const indices = (b: Builder, values: ArrayLike<number>): Node =>
  b.constant(Float64Array.from(values), [values.length], "int");
