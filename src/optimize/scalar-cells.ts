/**
 * The scalar cells of nodes: every cell of every value a scalar node.
 *
 * In: nodes of a builder, operands before users. Out: scalar nodes of the same builder, one per cell, row-major. Elementwise ops,
 * movements, sums and contractions are taken apart; what cannot be (calls with a tangent rule, …) stays whole between a concat
 * and slices. Values are the same to the bit, up to the order of sums.
 */

import { invariant } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { evaluateNode } from "../ir/evaluate.ts";
import { nodesOf, operandsOf, programOf, rebuild } from "../ir/graph.ts";
import { uniformValue } from "../ir/identities.ts";
import { isBinary, isCompare, isLogic, isReduce, isUnary } from "../ir/ops.ts";
import { print } from "../ir/print.ts";
import { at, range, sizeOf, stridesOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Callee, CallNode, ContractNode, Node, Program, ReduceNode } from "../ir/types.ts";

/** Nodes that only move cells: evaluated on cell numbers instead of values. */
export const MOVEMENTS: ReadonlySet<string> = new Set([
  "reshape",
  "transpose",
  "broadcast",
  "slice",
  "window",
  "concat",
  "pad",
]);

const CELLWISE: ReadonlySet<string> = new Set(["not", "convert", "select", "stopGradient"]);
const isCellwise = ({ op }: Node): boolean =>
  isUnary(op) || isBinary(op) || isCompare(op) || isLogic(op) || CELLWISE.has(op);

/** The scalar cells of nodes of one builder. */
export class ScalarCells {
  readonly #b: Builder;
  readonly #cells = new Map<Node, readonly Node[]>();
  readonly #wholes = new Map<Node, Node>();
  /** Inputs whose cells are wanted, and all that depends on them: taken apart also where they are shared. */
  readonly #split: Set<Node>;
  readonly #zero: Node;

  constructor(b: Builder, split: Iterable<Node> = []) {
    this.#b = b;
    this.#split = new Set(split);
    this.#zero = b.constant(0);
  }

  /** Takes nodes apart, operands before users; gives the readers. */
  add(order: readonly Node[]): { cells: (node: Node) => readonly Node[]; whole: (node: Node) => Node } {
    for (const node of order) if (!this.#cells.has(node)) this.#add(node);
    return { cells: (node) => this.cells(node), whole: (node) => this.whole(node) };
  }

  /** Gives a node's cells beforehand. */
  set(node: Node, cells: readonly Node[]): void {
    this.#cells.set(node, cells);
  }

  /** The scalars of a node, row-major. */
  cells(node: Node): readonly Node[] {
    const known = this.#cells.get(node);
    if (known !== undefined) return known;
    const cells = this.#slices(this.whole(node));
    this.#cells.set(node, cells);
    return cells;
  }

  /** The node put together again from its scalars. */
  whole(node: Node): Node {
    const known = this.#wholes.get(node);
    if (known !== undefined) return known;
    const cells = this.#cells.get(node);
    const made = cells === undefined ? node : fromCells(this.#b, node, cells);
    this.#wholes.set(node, made);
    return made;
  }

  #add(node: Node): void {
    if (operandsOf(node).some((operand) => this.#split.has(operand))) this.#split.add(node);
    if (node.level === "constant" && node.op === "scan") return; // its results are numbers, it is none
    if (node.level === "finish") this.#wholes.set(node, this.#rebuilt(node));
    else this.#addRow(node);
  }

  #addRow(node: Node): void {
    if (node.level === "constant" || node.op === "constant") this.#set(node, this.#constants(node));
    else if (node.op === "input" && this.#split.has(node)) this.#set(node, this.#slices(node));
    else if (node.op === "input" || (node.level === "bound" && !this.#split.has(node))) return;
    else this.#set(node, this.#apart(node) ?? this.#kept(node));
  }

  #set(node: Node, cells: readonly Node[]): void {
    invariant(cells.length === sizeOf(node.shape), `${node.op} has one scalar per cell`);
    this.#cells.set(node, cells);
  }

  #constants(node: Node): readonly Node[] {
    const operands = operandsOf(node).map((operand) => this.#numbers(operand));
    const { data } = evaluateNode(node, operands);
    const cell = (index: number): number => data[data.length === 1 ? 0 : index] as number;
    return range(sizeOf(node.shape)).map((index) => this.#b.constant(cell(index), [], node.cell));
  }

  #numbers(node: Node): Tensor {
    if (node.op === "scan")
      return evaluateNode(
        node,
        operandsOf(node).map((operand) => this.#numbers(operand)),
      );
    return {
      data: Float64Array.from(this.cells(node), (cell) => uniformValue(cell) as number),
      shape: node.shape,
    };
  }

  #slices(node: Node): readonly Node[] {
    const flat = this.#b.reshape(node, [sizeOf(node.shape)]);
    if (node.shape.length === 0) return [node];
    return range(sizeOf(node.shape)).map((cell) =>
      this.#b.reshape(this.#b.slice(flat, { starts: [cell], steps: [1], shape: [1] }), []),
    );
  }

  /** The node over whole operands, cut into slices. */
  #kept(node: Node): readonly Node[] {
    const made = this.#rebuilt(node);
    this.#wholes.set(node, made);
    return this.#slices(made);
  }

  #rebuilt(node: Node): Node {
    const operands = operandsOf(node).map((operand) => this.whole(operand));
    return rebuild(this.#b, node, operands);
  }

  #apart(node: Node): readonly Node[] | undefined {
    if (isCellwise(node)) return this.#cellwise(node);
    if (MOVEMENTS.has(node.op)) return this.#moved(node, operandsOf(node));
    if (isReduce(node.op)) return this.#reduced(node as ReduceNode);
    if (node.op === "contract") return this.#contracted(node);
    if (node.op === "call") return this.#called(node);
    const known = node.op === "gather" && node.indices.level === "constant";
    return known ? this.#moved(node, [node.a]) : undefined;
  }

  #cellwise(node: Node): readonly Node[] {
    const operands = operandsOf(node).map((operand) => this.cells(operand));
    return range(sizeOf(node.shape)).map((cell) =>
      rebuild(
        this.#b,
        node,
        operands.map((cells) => at(cells, cell)),
      ),
    );
  }

  /** Which cell goes where: the movement of the numbers 1, 2, …; 0 is padding. */
  #moved(node: Node, movedOperands: readonly Node[]): readonly Node[] {
    const all: Node[] = [this.#zeroOf(node)];
    const operands = operandsOf(node).map((operand): Tensor => {
      if (!movedOperands.includes(operand)) return this.#numbers(operand);
      const first = all.length;
      all.push(...this.cells(operand));
      return {
        data: Float64Array.from({ length: sizeOf(operand.shape) }, (_, i) => first + i),
        shape: operand.shape,
      };
    });
    return Array.from(evaluateNode(node, operands).data, (number) => at(all, number));
  }

  #zeroOf(node: Node): Node {
    return node.cell === "float" ? this.#zero : this.#b.constant(0, [], node.cell);
  }

  #reduced(node: ReduceNode): readonly Node[] | undefined {
    const parts = this.cells(node.a);
    const count = sizeOf(node.axes.map((axis) => at(node.a.shape, axis)));
    const extremal = node.op === "reduceMax" || node.op === "reduceMin";
    // Ties of more than two share evenly, which a chain of maxima would not.
    if (count === 0 || (extremal && count > 2)) return undefined;
    const groups: Node[][] = range(sizeOf(node.shape)).map(() => []);
    const kept = range(node.a.shape.length).filter((axis) => !node.axes.includes(axis));
    const place = cellBy(kept, node.a.shape, stridesOf(node.shape));
    parts.forEach((part, cell) => at(groups, place(cell)).push(part));
    if (node.op === "reduceSum" && node.cell === "float") return groups.map((group) => this.#sumOf(group));
    return groups.map((group) => group.reduce((x, y) => this.#join(node, x, y)));
  }

  #join(node: ReduceNode, x: Node, y: Node): Node {
    const b = this.#b;
    if (node.op === "any" || node.op === "all") return b.logic(node.op === "any" ? "or" : "and", x, y);
    if (node.op === "reduceSum") return b.add(x, y);
    if (node.op === "reduceProd") return b.mul(x, y);
    return b.binary(node.op === "reduceMax" ? "max" : "min", x, y);
  }

  #contracted(node: ContractNode): readonly Node[] {
    const summed = summedLabels(node);
    const labels = [...node.outLabels, ...summed];
    const points = [...node.shape, ...summedSizes(node)];
    const [a, b] = [this.cells(node.a), this.cells(node.b)];
    const [cellA, cellB] = [
      cellAt(labels, points, { own: node.aLabels, shape: node.a.shape }),
      cellAt(labels, points, { own: node.bLabels, shape: node.b.shape }),
    ];
    const terms = sizeOf(summedSizes(node));
    return range(sizeOf(node.shape)).map((cell) =>
      this.#sumOf(
        range(terms).flatMap((term) => {
          const pair = [at(a, cellA(cell * terms + term)), at(b, cellB(cell * terms + term))] as const;
          return pair.some((factor) => uniformValue(factor) === 0) ? [] : [this.#b.mul(...pair)];
        }),
      ),
    );
  }

  /** Σ terms, in pairs where there are many, as lowering adds them: what both take apart is shared. */
  #sumOf(all: readonly Node[]): Node {
    const terms = all.filter((term) => uniformValue(term) !== 0);
    if (terms.length === 0) return this.#zero;
    if (terms.length <= 4) return terms.reduce((x, y) => this.#b.add(x, y));
    const middle = terms.length >> 1;
    return this.#b.add(this.#sumOf(terms.slice(0, middle)), this.#sumOf(terms.slice(middle)));
  }

  /** Calls of elementwise functions: one call of the scalar function per cell. */
  #called(node: CallNode): readonly Node[] | undefined {
    const callee = scalarCallee(node.callee);
    if (callee === undefined) return undefined;
    const operands = node.args.map((operand) => this.cells(operand));
    return range(sizeOf(node.shape)).map((cell) =>
      this.#b.call(
        callee,
        operands.map((cells) => at(cells, cell)),
      ),
    );
  }
}

/** A value of the given shape from its scalars, row-major. */
export function fromCells(b: Builder, like: Pick<Node, "shape" | "cell">, cells: readonly Node[]): Node {
  const { shape, cell: kind } = like;
  if (cells.length === 0) return b.constant(0, shape, kind);
  const first = at(cells, 0);
  if (cells.every((cell) => cell === first)) return b.broadcast(first, shape);
  const parts = cells.map((cell) => b.reshape(cell, [1]));
  return b.reshape(b.concat(parts, 0), shape);
}

function summedLabels({ aLabels, bLabels, outLabels }: ContractNode): number[] {
  return [...new Set([...aLabels, ...bLabels])].filter((label) => !outLabels.includes(label));
}

/** Sizes of the labels a contraction sums over. */
export function summedSizes(node: ContractNode): number[] {
  const { a, b, aLabels, bLabels } = node;
  return summedLabels(node).map((label) => {
    const axis = aLabels.indexOf(label);
    return axis >= 0 ? at(a.shape, axis) : at(b.shape, bLabels.indexOf(label));
  });
}

/** From a row-major cell of `shape`, the sum of its coordinates on `axes` times `strides`. */
function cellBy(
  axes: readonly number[],
  shape: readonly number[],
  strides: readonly number[],
): (cell: number) => number {
  const own = stridesOf(shape);
  return (cell) =>
    axes.reduce(
      (sum, axis, index) => sum + (Math.floor(cell / at(own, axis)) % at(shape, axis)) * at(strides, index),
      0,
    );
}

/** From a point over `labels`, row-major, the cell of an operand that carries some of them. */
function cellAt(
  labels: readonly number[],
  sizes: readonly number[],
  operand: { own: readonly number[]; shape: readonly number[] },
): (point: number) => number {
  const axes = operand.own.map((label) => labels.indexOf(label));
  return cellBy(axes, sizes, stridesOf(operand.shape));
}

const known = new WeakMap<Callee, Callee | undefined>();
/** Scalar callees by what they are: equal ones are one object, so that the builder shares their calls. */
const scalars = new Map<string, Callee>();

/** The callee for one cell, or undefined if the callee is not elementwise. */
export function scalarCallee(callee: Callee): Callee | undefined {
  if (callee.rule?.kind !== "elementwise") return undefined;
  if (!known.has(callee)) known.set(callee, made(callee));
  return known.get(callee);
}

function made(callee: Callee): Callee | undefined {
  const { name, attributes, body, rule } = callee;
  const { value } = at(body.outputs, 0);
  const alike = body.inputs.every(({ shape }) => sizeOf(shape) === sizeOf(value.shape));
  if (rule?.kind !== "elementwise" || !alike || sizeOf(value.shape) === 0) return undefined;
  if (value.shape.length === 0) return callee;
  const [scalarBody, partials] = [oneCell(body), oneCell(rule.partials())];
  const key = JSON.stringify([name, attributes, print(scalarBody), print(partials)]);
  const scalar: Callee = scalars.get(key) ?? {
    name,
    attributes,
    body: scalarBody,
    rule: { kind: "elementwise", partials: () => partials },
  };
  scalars.set(key, Object.freeze(scalar));
  return scalar;
}

/** A program of scalars from an elementwise program: every cell of an input is the same scalar. */
function oneCell(program: Program): Program {
  const b = new Builder();
  const inputs = program.inputs.map(({ name, level, cell }) =>
    b.input(name, [], { cell, level: level === "bound" ? "bound" : "row" }),
  );
  const apart = new ScalarCells(b);
  program.inputs.forEach((input, index) => {
    apart.set(input, new Array(sizeOf(input.shape)).fill(at(inputs, index)));
  });
  const { cells } = apart.add(nodesOf(program));
  const outputs = program.outputs.map(({ name, value }) => ({ name, value: at(cells(value), 0) }));
  return programOf(program.name, inputs, outputs);
}
