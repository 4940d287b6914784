/**
 * Calls like the one before: arguments of the same form are read without being taken apart and described again.
 *
 * In: arguments, and what the call before was. Out: the call, or undefined where anything differs (names, shapes, widths) or the
 * numbers are not in typed arrays yet. Then `readArguments` reads them, and says what is wrong with them.
 */

import { sizeOf } from "../ir/shape.ts";
import { isPlainObject, type Structure } from "../trace/structure.ts";
import type { CallArguments, Floats } from "./arguments.ts";

/** What calls of one form share. */
export interface CallForm extends Pick<CallArguments, "signature" | "dtype"> {
  /** Inputs may also be given one by one, in order, whatever the structure (a model's). */
  readonly positional: boolean;
}

interface Shaped {
  readonly data: Floats;
  readonly shape: readonly unknown[];
}

/** Reads arguments of the form; `single`: each is one row. */
export function readAgain(
  args: readonly unknown[],
  { signature, dtype, positional }: CallForm,
  single: boolean,
): CallArguments | undefined {
  const { inputs, structure } = signature;
  const found: unknown[] = [];
  const leaves = collect(structure, args, found) ? found : positional ? args : [];
  if (leaves.length !== inputs.length) return undefined;
  const wanted = dtype === "f32" ? Float32Array : Float64Array;
  const data: Floats[] = [];
  let n = single ? 1 : undefined;
  for (let index = 0; index < inputs.length; index++) {
    const { shape, level } = inputs[index] as (typeof inputs)[number];
    const isRows = level === "row" && !single;
    const given = shaped(leaves[index], isRows);
    if (given === undefined || !(given.data instanceof wanted)) return undefined;
    const count = isRows ? (given.shape[0] as number) : 1;
    if (!endsIn(given.shape, shape, isRows ? 1 : 0) || !Number.isInteger(count)) return undefined;
    const size = sizeOf(shape);
    // No numbers: the array may have lost its memory, and `readArguments` says so.
    if (count * size === 0 || given.data.length !== count * size) return undefined;
    if (isRows && count !== (n ??= count)) return undefined;
    data.push(given.data);
  }
  return n === undefined ? undefined : { signature, data, n, dtype, converted: false };
}

/** Adds the leaves of what has this structure. */
function collect(structure: Structure, value: unknown, leaves: unknown[]): boolean {
  if (structure.kind === "leaf") {
    leaves.push(value);
    return true;
  }
  if (structure.kind === "array") {
    const { items } = structure;
    if (!Array.isArray(value) || value.length !== items.length) return false;
    return items.every((item, index) => collect(item, value[index], leaves));
  }
  if (!isPlainObject(value) || "data" in value) return false;
  const { entries } = structure;
  const keys = Object.keys(value);
  if (keys.length !== entries.length) return false;
  return entries.every(([key, item], index) => key === keys[index] && collect(item, value[key], leaves));
}

/** A typed array stands for itself only where no axis of rows is meant. */
function shaped(value: unknown, isRows: boolean): Shaped | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Float32Array || value instanceof Float64Array)
    return isRows ? undefined : { data: value, shape: [value.length] };
  const { data, shape } = value as Partial<Shaped>;
  return data !== undefined && Array.isArray(shape) ? { data, shape } : undefined;
}

function endsIn(shape: readonly unknown[], end: readonly number[], from: number): boolean {
  if (shape.length !== from + end.length) return false;
  for (let axis = 0; axis < end.length; axis++) if (shape[from + axis] !== end[axis]) return false;
  return true;
}
