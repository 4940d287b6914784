/**
 * The arrays of a program's calls: told apart by kind, checked, and made where results are new.
 *
 * In: a program, once; then the arrays of each call. Out: the same arrays. Always: what calls have in common is counted once, and a
 * call takes no memory for arrays that it has already. Messages name the argument.
 */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import type { Dtype } from "../lower/lanes.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** An input or output: how many numbers it has, of each row or in all. */
interface Place {
  readonly name: string;
  readonly cells: number;
  readonly isRow: boolean;
}

/** Zeros of the dtype. */
export function floatsOf(dtype: Dtype, length: number): FloatArray {
  return dtype === "f32" ? new Float32Array(length) : new Float64Array(length);
}

/** What a program takes and gives. */
export class CallArrays {
  readonly dtype: Dtype;
  readonly #name: string;
  readonly #inputs: readonly Place[];
  readonly #outputs: readonly Place[];
  readonly #make: typeof floatsOf;
  readonly #hasShared: boolean;
  readonly #hasFinish: boolean;

  /** `make` gives the memory of new results, of which every number is written. */
  constructor({ name, inputs, outputs }: Program, dtype: Dtype, make: typeof floatsOf = floatsOf) {
    this.dtype = dtype;
    this.#name = name;
    this.#make = make;
    this.#inputs = inputs.map((input) => ({
      name: input.name,
      cells: sizeOf(input.shape),
      isRow: input.level === "row",
    }));
    this.#outputs = outputs.map((output) => ({
      name: output.name,
      cells: sizeOf(output.value.shape),
      isRow: output.value.level !== "finish",
    }));
    this.#hasShared = this.#inputs.some(({ isRow }) => !isRow);
    this.#hasFinish = this.#outputs.some(({ isRow }) => !isRow);
  }

  /** Throws unless there is one array of the right length per input. */
  check(given: readonly FloatArray[], n: number): void {
    if (!Number.isSafeInteger(n) || n < 0)
      throw new UsageError("JR870", `n must be a whole number of rows, not ${n}`);
    const inputs = this.#inputs;
    if (given.length !== inputs.length)
      throw new UsageError("JR871", `"${this.#name}" takes ${inputs.length} inputs, got ${given.length}`);
    for (let index = 0; index < inputs.length; index++) {
      const { name, cells, isRow } = inputs[index] as Place;
      const wanted = isRow ? n * cells : cells;
      const { length } = given[index] as FloatArray;
      if (length !== wanted)
        throw new UsageError("JR872", `input "${name}" needs ${wanted} numbers, got ${length}`);
    }
  }

  /** The arrays results go to: those given, checked, or new ones. */
  results(n: number, given: readonly FloatArray[] | undefined): FloatArray[] {
    const results = new Array<FloatArray>(this.#outputs.length);
    for (let index = 0; index < this.#outputs.length; index++) {
      const { name, cells, isRow } = this.#outputs[index] as Place;
      const length = isRow ? n * cells : cells;
      const out = given === undefined ? this.#make(this.dtype, length) : given[index];
      if (out?.length !== length)
        throw new UsageError(
          "JR873",
          `out for "${name}" needs ${length} numbers, got ${out === undefined ? 0 : out.length}`,
        );
      results[index] = out;
    }
    return results;
  }

  /** Of the inputs, those of rows. */
  rows(inputs: readonly FloatArray[]): readonly FloatArray[] {
    return this.#hasShared ? inputs.filter((_, index) => this.#inputs[index]?.isRow === true) : inputs;
  }

  /** Of the inputs, those all rows share. */
  shared(inputs: readonly FloatArray[]): readonly FloatArray[] {
    return this.#hasShared ? inputs.filter((_, index) => this.#inputs[index]?.isRow !== true) : [];
  }

  /** Of the results, those of rows. */
  rowResults(results: readonly FloatArray[]): readonly FloatArray[] {
    return this.#hasFinish ? results.filter((_, index) => this.#outputs[index]?.isRow === true) : results;
  }

  /** Of the results, those known after all rows. */
  lastResults(results: readonly FloatArray[]): readonly FloatArray[] {
    return this.#hasFinish ? results.filter((_, index) => this.#outputs[index]?.isRow !== true) : [];
  }
}
