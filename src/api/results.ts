/** Results of a run as arrays in the nest of the function's outputs, and the way back for arrays the caller gives. */

import { type FloatData, NdArray } from "../data/ndarray.ts";
import { inMemory } from "../data/rows.ts";
import { UsageError } from "../errors.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { type Structure, unflatten } from "../trace/structure.ts";
import { describe } from "../trace/trace.ts";
import type { Floats } from "./arguments.ts";

/** Flat results as nested arrays; `lead` is the axis of rows, [] for one row; sums over rows have none. */
export function nestResults(
  program: Program,
  structure: Structure,
  flat: { data: readonly Floats[]; lead: readonly number[] },
): unknown {
  return unflatten(structure, (index) => {
    const { shape, level } = at(program.outputs, index).value;
    const lead = level === "finish" ? [] : flat.lead;
    return new NdArray(at(flat.data, index) as FloatData, [...lead, ...shape]);
  });
}

/** The arrays of `out`, in the order of the program's outputs. */
export function outArrays(program: Program, structure: Structure, out: unknown): Floats[] {
  const found: Floats[] = [];
  const walk = (part: Structure, value: unknown): void => {
    if (part.kind === "leaf") found[part.index] = floatsOf(value, at(program.outputs, part.index).name);
    else if (part.kind === "array") part.items.forEach((item, index) => walk(item, member(value, index)));
    else for (const [key, item] of part.entries) walk(item, member(value, key));
  };
  walk(structure, out);
  return found;
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

/** Refuses arrays of another width or length before anything is written. */
export function checkOut(
  program: Program,
  outs: readonly Floats[],
  wanted: { n: number; dtype: "f32" | "f64" },
): void {
  program.outputs.forEach(({ name, value }, index) => {
    const out = at(outs, index);
    const width = out instanceof Float32Array ? "f32" : "f64";
    const full = value.level === "finish" ? value.shape : [wanted.n, ...value.shape];
    const length = sizeOf(full);
    if (width === wanted.dtype && out.length === length) return;
    const shape = showShape(full);
    throw new UsageError(
      "JR431",
      `out for ${name} must be ${wanted.dtype} of shape ${shape}, ${length} numbers; got ${width} of ${out.length}`,
    );
  });
  outs.forEach((out, index) => {
    const other = outs.findIndex((each, place) => place < index && overlap(each, out));
    if (other < 0) return;
    const names = [other, index].map((place) => at(program.outputs, place).name).join(" and ");
    throw new UsageError("JR432", `out for ${names} share memory; give each numbers of its own`);
  });
}

/** Inputs as they are before results are written: those that share memory with a result are copied. */
export function beforeResults(inputs: readonly Floats[], outs: readonly Floats[]): readonly Floats[] {
  return inputs.map((input) => (outs.some((out) => overlap(input, out)) ? input.slice() : input));
}

function overlap(a: Floats, b: Floats): boolean {
  const end = ({ byteOffset, byteLength }: Floats): number => byteOffset + byteLength;
  return a.buffer === b.buffer && a.byteOffset < end(b) && b.byteOffset < end(a);
}
