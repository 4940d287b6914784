/**
 * The arguments of a call: rows and shared values as users pass them, read into flat floats of one width.
 *
 * In: positional arguments or one object of named ones. Out: the signature to trace for, one array per input and the
 * number of rows. Always: every row input has the same number of rows, and errors name the input.
 */

import { type RowsInput, toRows } from "../data/rows.ts";
import { type FloatType, shapeSize, showShape } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { flattenArguments } from "../trace/arguments.ts";
import { isPlainObject } from "../trace/structure.ts";
import { describe, type InputSpec, type Signature } from "../trace/trace.ts";

/** Flat floats of a kernel's width. */
export type Floats = Float32Array | Float64Array;

/** A call's arguments, read. */
export interface CallArguments {
  readonly signature: Signature;
  /** One array per input of the signature. */
  readonly data: readonly Floats[];
  readonly n: number;
  readonly dtype: FloatType;
  /** Where the rows had another width. */
  readonly converted: boolean;
}

/** How to read arguments. */
export interface ReadOptions {
  /** Inputs all rows share, by name or position. */
  readonly shared: readonly (string | number)[];
  /** The width to convert to; by default the rows decide. */
  readonly dtype: FloatType | undefined;
  /** Known shapes of inputs by name: a model's, or those of an earlier call (used for `[]` alone). */
  readonly shapeOf: (name: string, empty: boolean) => readonly number[] | undefined;
  /** Each argument is one row, not rows. */
  readonly single: boolean;
}

interface Read extends InputSpec {
  readonly data: Floats;
  readonly n: number | undefined;
}

/** Reads the arguments of a call. */
export function readArguments(args: readonly unknown[], options: ReadOptions): CallArguments {
  const { leaves, structure } = flattenArguments(args, { isLeaf: isGiven, refuse: refused });
  if (leaves.length === 0)
    throw new UsageError("JR401", "rows are needed: J(X), or J({ x: X, u: U }) for named inputs");
  const inputs = leaves.map(({ name, value }, index) => readOne({ name, value, index }, options));
  checkShared(options.shared, inputs);
  const n = commonCount(inputs);
  const rows = inputs.filter(({ level }) => level === "row");
  const own: FloatType = rows.every(({ data }) => data instanceof Float32Array) ? "f32" : "f64";
  const dtype = options.dtype ?? own;
  return {
    signature: { structure, inputs: inputs.map(({ data: _data, n: _n, ...input }) => input) },
    data: inputs.map(({ data }) => inWidth(data, dtype)),
    n,
    dtype,
    converted: dtype !== own,
  };
}

/** A signature from shapes alone, for compiling before the first call; `f.arity` is 0 where that is not known. */
export function signatureOf(
  shapes: unknown,
  shared: readonly (string | number)[],
  f: { readonly name: string; readonly arity: number },
): Signature {
  if (typeof shapes === "number")
    throw new UsageError("JR402", `a shape is an array of sizes: write inputs: [${shapes}]`);
  const args: readonly unknown[] = isShape(shapes) || !Array.isArray(shapes) ? [shapes] : shapes;
  if (f.arity > 0 && args.length !== f.arity) throw miscounted(args, f);
  const { leaves, structure } = flattenArguments(args, {
    isLeaf: isShape,
    refuse: (value) => new UsageError("JR402", `a shape is an array of sizes, not ${describe(value)}`),
  });
  for (const { value } of leaves) shapeSize(value);
  const inputs = leaves.map(({ name, value }, index): InputSpec => {
    const level = shared.includes(name) || shared.includes(index) ? "bound" : "row";
    return { name, shape: value, level };
  });
  return { structure, inputs };
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => typeof size === "number");
}

/** `inputs: [6, 6]` is one matrix, where two vectors are often meant. */
function miscounted(shapes: readonly unknown[], f: { name: string; arity: number }): UsageError {
  const [first] = shapes;
  const sizes = shapes.length === 1 && isShape(first) ? first : [];
  const given = sizes.length > 0 ? `one shape ${showShape(sizes)}` : countOf(shapes.length, "shape");
  const meant = sizes.length === f.arity ? sizes.map((size) => `[${size}]`) : Array(f.arity).fill("[…]");
  const fix = f.arity === 1 ? "one shape is [3] or [4, 4]" : `write [${meant.join(", ")}]`;
  return new UsageError(
    "JR442",
    `${f.name} takes ${countOf(f.arity, "argument")}, inputs has ${given}: ${fix}`,
  );
}

/** 1 argument, 2 arguments. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Rows are anything but a plain object of named inputs. */
function isGiven(value: unknown): value is unknown {
  return !isPlainObject(value) || "data" in value;
}

function refused(value: unknown, path: string): UsageError {
  return new UsageError(
    "JR402",
    `argument ${path} is ${describe(value)}; rows are nested arrays or { data, shape }`,
  );
}

function readOne(leaf: { name: string; value: unknown; index: number }, options: ReadOptions): Read {
  const { name, value, index } = leaf;
  if (options.shared.includes(name) || options.shared.includes(index)) {
    const { data, shape } = readShared(value, name);
    return { name, shape, level: "bound", data, n: undefined };
  }
  const given = options.single ? asRows(value) : value;
  const empty = Array.isArray(given) && given.length === 0;
  const shown = name === "x" ? "X" : name;
  const { data, n, rowShape } = toRows(given as RowsInput, options.shapeOf(name, empty), { name: shown });
  const how = howGiven(shown, { n, shape: rowShape, single: options.single });
  return { name, shape: rowShape, level: "row", data, n, ...(how !== undefined && { given: how }) };
}

/** Rows where one row is meant, and the reverse: the function sees other axes than its author had in mind. */
function howGiven(
  name: string,
  { n, shape, single }: { n: number; shape: readonly number[]; single: boolean },
): string | undefined {
  if (single && shape.length === 1) return undefined;
  if (single)
    return shape.length === 0
      ? `one takes one row, and ${name} was given as one number`
      : `one takes one row, and ${name} was given as ${shape.join(" × ")}: for rows write J.sync(X)`;
  if (shape.length > 0) return undefined;
  return `${name} is ${n} rows of one number each; for one row write [x] or J.one(x)`;
}

/** One row as rows. */
function asRows(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Float64Array)
    return { data: value, shape: [1, value.length] };
  if (
    typeof value === "object" &&
    value !== null &&
    "data" in value &&
    "shape" in value &&
    Array.isArray(value.shape)
  ) {
    return { data: value.data, shape: [1, ...(value.shape as number[])] };
  }
  return [value];
}

/** The value of a shared input: a number, nested arrays, a typed array or `{ data, shape }`. */
export function readShared(value: unknown, name: string): { data: Floats; shape: readonly number[] } {
  if (typeof value === "number") return { data: Float64Array.of(value), shape: [] };
  const { data, rowShape } = toRows(asRows(value) as RowsInput, undefined, { name });
  return { data, shape: rowShape };
}

/** Refuses names of shared inputs that no input has. */
export function checkShared(shared: readonly (string | number)[], inputs: readonly InputSpec[]): void {
  const missing = shared.find((one) => !inputs.some(({ name }, index) => name === one || index === one));
  if (missing === undefined) return;
  throw new UsageError(
    "JR403",
    `shared names ${missing}, which was not given; the call has ${inputs.map(({ name }) => name).join(", ")}: name one of these, or its position`,
  );
}

function commonCount(inputs: readonly Read[]): number {
  const counted = inputs.filter(({ n }) => n !== undefined);
  const [first] = counted;
  if (first === undefined)
    throw new UsageError("JR404", "every input is shared: at least one must have rows");
  const odd = counted.find(({ n }) => n !== first.n);
  if (odd === undefined) return first.n as number;
  throw new UsageError(
    "JR405",
    `${first.name} has ${first.n} rows, but ${odd.name} has ${odd.n}; what all rows share is named by shared: ["${odd.name}"]`,
  );
}

/** The same numbers in another width; no copy where the width is right. */
export function inWidth(data: Floats, dtype: FloatType): Floats {
  if (dtype === "f32") return data instanceof Float32Array ? data : new Float32Array(data);
  return data instanceof Float64Array ? data : new Float64Array(data);
}

/** Text that is equal for calls that can share compiled code. */
export function signatureKey({ structure, inputs }: Signature, dtype: FloatType): string {
  const kinds = structure.kind === "array" ? structure.items.map(({ kind }) => kind).join() : "";
  const parts = inputs.map(({ name, shape, level }) => `${name}:${level}:${shape.join("x")}`);
  return `${dtype} ${kinds} ${parts.join(" ")}`;
}
