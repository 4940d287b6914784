/**
 * The diagonal of matrices (the last two axes) computed cell by cell: of a product only the cells that are read, so that trace(A · B) takes as many
 * products as A has cells.
 *
 * A diagonal is a slice with step columns + 1 of a flattened matrix; it moves into elementwise operands, repeated
 * ones and the operands of a contraction.
 */

import { operandsOf } from "../ir/graph.ts";
import { isBinary, isCompare, isLogic, isUnary } from "../ir/ops.ts";
import { rebuild } from "../ir/rebuild.ts";
import type { ContractNode, Node, SliceNode } from "../ir/types.ts";
import type { RuleContext } from "./rewrite.ts";

/** The diagonal of matrices that nothing else reads, taken of their operands. */
export function diagonalRule({ a, starts, steps, shape }: SliceNode, context: RuleContext): Node | undefined {
  if (a.op !== "reshape" || !context.readOnce(a)) return undefined;
  const matrix = a.a;
  const lead = matrix.shape.slice(0, -2);
  const [rows, columns] = matrix.shape.slice(-2);
  if (rows === undefined || columns === undefined) return undefined;
  const count = Math.min(rows, columns);
  const wanted = [
    { list: a.shape, is: [...lead, rows * columns] },
    { list: shape, is: [...lead, count] },
    { list: starts, is: [...lead.map(() => 0), 0] },
    { list: steps, is: [...lead.map(() => 1), columns + 1] },
  ];
  if (count < 2 || !wanted.every(({ list, is }) => list.join() === is.join())) return undefined;
  return isComputed(matrix) && context.readOnce(matrix) ? new Diagonal(context, count).of(matrix) : undefined;
}

/** Does the diagonal move into the node's operands? */
function isComputed(node: Node): boolean {
  return ["contract", "broadcast", "transpose"].includes(node.op) || isElementwise(node);
}

function isElementwise({ op }: Node): boolean {
  if (isUnary(op) || isBinary(op) || isCompare(op) || isLogic(op)) return true;
  return op === "not" || op === "select" || op === "convert";
}

class Diagonal {
  readonly #builder: RuleContext["builder"];
  readonly #count: number;
  readonly #known = new Map<Node, Node>();

  constructor({ builder }: RuleContext, count: number) {
    this.#builder = builder;
    this.#count = count;
  }

  of(matrix: Node): Node {
    const known = this.#known.get(matrix) ?? this.#made(matrix);
    this.#known.set(matrix, known);
    return known;
  }

  #made(matrix: Node): Node {
    const b = this.#builder;
    if (isElementwise(matrix))
      return rebuild(
        b,
        matrix,
        operandsOf(matrix).map((operand) => this.of(operand)),
      );
    const lead = matrix.shape.slice(0, -2);
    if (matrix.op === "transpose") {
      const kept = lead.every((_, axis) => matrix.order[axis] === axis);
      return kept ? this.of(matrix.a) : this.#plain(matrix);
    }
    if (matrix.op === "broadcast") {
      const [row, column] = [1, 1, ...matrix.a.shape].slice(-2) as [number, number];
      if (row > 1 && column > 1) return this.#plain(matrix);
      const line = b.reshape(matrix.a, [...matrix.a.shape.slice(0, -2), row * column]);
      const cut = row * column === 1 ? line : this.#cut(line, line.shape.length - 1);
      return b.broadcast(cut, [...lead, this.#count]);
    }
    return matrix.op === "contract" ? this.#contracted(matrix) : this.#plain(matrix);
  }

  /** Both axes of the result carry one label; no operand may have both. */
  #contracted(node: ContractNode): Node {
    const [row, column] = node.outLabels.slice(-2) as [number, number];
    const sides = [
      { operand: node.a, labels: node.aLabels },
      { operand: node.b, labels: node.bLabels },
    ];
    if (sides.some(({ labels }) => labels.includes(row) && labels.includes(column))) return this.#plain(node);
    const [a, b] = sides.map(({ operand, labels }) => {
      const axis = labels.findIndex((label) => label === row || label === column);
      return axis < 0
        ? { node: operand, labels }
        : { node: this.#cut(operand, axis), labels: labels.with(axis, row) };
    }) as [{ node: Node; labels: number[] }, { node: Node; labels: number[] }];
    return this.#builder.contract(a.node, b.node, {
      a: a.labels,
      b: b.labels,
      out: node.outLabels.slice(0, -1),
    });
  }

  /** The first cells of an axis. */
  #cut(node: Node, axis: number): Node {
    return this.#builder.slice(node, {
      starts: node.shape.map(() => 0),
      steps: node.shape.map(() => 1),
      shape: node.shape.with(axis, this.#count),
    });
  }

  #plain(matrix: Node): Node {
    const b = this.#builder;
    const lead = matrix.shape.slice(0, -2);
    const [rows, columns] = matrix.shape.slice(-2) as [number, number];
    const flat = b.reshape(matrix, [...lead, rows * columns]);
    return b.slice(flat, {
      starts: flat.shape.map(() => 0),
      steps: [...lead.map(() => 1), columns + 1],
      shape: [...lead, this.#count],
    });
  }
}
