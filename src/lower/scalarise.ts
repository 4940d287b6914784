/**
 * A whole program as scalar expressions: every cell of every node an `Expr`, for programs that are mostly formulas.
 *
 * Movements (reshape, transpose, pad, …) are evaluated by the row program's own rules on cell numbers instead of values,
 * number 0 being the structural zero; constants are folded; cells nobody reads are never seen again.
 */

import { invariant, UnsupportedError } from "../errors.ts";
import { evaluateNode } from "../ir/evaluate.ts";
import { operandsOf } from "../ir/graph.ts";
import { isReduce } from "../ir/ops.ts";
import { at, range, sizeOf, stridesOf } from "../ir/shape.ts";
import type { ContractNode, Node, Program, ReduceNode, ReduceOp, Shape } from "../ir/types.ts";
import { MOVEMENTS } from "../optimize/scalar-cells.ts";
import { labelSizes } from "./contractions.ts";
import { functionOf } from "./decide.ts";
import { cellIn, type Homes } from "./homes.ts";
import type { Access, ElementwiseOp, Expr, Store } from "./loops.ts";
import { Scalars } from "./scalars.ts";
import type { Home } from "./tasks.ts";

/** The stores of all outputs' cells into their homes; `homes` gives inputs and bound values their buffers. */
export function scalarised(
  program: Program,
  order: readonly Node[],
  { homes, outputs }: { homes: Homes; outputs: readonly Home[] },
): Store[] {
  const cells = new Cells(homes);
  for (const node of order) cells.add(node);
  return program.outputs.flatMap(({ value }, index) =>
    cells
      .of(value)
      .map((expr, cell): Store => ({ access: accessOf(at(outputs, index), cell, value.shape), value: expr })),
  );
}

/** A row-major cell of a value in its home. */
function accessOf(home: Home, cell: number, shape: Shape): Access {
  const coordinates = coordinatesOf(cell, shape).map((offset) => ({ offset, terms: [] }));
  return { buffer: home.buffer, index: cellIn(home, coordinates) };
}

class Cells {
  readonly scalars: Scalars = new Scalars();
  readonly #homes: Homes;
  readonly #cells = new Map<Node, readonly Expr[]>();
  readonly #numbers = new Map<Expr, number>();
  readonly #numbered: Expr[] = [this.scalars.zero];

  constructor(homes: Homes) {
    this.#homes = homes;
  }

  of(node: Node): readonly Expr[] {
    const cells = this.#cells.get(node);
    invariant(cells !== undefined, `${node.op} %${node.id} is read before it is expanded`);
    return cells;
  }

  add(node: Node): void {
    this.#cells.set(node, node.level === "row" ? this.#row(node) : this.#known(node));
  }

  /** Constants become numbers, views of bound values stay views, other bound values are loaded. */
  #known(node: Node): readonly Expr[] {
    if (node.level === "finish")
      throw new UnsupportedError("JR850", `sums over rows (${node.op}) are not lowered yet`);
    if (node.level === "constant") {
      const operands = operandsOf(node).map((operand) => ({
        data: Float64Array.from(this.of(operand), (expr) => (expr as { value: number }).value),
        shape: operand.shape,
      }));
      return Array.from(evaluateNode(node, operands).data, (value) => this.scalars.literal(value, node.cell));
    }
    if (MOVEMENTS.has(node.op) && operandsOf(node).every((operand) => operand.level !== "row"))
      return this.#moved(node);
    return this.#loads(node);
  }

  #loads(node: Node): readonly Expr[] {
    const home = this.#homes.readOf(node);
    return range(sizeOf(node.shape)).map((cell) => this.scalars.load(accessOf(home, cell, node.shape)));
  }

  #row(node: Node): readonly Expr[] {
    const name = functionOf(node);
    if (name !== undefined) return this.#elementwise(node, name);
    if (isReduce(node.op)) return this.#reduced(node as ReduceNode);
    if (MOVEMENTS.has(node.op)) return this.#moved(node);
    switch (node.op) {
      case "input":
        return this.#loads(node);
      case "select": {
        const [conditions, a, b] = [this.of(node.condition), this.of(node.a), this.of(node.b)];
        return conditions.map((condition, cell) => this.scalars.select(condition, at(a, cell), at(b, cell)));
      }
      case "convert":
        return this.of(node.a).map((cell) => this.scalars.convert(cell, node.a.cell, node.cell));
      case "contract":
        return this.#contracted(node);
      case "gather":
        return this.#gathered(node);
      case "scatterAdd":
      case "unwindow":
        return this.#scattered(node);
      default:
        throw new UnsupportedError("JR852", `${node.op} reached lowering: it must be expanded before`);
    }
  }

  /** A factor 0 that the user wrote is no structural zero: 0 · ∞ stays NaN. */
  #elementwise(node: Node, name: ElementwiseOp): readonly Expr[] {
    const operands = operandsOf(node);
    const parts = operands.map((operand) => this.of(operand));
    const cell = at(operands, 0).cell;
    const literally =
      name === "mul" &&
      operands.some(
        (operand) => operand.op === "constant" && operand.values.length === 1 && operand.values[0] === 0,
      );
    return range(sizeOf(node.shape)).map((index) => {
      const args = parts.map((part) => at(part, index));
      return literally ? this.scalars.plain(name, cell, args) : this.scalars.elementwise(name, cell, args);
    });
  }

  /** The cells a movement gives, found by moving numbers that stand for cells. */
  #moved(node: Node): readonly Expr[] {
    const operands = operandsOf(node).map((operand) => ({
      data: Float64Array.from(this.of(operand), (cell) => this.#number(cell)),
      shape: operand.shape,
    }));
    const moved = evaluateNode(node, operands).data;
    return Array.from(moved, (number) =>
      number === 0 ? this.scalars.literal(0, node.cell) : at(this.#numbered, number),
    );
  }

  #number(expr: Expr): number {
    const known = this.#numbers.get(expr);
    if (known !== undefined) return known;
    this.#numbers.set(expr, this.#numbered.length);
    this.#numbered.push(expr);
    return this.#numbered.length - 1;
  }

  #reduced(node: ReduceNode): readonly Expr[] {
    const parts = this.of(node.a);
    const groups: Expr[][] = range(sizeOf(node.shape)).map(() => []);
    const outStrides = stridesOf(node.shape);
    const kept = range(node.a.shape.length).filter((axis) => !node.axes.includes(axis));
    parts.forEach((part, cell) => {
      const place = coordinatesOf(cell, node.a.shape);
      at(
        groups,
        kept.reduce((sum, axis, index) => sum + at(place, axis) * at(outStrides, index), 0),
      ).push(part);
    });
    return groups.map((group) => this.#joined(node, group));
  }

  #joined(node: ReduceNode, parts: readonly Expr[]): Expr {
    if (node.op === "reduceSum" && node.cell === "float") return this.scalars.sum(parts);
    const name = STEPS[node.op];
    const [first, ...rest] = parts;
    return rest.reduce<Expr>(
      (total, part) => this.scalars.elementwise(name, node.cell, [total, part]),
      first ?? this.scalars.literal(0, node.cell),
    );
  }

  #contracted(node: ContractNode): readonly Expr[] {
    const sizes = labelSizes(node);
    const summed = [...sizes.keys()].filter((label) => !node.outLabels.includes(label));
    const inner = summed.map((label) => sizes.get(label) as number);
    const [a, b] = [this.of(node.a), this.of(node.b)];
    const [cellA, cellB] = [cellBy(node.aLabels, node.a.shape), cellBy(node.bLabels, node.b.shape)];
    return range(sizeOf(node.shape)).map((cell) => {
      const place = new Map<number, number>();
      coordinatesOf(cell, node.shape).forEach((index, axis) => place.set(at(node.outLabels, axis), index));
      const terms = range(sizeOf(inner)).map((step) => {
        coordinatesOf(step, inner).forEach((index, axis) => place.set(at(summed, axis), index));
        return this.scalars.mul(at(a, cellA(place)), at(b, cellB(place)));
      });
      return this.scalars.sum(terms);
    });
  }

  /** A row's own index chooses among all positions. */
  #gathered(node: Extract<Node, { op: "gather" }>): readonly Expr[] {
    if (this.of(node.indices).every((index) => index.op === "literal")) return this.#picked(node);
    const before = node.a.shape.slice(0, node.axis);
    const after = node.a.shape.slice(node.axis + 1);
    const [size, tail, count] = [at(node.a.shape, node.axis), sizeOf(after), sizeOf(node.indices.shape)];
    const [cells, indices] = [this.of(node.a), this.of(node.indices)];
    return range(sizeOf(before) * count * tail).map((cell) => {
      const [head, which, rest] = coordinatesOf(cell, [sizeOf(before), count, tail]) as [
        number,
        number,
        number,
      ];
      const choose = (position: number): Expr => at(cells, (head * size + position) * tail + rest);
      return range(size - 1).reduce<Expr>(
        (chosen, position) =>
          this.scalars.select(this.#isAt(at(indices, which), position), choose(position), chosen),
        choose(size - 1),
      );
    });
  }

  #picked(node: Extract<Node, { op: "gather" }>): readonly Expr[] {
    const places = {
      data: Float64Array.from(this.of(node.indices), (index) => (index as { value: number }).value),
      shape: node.indices.shape,
    };
    const numbers = {
      data: Float64Array.from(this.of(node.a), (cell) => this.#number(cell)),
      shape: node.a.shape,
    };
    return Array.from(evaluateNode(node, [numbers, places]).data, (number) => at(this.#numbered, number));
  }

  #isAt(index: Expr, position: number): Expr {
    return this.scalars.elementwise("eq", "int", [index, this.scalars.literal(position, "int")]);
  }

  /** Sums of parts: each cell of the operand is added at its place, or, if only the row knows it, wherever its index says. */
  #scattered(node: Extract<Node, { op: "scatterAdd" | "unwindow" }>): readonly Expr[] {
    const sums: Expr[] = range(sizeOf(node.shape)).map(() => this.scalars.literal(0, node.cell));
    const put = (cell: number, part: Expr): void => {
      sums[cell] = this.scalars.elementwise("add", node.cell, [at(sums, cell), part]);
    };
    if (node.op === "unwindow") {
      const { axis, stride, dilation } = node;
      this.of(node.a).forEach((part, cell) => {
        const place = coordinatesOf(cell, node.a.shape);
        place.splice(axis, 2, at(place, axis) * stride + at(place, axis + 1) * dilation);
        put(cellOf(place, node.shape), part);
      });
      return sums;
    }
    const rank = node.indices.shape.length;
    this.of(node.a).forEach((part, cell) => {
      const place = coordinatesOf(cell, node.a.shape);
      const index = at(
        this.of(node.indices),
        cellOf(place.slice(node.axis, node.axis + rank), node.indices.shape),
      );
      const cellAt = (position: number): number =>
        cellOf([...place.slice(0, node.axis), position, ...place.slice(node.axis + rank)], node.shape);
      if (index.op === "literal") put(cellAt(index.value), part);
      else
        for (const position of range(at(node.shape, node.axis)))
          put(
            cellAt(position),
            this.scalars.select(this.#isAt(index, position), part, this.scalars.literal(0, node.cell)),
          );
    });
    return sums;
  }
}

const STEPS: Readonly<Record<ReduceOp, ElementwiseOp>> = {
  reduceSum: "add",
  reduceProd: "mul",
  reduceMax: "max",
  reduceMin: "min",
  any: "or",
  all: "and",
};

/** The coordinates of a row-major cell number. */
function coordinatesOf(cell: number, shape: readonly number[]): number[] {
  const place = new Array<number>(shape.length);
  let rest = cell;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place[axis] = rest % at(shape, axis);
    rest = Math.floor(rest / at(shape, axis));
  }
  return place;
}

function cellOf(place: readonly number[], shape: readonly number[]): number {
  return place.reduce((cell, index, axis) => cell * at(shape, axis) + index, 0);
}

function cellBy(
  labels: readonly number[],
  shape: readonly number[],
): (place: ReadonlyMap<number, number>) => number {
  return (place) =>
    cellOf(
      labels.map((label) => place.get(label) as number),
      shape,
    );
}
