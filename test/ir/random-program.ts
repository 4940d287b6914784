/**
 * Random legal programs for property tests, equal for equal seeds.
 *
 * In: a seed and options. Out: a program over small shapes that uses many ops, with row and shared inputs, whose
 * values mostly stay finite; and rows to run it on.
 */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range, sameShape, sizeOf } from "../../src/ir/shape.ts";
import type { Cell, InputNode, Node, Op, Program, Shape } from "../../src/ir/types.ts";
import { Random } from "./random.ts";
import { MOST_CELLS, makers, randomConstant, randomShape, type Source } from "./random-ops.ts";

/** What random programs are made of. */
export interface RandomOptions {
  /** How many ops are drawn. */
  readonly size?: number;
  /** The ops to draw from; all but `jacobian` unless given. "rowSum" adds sums over rows at the end. */
  readonly ops?: readonly Op[];
  /** Shapes of the inputs; random unless given. Every other input is shared. */
  readonly inputs?: readonly Shape[];
  /** false keeps x·1, −(−x) and the like as they are drawn. */
  readonly identities?: boolean;
}

/** Every op a random program may have. */
export const randomOps: readonly Op[] = [
  ...(Object.keys(makers) as Op[]).filter((op) => op !== "jacobian"),
  "rowSum",
];
/** Ops with a derivative everywhere in the domains used here, and all that move cells: for comparing derivatives. */
export const smoothOps: readonly Op[] = randomOps.filter(
  (op) =>
    !/^(abs|sign|floor|ceil|round|mod|min|max|reduceM..|lt|le|eq|ne|and|or|not|any|all|convert|select|stopGradient|rowSum)$/.test(
      op,
    ),
);

const NESTING: readonly Op[] = ["scan", "call", "jacobian", "rowSum"];

/** The random program of a seed. */
export function randomProgram(seed: number, options: RandomOptions = {}): Program {
  const random = new Random(seed);
  const { size = 12, ops = randomOps } = options;
  const shapes = options.inputs ?? [[3], randomShape(random), randomShape(random)];
  const growth = new Growth(random, new Builder({ identities: options.identities ?? true }), shapes);
  growth.grow(size, ops);
  const values = growth.outputs(random.between(1, 3), ops);
  return programOf(
    `random${seed}`,
    growth.inputs,
    values.map((value, index) => ({ name: `y${index}`, value })),
  );
}

/** Numbers in [−1, 1) for each input of a program, n rows. */
export function randomInputs(program: Program, n: number, seed = 1): Float64Array[] {
  const random = new Random(seed);
  return program.inputs.map(({ shape, level }) =>
    Float64Array.from({ length: sizeOf(shape) * (level === "row" ? n : 1) }, () => random.signed()),
  );
}

/** A program under way. */
class Growth implements Source {
  readonly random: Random;
  readonly builder: Builder;
  readonly inputs: readonly InputNode[];
  readonly #pool: Node[];

  constructor(random: Random, builder: Builder, shapes: readonly Shape[]) {
    this.random = random;
    this.builder = builder;
    this.inputs = shapes.map((shape, index) =>
      builder.input(`x${index}`, shape, { level: index % 2 === 1 ? "bound" : "row" }),
    );
    this.#pool = [...this.inputs];
  }

  grow(size: number, ops: readonly Op[]): void {
    const drawable = ops.filter((op): op is keyof typeof makers => Object.hasOwn(makers, op));
    for (let i = 0; i < size; i++) {
      const op = this.random.pick(drawable);
      const make = makers[op] as (source: Source, op: Op) => Node | undefined;
      const node = make(this, op);
      if (node !== undefined && sizeOf(node.shape) <= MOST_CELLS && node.shape.length <= 5)
        this.#pool.push(node);
    }
  }

  some(cell: Cell): Node {
    const fitting = this.#pool.filter((node) => node.cell === cell && sizeOf(node.shape) > 0);
    if (fitting.length > 0) return this.random.pick(this.random.chance(0.6) ? fitting.slice(-3) : fitting);
    const b = this.builder;
    if (cell === "float") return randomConstant(this, randomShape(this.random));
    const x = b.unary("sin", this.some("float"));
    return cell === "bool" ? b.compare("lt", b.constant(0.1), x) : b.convert(b.mul(x, b.constant(5)), "int");
  }

  program(name: string, inputs: readonly Shape[], outputs: readonly Shape[]): Program {
    const inner = new Growth(this.random, new Builder(), inputs);
    const flat = (Object.keys(makers) as Op[]).filter(
      (op) => smoothOps.includes(op) && !NESTING.includes(op),
    );
    inner.grow(4, flat);
    const values = outputs.map((shape) =>
      inner.builder.unary("tanh", inner.#fitted(inner.some("float"), shape)),
    );
    return programOf(
      name,
      inner.inputs,
      values.map((value, index) => ({ name: `r${index}`, value })),
    );
  }

  /** The newest values of each cell as floats, some of them summed over rows if that is asked for. */
  outputs(count: number, ops: readonly Op[]): Node[] {
    const b = this.builder;
    const last = this.#pool.slice(-count).map((node) => b.convert(node, "float"));
    const total = b.rowSum(b.sum(at(last, 0), range(at(last, 0).shape.length)));
    const shared = this.inputs.find((input) => input.level === "bound") ?? b.constant(2);
    return ops.includes("rowSum") ? [...last, b.mul(b.unary("sin", total), shared)] : last;
  }

  /** A value of the wanted shape made from x. */
  #fitted(x: Node, shape: Shape): Node {
    const b = this.builder;
    if (sameShape(x.shape, shape)) return x;
    if (sizeOf(x.shape) === sizeOf(shape)) return b.reshape(x, shape);
    return b.mul(b.broadcast(b.sum(x, range(x.shape.length)), shape), randomConstant(this, shape));
  }
}
