/** Results of a run as arrays in the nest of the function's outputs, and the way back for arrays the caller gives. */

import { type FloatData, NdArray } from "../data/ndarray.ts";
import { inMemory } from "../data/rows.ts";
import { UsageError } from "../errors.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { type Structure, unflatten } from "../trace/structure.ts";
import { describe } from "../trace/trace.ts";
import type { Floats } from "./arguments.ts";

/** One output: the shape and number of its cells, of each row or in all. */
interface Place {
  readonly name: string;
  readonly shape: readonly number[];
  readonly cells: number;
  readonly isRow: boolean;
}

/** The results of a program's calls. */
export class Results {
  readonly #structure: Structure;
  readonly #outputs: readonly Place[];
  /** Shapes of the latest number of rows: those of the next call, mostly. */
  #shapes: { readonly rows: number | undefined; readonly all: readonly (readonly number[])[] } | undefined;

  constructor({ outputs }: Program, structure: Structure) {
    this.#structure = structure;
    this.#outputs = outputs.map(({ name, value: { shape, level } }) => ({
      name,
      shape,
      cells: sizeOf(shape),
      isRow: level !== "finish",
    }));
  }

  /** Flat results as nested arrays with an axis of so many rows, or none for one row; sums over rows have none. */
  nest(data: readonly Floats[], rows: number | undefined): unknown {
    if (this.#shapes === undefined || this.#shapes.rows !== rows)
      this.#shapes = { rows, all: this.#outputs.map((output) => shapeOf(output, rows)) };
    const shapes = this.#shapes.all;
    const structure = this.#structure;
    if (structure.kind === "leaf") return arrayOf(data, shapes, structure.index);
    return unflatten(structure, (index) => arrayOf(data, shapes, index));
  }

  /** The arrays of `out`, in the order of the program's outputs. */
  arraysOf(out: unknown): Floats[] {
    const found: Floats[] = [];
    this.#collect(this.#structure, out, found);
    return found;
  }

  #collect(part: Structure, value: unknown, found: Floats[]): void {
    if (part.kind === "leaf") found[part.index] = floatsOf(value, at(this.#outputs, part.index).name);
    else if (part.kind === "array")
      part.items.forEach((item, index) => this.#collect(item, member(value, index), found));
    else for (const [key, item] of part.entries) this.#collect(item, member(value, key), found);
  }

  /** Refuses arrays of another width or length before anything is written. */
  check(outs: readonly Floats[], { n, dtype }: { n: number; dtype: "f32" | "f64" }): void {
    for (let index = 0; index < this.#outputs.length; index++) {
      const output = at(this.#outputs, index);
      const out = at(outs, index);
      const width = out instanceof Float32Array ? "f32" : "f64";
      const length = output.isRow ? n * output.cells : output.cells;
      if (width === dtype && out.length === length) continue;
      const shape = showShape(shapeOf(output, n));
      throw new UsageError(
        "JR431",
        `out for ${output.name} must be ${dtype} of shape ${shape}, ${length} numbers; got ${width} of ${out.length}`,
      );
    }
    for (let index = 1; index < outs.length; index++)
      for (let other = 0; other < index; other++)
        if (overlap(at(outs, other), at(outs, index))) throw this.#shared(other, index);
  }

  #shared(...places: readonly number[]): UsageError {
    const names = places.map((place) => at(this.#outputs, place).name).join(" and ");
    return new UsageError("JR432", `out for ${names} share memory; give each numbers of its own`);
  }
}

/** Frozen, so that results can have it in common. */
function shapeOf({ shape, isRow }: Place, rows: number | undefined): readonly number[] {
  return Object.freeze(isRow && rows !== undefined ? [rows, ...shape] : [...shape]);
}

function arrayOf(data: readonly Floats[], shapes: readonly (readonly number[])[], index: number): NdArray {
  return new NdArray(at(data, index) as FloatData, at(shapes, index));
}

function member(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? (Reflect.get(value, key) as unknown) : undefined;
}

function floatsOf(value: unknown, name: string): Floats {
  const data = ArrayBuffer.isView(value) ? value : member(value, "data");
  if (data instanceof Float32Array || data instanceof Float64Array) return inMemory(data, `out for ${name}`);
  throw new UsageError(
    "JR430",
    `out for ${name} must be a Float32Array, a Float64Array or an NdArray, got ${describe(value)}`,
  );
}

/** Inputs as they are before results are written: those that share memory with a result are copied. */
export function beforeResults(inputs: readonly Floats[], outs: readonly Floats[]): readonly Floats[] {
  const isSafe = !inputs.some((input) => overlapsAny(input, outs));
  return isSafe ? inputs : inputs.map((input) => (overlapsAny(input, outs) ? input.slice() : input));
}

function overlapsAny(input: Floats, outs: readonly Floats[]): boolean {
  for (let index = 0; index < outs.length; index++) if (overlap(input, at(outs, index))) return true;
  return false;
}

function overlap(a: Floats, b: Floats): boolean {
  if (a.buffer !== b.buffer) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}
