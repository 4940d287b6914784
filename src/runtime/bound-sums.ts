/**
 * Sums over rows of a bound run: the partial sums of every range in arrays made once, joined in place.
 *
 * In: the sums of each range, all cells in one array. Out: the outputs that follow all rows. Always: the numbers that a call of the same
 * rows gives. Outputs that are sums themselves take no memory; what is computed from sums is evaluated anew.
 */

import { sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import type { Lowered, RowSum } from "../lower/loops.ts";
import { sumCells } from "../lower/sums.ts";
import { finished, outputsOf } from "./finish.ts";
import { cellsOf, joinPartialSums, sumsIn } from "./row-sums.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** An output and the sum that it shows, or its negative. */
interface Shown {
  readonly out: FloatArray;
  readonly sum: Float64Array;
  readonly sign: 1 | -1;
}

/** Preallocated sums over rows and what follows them. */
export class BoundSums {
  readonly #program: Program;
  readonly #lowered: Lowered;
  /** By range. */
  readonly #partials: readonly Float64Array[];
  readonly #outs: readonly FloatArray[];
  /** Undefined if outputs must be evaluated. */
  readonly #shown: readonly Shown[] | undefined;

  constructor(
    program: Program,
    { lowered, partials }: { lowered: Lowered; partials: readonly Float64Array[] },
    outs: readonly FloatArray[],
  ) {
    this.#program = program;
    this.#lowered = lowered;
    this.#partials = partials;
    this.#outs = outputsOf(program, "finish", outs);
    const total = partials[0];
    const shown = outputsOf(program, "finish", program.outputs).flatMap(({ value }, index) => {
      const sum = total && shownSum(value, lowered, total);
      return sum === undefined ? [] : [{ out: this.#outs[index] as FloatArray, ...sum }];
    });
    this.#shown = shown.length === this.#outs.length ? shown : undefined;
  }

  /** Joins the ranges and writes the outputs. */
  finish(shared: ReadonlyMap<InputNode, FloatArray>): void {
    const all = joinPartialSums(this.#partials, sumCells(this.#lowered.sums));
    if (this.#shown === undefined) return this.#evaluate(all, shared);
    for (let output = 0; output < this.#shown.length; output++) show(this.#shown[output] as Shown);
  }

  #evaluate(all: Float64Array, shared: ReadonlyMap<InputNode, FloatArray>): void {
    const sums = sumsIn(this.#lowered, all);
    finished(this.#program, shared, sums).forEach((values, index) => this.#outs[index]?.set(values));
  }
}

/** Where an output is a sum with its cells in the same order, or its negative: those cells. */
function shownSum(value: Node, lowered: Lowered, total: Float64Array): Omit<Shown, "out"> | undefined {
  if (value.op === "reshape") return shownSum(value.a, lowered, total);
  if (value.op === "neg") {
    const shown = shownSum(value.a, lowered, total);
    return shown && { sum: shown.sum, sign: shown.sign === 1 ? -1 : 1 };
  }
  const isShown = ({ source, symmetric, buffer }: RowSum): boolean =>
    source === value && symmetric === undefined && buffer.cells === sizeOf(value.shape);
  const sum = lowered.sums.find(isShown);
  return sum && { sum: cellsOf(lowered, sum, total), sign: 1 };
}

/** In a loop: `set` is slower between widths. */
function show({ out, sum, sign }: Shown): void {
  for (let cell = 0; cell < out.length; cell++) out[cell] = sign * (sum[cell] as number);
}
