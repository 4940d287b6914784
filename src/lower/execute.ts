/**
 * Runs a lowered program in plain JavaScript, slowly: tests compare lowering with the interpreter through it.
 *
 * One tile of rows, lane by lane, in the very scratch that `placement` describes (poisoned with NaN at the start, so
 * cells read before they are written show). f32 programs round after every operation.
 */

import { InternalError } from "../errors.ts";
import {
  binaryOps,
  compareOps,
  isBinary,
  isCompare,
  isLogic,
  isUnary,
  logicOps,
  reduceOps,
  unaryOps,
  wholeOf,
} from "../ir/ops.ts";
import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { expressionsOf } from "./intern.ts";
import type {
  Access,
  Axis,
  Buffer,
  ElementwiseOp,
  Expr,
  Index,
  Lowered,
  Nest,
  Product,
  Stage,
  Store,
  Sum,
} from "./loops.ts";
import { mirrored } from "./symmetric-sums.ts";

/** What a run needs. */
export interface ExecuteInputs {
  readonly rows: number;
  /** One array per row input, rows × cells. */
  readonly inputs: readonly ArrayLike<number>[];
  /** The values of a bound buffer's source, one number or one per cell. */
  readonly bound: (source: Node) => ArrayLike<number>;
}

/** The outputs, rows × cells each, then the sums over these rows. */
export function execute(lowered: Lowered, { rows, inputs, bound }: ExecuteInputs): Float64Array[] {
  const machine = new Machine(lowered, rows, bound);
  lowered.inputs.forEach(({ buffer }, index) => machine.write(buffer, at(inputs, index)));
  for (const stage of lowered.stages) machine.run(stage);
  return [
    ...lowered.outputs.map(({ buffer }) => machine.read(buffer)),
    ...lowered.sums.map(({ buffer, symmetric }) => {
      const sums = machine.sum(buffer);
      return symmetric === undefined ? sums : mirrored(sums, symmetric);
    }),
  ];
}

/** sigmoid and softplus by their stable formulas, and what the row program's tables have. */
function applied(name: ElementwiseOp, args: readonly number[]): number {
  const [a, b, c] = args as [number, number, number];
  if (isUnary(name)) return unaryOps[name](a);
  if (isBinary(name)) return binaryOps[name](a, b);
  if (isCompare(name)) return compareOps[name](a, b) ? 1 : 0;
  if (isLogic(name)) return logicOps[name](a, b);
  if (name === "not") return a === 0 ? 1 : 0;
  if (name === "multiplyAdd") return a * b + c;
  if (name === "subtractProduct") return c - a * b;
  if (name === "sigmoid") return a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a));
  return Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
}

class Machine {
  readonly #rows: number;
  readonly #scratch: Float64Array;
  readonly #placement: ReadonlyMap<Buffer, number>;
  readonly #bound = new Map<Buffer, ArrayLike<number>>();
  readonly #round: (x: number) => number;
  readonly #sums = new Map<Buffer, Float64Array>();
  readonly #point = new Map<Axis, number>();
  #lane = 0;
  #accumulators: readonly number[] = [];

  constructor(
    { buffers, placement, scratchCells, dtype }: Lowered,
    rows: number,
    bound: (source: Node) => ArrayLike<number>,
  ) {
    this.#rows = rows;
    this.#placement = placement;
    this.#scratch = new Float64Array(scratchCells * rows).fill(Number.NaN);
    this.#round = dtype === "f32" ? Math.fround : (x) => x;
    for (const buffer of buffers)
      if (buffer.space === "bound")
        this.#bound.set(buffer, Float64Array.from(bound(buffer.source), this.#round));
  }

  write(buffer: Buffer, values: ArrayLike<number>): void {
    for (let row = 0; row < this.#rows; row++) {
      for (let cell = 0; cell < buffer.cells; cell++)
        this.#scratch[this.#cell(buffer, cell, row)] = this.#round(
          values[row * buffer.cells + cell] as number,
        );
    }
  }

  read(buffer: Buffer): Float64Array {
    return Float64Array.from(
      { length: this.#rows * buffer.cells },
      (_, place) =>
        this.#scratch[this.#cell(buffer, place % buffer.cells, Math.floor(place / buffer.cells))] as number,
    );
  }

  run(stage: Stage): void {
    if (stage.kind === "repeat")
      this.#perPoint([stage.axis], () => stage.stages.forEach((inner) => this.run(inner)));
    else if (stage.kind === "straight") this.#perLane(() => this.#store(stage.stores));
    else if (stage.kind === "nest") this.#nest(stage);
    else if (stage.kind === "sum") this.#sum(stage);
    else this.#product(stage);
  }

  /** The sums over all rows so far. */
  sum(buffer: Buffer): Float64Array {
    const known = this.#sums.get(buffer) ?? new Float64Array(buffer.cells);
    this.#sums.set(buffer, known);
    return known;
  }

  #sum({ batch, m, n, k, a, b, into }: Sum): void {
    const sums = this.sum(into.buffer);
    this.#perPoint([...batch, ...m, ...n], () => {
      const cell = this.#index(into.index);
      this.#perLane(() =>
        this.#perPoint(k, () => {
          const term = this.#round(this.#load(a) * (b === undefined ? 1 : this.#load(b)));
          sums[cell] = this.#round((sums[cell] as number) + term);
        }),
      );
    });
  }

  #nest({ axes, reduce, stores }: Nest): void {
    const folds = reduce?.folds ?? [];
    this.#perPoint(axes, () =>
      this.#perLane(() => {
        const sums = folds.map((fold) => reduceOps[fold.op].start);
        this.#perPoint(reduce?.axes ?? [], () => {
          const values = this.#values(folds.map((fold) => fold.term));
          folds.forEach((fold, index) => {
            sums[index] = this.#round(reduceOps[fold.op].step(at(sums, index), at(values, index)));
          });
        });
        this.#accumulators = sums;
        this.#store(stores);
      }),
    );
  }

  #product({ batch, m, n, k, a, b, stores }: Product): void {
    this.#perPoint([...batch, ...m, ...n], () =>
      this.#perLane(() => {
        let sum = 0;
        this.#perPoint(k, () => {
          sum = this.#round(sum + this.#round(this.#load(a) * this.#load(b)));
        });
        this.#accumulators = [sum];
        this.#store(stores);
      }),
    );
  }

  #perLane(run: () => void): void {
    for (let lane = 0; lane < this.#rows; lane++) {
      this.#lane = lane;
      run();
    }
  }

  #perPoint(axes: readonly Axis[], run: () => void): void {
    const [first, ...rest] = axes;
    if (first === undefined) return run();
    for (let step = 0; step < first.size; step++) {
      this.#point.set(first, step);
      this.#perPoint(rest, run);
    }
  }

  #store(stores: readonly Store[]): void {
    const values = this.#values(stores.map((store) => store.value));
    stores.forEach(({ access: { buffer, index } }, position) => {
      this.#scratch[this.#cell(buffer, this.#index(index), this.#lane)] = at(values, position);
    });
  }

  #values(roots: readonly Expr[]): number[] {
    const values = new Map<Expr, number>();
    for (const expr of expressionsOf(roots))
      values.set(
        expr,
        this.#evaluate(expr, (part) => values.get(part) as number),
      );
    return roots.map((root) => values.get(root) as number);
  }

  #evaluate(expr: Expr, value: (part: Expr) => number): number {
    switch (expr.op) {
      case "load":
        return this.#load(expr.access);
      case "literal":
        return expr.cell === "float" ? this.#round(expr.value) : expr.value;
      case "axis":
        return expr.scale * (this.#point.get(expr.axis) as number) + expr.offset;
      case "accumulator":
        return at(this.#accumulators, expr.index);
      case "elementwise":
        return this.#round(applied(expr.name, expr.args.map(value)));
      case "select":
        return value(expr.condition) === 0 ? value(expr.b) : value(expr.a);
      case "convert":
        return expr.to === "int" ? wholeOf(value(expr.a)) : value(expr.a);
    }
  }

  #load({ buffer, index }: Access): number {
    const cell = this.#index(index);
    const values = this.#bound.get(buffer);
    if (values !== undefined) return values[values.length === 1 ? 0 : inside(cell, buffer)] as number;
    return this.#scratch[this.#cell(buffer, cell, this.#lane)] as number;
  }

  #index({ offset, terms, indirect = [] }: Index): number {
    const direct = terms.reduce(
      (sum, { axis, stride }) => sum + stride * (this.#point.get(axis) as number),
      offset,
    );
    return indirect.reduce(
      (sum, { table, index, stride }) => sum + stride * this.#load({ buffer: table, index }),
      direct,
    );
  }

  #cell(buffer: Buffer, cell: number, lane: number): number {
    const start = this.#placement.get(buffer);
    if (start === undefined) throw new InternalError("JR415", `buffer ${buffer.name} has no place`);
    return (start + inside(cell, buffer)) * this.#rows + lane;
  }
}

function inside(cell: number, buffer: Buffer): number {
  if (!(cell >= 0 && cell < buffer.cells))
    throw new InternalError("JR416", `cell ${cell} lies outside ${buffer.name} of ${buffer.cells}`);
  return cell;
}
