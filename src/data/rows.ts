/**
 * The input side: anything a user may call rows, as one flat float array.
 *
 * In: nested arrays, `{ data, shape }`, an `NdArray`, a flat typed array where rows are scalars. Out: flat row-major data,
 * the number of rows and the shape of one. Always: float arrays are passed through without a copy, and every entry is a
 * number; anything else is a `UsageError` that names the row and the fix.
 */

import { UsageError } from "../errors.ts";
import { type FloatType, shapeSize, showShape } from "./shape.ts";

/** The typed arrays accepted as data; integers are converted to f64. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Numbers nested to any depth; a row may be a typed array. */
export type NestedRows = readonly (number | NumericArray | NestedRows)[];

/** What users may pass as rows; `(n,)` means n scalar rows. */
export type RowsInput =
  | NestedRows
  | { readonly data: NumericArray | readonly number[]; readonly shape: readonly number[] }
  | Float32Array
  | Float64Array;

/** Options of `toRows`. */
export interface RowsOptions {
  /** Name of the argument in messages; "X" when absent. */
  readonly name?: string;
  /** Converts to this type; else Float32Array stays f32 and everything else is f64. */
  readonly dtype?: FloatType;
}

/** `n` rows of shape `rowShape`, flat and row-major. */
export interface Rows {
  readonly data: Float32Array | Float64Array;
  readonly n: number;
  readonly rowShape: readonly number[];
  readonly dtype: FloatType;
}

interface Shaped {
  readonly data: Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** Reads `input` as rows, of shape `rowShape` where it is given. Throws a `UsageError` naming the place and the fix. */
export function toRows(input: RowsInput, rowShape?: readonly number[], options: RowsOptions = {}): Rows {
  const name = options.name ?? "X";
  const { data, shape } = shaped(input, rowShape, name);
  const [n, ...found] = shape;
  if (n === undefined) {
    throw new UsageError("JR120", `${name} is one number where rows are meant; did you mean [x]?`);
  }
  if (rowShape !== undefined) checkRowShape(shape, rowShape, name);
  const wanted = options.dtype ?? (data instanceof Float32Array ? "f32" : "f64");
  return { data: converted(data, wanted), n, rowShape: found, dtype: wanted };
}

function converted(data: Float32Array | Float64Array, dtype: FloatType): Float32Array | Float64Array {
  if (dtype === "f32") return data instanceof Float32Array ? data : new Float32Array(data);
  return data instanceof Float64Array ? data : new Float64Array(data);
}

function shaped(input: unknown, rowShape: readonly number[] | undefined, name: string): Shaped {
  if (Array.isArray(input)) {
    if (input.length > 0) return fromNested(input, name);
    if (rowShape !== undefined) return { data: new Float64Array(0), shape: [0, ...rowShape] };
    throw new UsageError(
      "JR121",
      `${name} is [], which does not tell the shape of a row; for no rows pass { data: new Float64Array(0), shape: [0, d] }`,
    );
  }
  if (isNumericArray(input)) return fromFlat(input, rowShape, name);
  if (typeof input === "object" && input !== null && "data" in input && "shape" in input) {
    return fromShaped(input.data, input.shape, name);
  }
  const hint = typeof input === "number" ? "; did you mean [x]?" : "";
  throw new UsageError(
    "JR122",
    `${name} must be rows (nested arrays or { data, shape }), got ${describe(input)}${hint}`,
  );
}

function fromFlat(data: NumericArray, rowShape: readonly number[] | undefined, name: string): Shaped {
  if (rowShape?.length === 0) return { data: toFloats(inMemory(data, name), name), shape: [data.length] };
  const row = rowShape === undefined ? "d" : rowShape.join(", ");
  const scalars = rowShape === undefined ? `, or shape: [${data.length}] for rows of one number each` : "";
  throw new UsageError(
    "JR123",
    `${name} is a ${describe(data)} without a shape; pass { data: ${name}, shape: [n, ${row}] }${scalars}`,
  );
}

function fromShaped(data: unknown, shape: unknown, name: string): Shaped {
  if (!Array.isArray(shape)) {
    throw new UsageError("JR124", `${name}.shape must be an array of whole numbers, got ${describe(shape)}`);
  }
  const size = shapeSize(shape as number[]);
  const isPlain = Array.isArray(data);
  if (!isPlain && !isNumericArray(data)) {
    throw new UsageError(
      "JR125",
      `${name}.data must be a typed array or an array of numbers, got ${describe(data)}`,
    );
  }
  if (data.length !== size) {
    const shown = showShape(shape as number[]);
    throw new UsageError(
      "JR126",
      `${name}.shape is ${shown}, ${size} numbers, but ${name}.data has ${data.length}`,
    );
  }
  const floats = isPlain ? fillFlat(data, name) : toFloats(inMemory(data, `${name}.data`), name);
  return { data: floats, shape: [...(shape as number[])] };
}

/** Refuses an array without memory: it looks like one of no numbers, but every use of it throws. */
export function inMemory<T extends NumericArray>(data: T, name: string): T {
  if (data.length > 0) return data;
  try {
    data.slice();
    return data;
  } catch {
    throw new UsageError(
      "JR134",
      `${name} has no memory any more: its buffer was transferred (postMessage, structuredClone) or shrunk; pass a copy`,
    );
  }
}

function fillFlat(data: readonly unknown[], name: string): Float64Array {
  const floats = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value !== "number") throw notANumber(value, `${name}.data[${i}]`);
    floats[i] = value;
  }
  return floats;
}

function toFloats(data: NumericArray, name: string): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (!isBig(data)) return new Float64Array(data);
  return Float64Array.from(data as Iterable<bigint> & ArrayLike<bigint>, (value: bigint, i: number) => {
    const float = Number(value);
    if (BigInt(float) === value) return float;
    throw new UsageError(
      "JR127",
      `${name}: entry ${i}, ${value}, is not a float64; scale the integers first`,
    );
  });
}

/** First the structure is checked and the innermost arrays are collected, then memory is taken and filled. */
function fromNested(input: readonly unknown[], name: string): Shaped {
  const shape = nestedShape(input);
  const vectors = innermost(input, shape, name);
  const width = shape.at(-1) as number;
  // Rows that are all given as Float32Array keep their type, like the array itself.
  const isSingle = vectors.every((vector) => vector instanceof Float32Array);
  const data = isSingle ? new Float32Array(shapeSize(shape)) : new Float64Array(shapeSize(shape));
  for (let v = 0; v < vectors.length; v++) {
    const vector = vectors[v] as ArrayLike<unknown>;
    for (let i = 0; i < width; i++) {
      const value = vector[i];
      if (typeof value !== "number")
        throw notANumber(value, place(name, [...unravel(v, shape.slice(0, -1)), i]));
      data[v * width + i] = value;
    }
  }
  return { data, shape };
}

/** Follows the first entries down. */
function nestedShape(input: readonly unknown[]): number[] {
  const shape: number[] = [];
  let level: unknown = input;
  while (Array.isArray(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return isNumericArray(level) ? [...shape, level.length] : shape;
}

/** The arrays of the last axis in order, each level checked to be as long as its siblings. */
function innermost(input: readonly unknown[], shape: readonly number[], name: string): ArrayLike<unknown>[] {
  const vectors: ArrayLike<unknown>[] = [];
  const path: number[] = [];
  const walk = (value: unknown): void => {
    const items = checkedItems(value, shape, { name, path });
    if (path.length === shape.length - 1) {
      vectors.push(items);
      return;
    }
    for (let i = 0; i < items.length; i++) {
      path.push(i);
      walk(items[i]);
      path.pop();
    }
  };
  walk(input);
  return vectors;
}

/** The entries of one nested level, of the length its siblings have. */
function checkedItems(
  value: unknown,
  shape: readonly number[],
  at: { name: string; path: number[] },
): ArrayLike<unknown> {
  const length = shape[at.path.length] as number;
  const isArray = Array.isArray(value) || isNumericArray(value);
  if (isArray && value.length === length && !isBig(value)) return value;
  const where = place(at.name, at.path);
  const sibling = place(
    at.name,
    at.path.map(() => 0),
  );
  if (!isArray)
    throw new UsageError("JR128", `${where} is ${describe(value)}, but ${sibling} is an array of ${length}`);
  if (isBig(value) && value.length === length) return toFloats(value, where);
  throw new UsageError(
    "JR129",
    `ragged rows: ${where} has ${value.length} entries, ${sibling} has ${length}`,
  );
}

/** The index along each axis of element `position`. */
function unravel(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const length of shape.toReversed()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}

function isBig(value: unknown): value is BigInt64Array | BigUint64Array {
  return value instanceof BigInt64Array || value instanceof BigUint64Array;
}

function checkRowShape(shape: readonly number[], rowShape: readonly number[], name: string): void {
  const found = shape.slice(1);
  if (sameShape(found, rowShape)) return;
  const wanted = `rows of shape ${showShape(rowShape)}`;
  if (sameShape(shape, rowShape)) {
    throw new UsageError(
      "JR130",
      `${name} is one row of shape ${showShape(shape)} where ${wanted} are meant; did you mean [x]?`,
    );
  }
  if (found.length === 1 && rowShape.length === 1) {
    const problem = `${name} has ${columns(found[0])}, but the function takes rows of ${rowShape[0]}`;
    throw new UsageError("JR131", `${problem}: expected shape (n, ${rowShape[0]}), got ${showShape(shape)}`);
  }
  throw new UsageError(
    "JR132",
    `${name} has shape ${showShape(shape)}, but ${wanted} are meant: expected ${showShape(["n", ...rowShape])}`,
  );
}

function columns(count: number | undefined): string {
  return count === 1 ? "1 column" : `${count} columns`;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

function notANumber(value: unknown, where: string): UsageError {
  if (Array.isArray(value) || isNumericArray(value)) {
    return new UsageError("JR128", `${where} is ${describe(value)}, but its siblings are numbers`);
  }
  const fix = typeof value === "string" ? `; convert it with Number(…)` : "";
  return new UsageError("JR133", `${where} is ${describe(value)}, not a number${fix}`);
}

function place(name: string, path: readonly number[]): string {
  return name + path.map((i) => `[${i}]`).join("");
}

function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "bigint") return `the bigint ${value}n`;
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isNumericArray(value)) return `${value.constructor.name} of ${value.length}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
