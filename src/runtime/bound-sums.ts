/**
 * Sums over rows of a bound run: the partial sums of every range in arrays made once, joined in place.
 *
 * In: the running sums of each range. Out: the outputs that follow all rows. Always: the numbers that a call of the same rows
 * gives. Outputs that are sums themselves take no memory; what is computed from sums is evaluated anew.
 */

import { sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import type { Lowered, RowSum } from "../lower/loops.ts";
import { mirrored } from "../lower/symmetric-sums.ts";
import { finished, outputsOf } from "./finish.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** The running sums of one kernel: a vector of lanes per cell. */
export interface SumShape {
  readonly lowered: Lowered;
  readonly width: number;
  readonly ranges: number;
}

/** Preallocated sums over rows and what follows them. */
export class BoundSums {
  readonly #program: Program;
  readonly #lowered: Lowered;
  readonly #places: readonly Place[];
  /** By sum, then by range. */
  readonly #partials: readonly (readonly Float64Array[])[];
  readonly #outs: readonly FloatArray[];
  /** For every output the sum that it shows; undefined if all must be evaluated. */
  readonly #direct: readonly number[] | undefined;

  constructor(program: Program, { lowered, width, ranges }: SumShape, outs: readonly FloatArray[]) {
    this.#program = program;
    this.#lowered = lowered;
    this.#places = lowered.sums.map(({ buffer }) => {
      const start = lowered.placement.get(buffer) as number;
      return { start: start * width, width };
    });
    this.#partials = lowered.sums.map(({ buffer }) =>
      Array.from({ length: Math.max(1, ranges) }, () => new Float64Array(buffer.cells)),
    );
    this.#outs = outputsOf(program, "finish", outs);
    const shown = outputsOf(program, "finish", program.outputs).map(({ value }) =>
      shownSum(value, lowered.sums),
    );
    this.#direct = shown.includes(-1) ? undefined : shown;
  }

  /** Adds up the lanes of a range's running sums, in order. */
  collect(range: number, area: FloatArray): void {
    for (let sum = 0; sum < this.#partials.length; sum++) {
      const partial = this.#partials[sum]?.[range] as Float64Array;
      addLanes(partial, area, this.#places[sum] as Place);
    }
  }

  /** Joins the ranges and writes the outputs. */
  finish(shared: ReadonlyMap<InputNode, FloatArray>): void {
    for (let sum = 0; sum < this.#partials.length; sum++)
      joinInPlace(this.#partials[sum] as readonly Float64Array[]);
    if (this.#direct === undefined) return this.#evaluate(shared);
    for (let output = 0; output < this.#direct.length; output++)
      this.#outs[output]?.set(this.#partials[this.#direct[output] as number]?.[0] as Float64Array);
  }

  #evaluate(shared: ReadonlyMap<InputNode, FloatArray>): void {
    const sums = this.#lowered.sums.map(({ source, symmetric }, index) => {
      const held = this.#partials[index]?.[0] as Float64Array;
      return [source, symmetric === undefined ? held : mirrored(held, symmetric)] as const;
    });
    finished(this.#program, shared, new Map(sums)).forEach((values, index) => this.#outs[index]?.set(values));
  }
}

/** The sum whose cells an output has in the same order; −1 if it is none. */
function shownSum(value: Node, sums: readonly RowSum[]): number {
  if (value.op === "reshape") return shownSum(value.a, sums);
  return sums.findIndex(
    ({ source, symmetric, buffer }) =>
      source === value && symmetric === undefined && buffer.cells === sizeOf(value.shape),
  );
}

/** Where a sum's running lanes start, and how many a cell has. */
interface Place {
  readonly start: number;
  readonly width: number;
}

/** Adds each cell's lanes in order: an even number of them, two at a time. */
function addLanes(partial: Float64Array, area: FloatArray, { start, width }: Place): void {
  for (let cell = 0, at = start; cell < partial.length; cell++) {
    let sum = 0;
    for (const end = at + width; at < end; at += 2)
      sum = sum + (area[at] as number) + (area[at + 1] as number);
    partial[cell] = sum;
  }
}

/** The tree of `joinPartialSums`: neighbours are added until the first holds all. */
function joinInPlace(partials: readonly Float64Array[]): void {
  for (let step = 1; step < partials.length; step *= 2)
    for (let left = 0; left + step < partials.length; left += 2 * step)
      addTo(partials[left] as Float64Array, partials[left + step] as Float64Array);
}

function addTo(sum: Float64Array, other: Float64Array): void {
  for (let cell = 0; cell < sum.length; cell++) sum[cell] = (sum[cell] as number) + (other[cell] as number);
}
