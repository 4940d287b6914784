/**
 * Calls like the one before: arguments of the same form are read without being taken apart and described again.
 *
 * In: arguments, and what the call before was. Out: the call, or undefined where anything differs (names, shapes, widths) or the
 * numbers are not in typed arrays yet. Then `readArguments` reads them, and says what is wrong with them. Loops, not closures: this
 * runs before every small kernel, most often before it has been compiled.
 */

import { sizeOf } from "../ir/shape.ts";
import { isPlainObject, type Structure } from "../trace/structure.ts";
import type { CallArguments, Floats } from "./arguments.ts";

/** What calls of one form share. */
export interface CallForm extends Pick<CallArguments, "signature" | "dtype"> {
  /** Inputs may also be given one by one, in order, whatever the structure (a model's). */
  readonly positional: boolean;
  readonly inputs: readonly FormInput[];
}

interface FormInput {
  readonly shape: readonly number[];
  readonly cells: number;
  readonly isRow: boolean;
}

/** What calls share that are like one of this signature and width. */
export function callForm(
  { signature, dtype }: Pick<CallArguments, "signature" | "dtype">,
  positional: boolean,
): CallForm {
  const inputs = signature.inputs.map(({ shape, level }) => ({
    shape,
    cells: sizeOf(shape),
    isRow: level === "row",
  }));
  return { signature, dtype, positional, inputs };
}

/** Reads arguments of the form; `single`: each is one row. */
export function readAgain(
  args: readonly unknown[],
  { signature, dtype, positional, inputs }: CallForm,
  single: boolean,
): CallArguments | undefined {
  const leaves = leavesOf(signature.structure, args) ?? (positional ? args : undefined);
  if (leaves?.length !== inputs.length) return undefined;
  const data = new Array<Floats>(inputs.length);
  let n = single ? 1 : -1;
  for (let index = 0; index < inputs.length; index++) {
    const { shape, cells, isRow } = inputs[index] as FormInput;
    const rows = isRow && !single;
    const leaf = leaves[index];
    const floats = floatsIn(leaf);
    const count = countOf(leaf, shape, rows);
    if (floats === undefined || !(floats instanceof (dtype === "f32" ? Float32Array : Float64Array)))
      return undefined;
    // No numbers: the array may have lost its memory, and `readArguments` says so.
    if (!(count * cells > 0) || floats.length !== count * cells) return undefined;
    if (rows && n < 0) n = count;
    if (rows && count !== n) return undefined;
    data[index] = floats;
  }
  return n < 0 ? undefined : { signature, data, n, dtype, converted: false };
}

/** The leaves of what has this structure: the arguments themselves where they are a list of leaves. */
function leavesOf(structure: Structure, args: readonly unknown[]): readonly unknown[] | undefined {
  if (structure.kind === "array" && structure.items.length === 1 && structure.items[0]?.kind === "leaf")
    return args;
  const leaves: unknown[] = [];
  return collect(structure, args, leaves) ? leaves : undefined;
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
    for (let index = 0; index < items.length; index++)
      if (!collect(items[index] as Structure, value[index], leaves)) return false;
    return true;
  }
  if (!isPlainObject(value) || "data" in value) return false;
  const { entries } = structure;
  const keys = Object.keys(value);
  if (keys.length !== entries.length) return false;
  for (let index = 0; index < entries.length; index++) {
    const [key, item] = entries[index] as (typeof entries)[number];
    if (key !== keys[index] || !collect(item, value[key], leaves)) return false;
  }
  return true;
}

/** The numbers of a typed array or of `{ data, shape }`. */
function floatsIn(value: unknown): Floats | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const data: unknown = isFloats(value) ? value : (value as { data?: unknown }).data;
  return isFloats(data) ? data : undefined;
}

function isFloats(value: unknown): value is Floats {
  return value instanceof Float32Array || value instanceof Float64Array;
}

/**
 * How many values of this shape there are, an axis of rows in front of it or not; NaN where the shape is another. A typed array stands
 * for itself only where no axis of rows is meant.
 */
function countOf(value: unknown, shape: readonly number[], rows: boolean): number {
  if (isFloats(value)) return !rows && shape.length === 1 && value.length === shape[0] ? 1 : Number.NaN;
  const given: unknown = (value as { shape?: unknown } | null | undefined)?.shape;
  const from = rows ? 1 : 0;
  if (!Array.isArray(given) || given.length !== shape.length + from) return Number.NaN;
  for (let axis = 0; axis < shape.length; axis++) if (given[from + axis] !== shape[axis]) return Number.NaN;
  const count: unknown = rows ? given[0] : 1;
  return Number.isInteger(count) ? (count as number) : Number.NaN;
}
