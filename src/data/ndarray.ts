/**
 * The result type of the library: numbers with a shape, row-major.
 *
 * In: a float array and a shape whose product is its length. Out: checked element access, rows without a copy, nested
 * arrays, and the text numpy would print. `data` is plain and belongs to the caller; this class never copies or writes it.
 */

import { UsageError } from "../errors.ts";
import { formatArray } from "./print.ts";
import { type FloatType, shapeSize, showShape } from "./shape.ts";

export { type RowsInput, type RowsOptions, toRows } from "./rows.ts";
export type { FloatType } from "./shape.ts";

/** The float arrays a result may hold; results own their memory unless shared memory was asked for. */
export type FloatData = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Numbers nested as deep as the rank: a number at rank 0, `number[]` at rank 1, and so on. */
export type Nested = number | Nested[];

/** A dense row-major array of `f32` or `f64` numbers. */
export class NdArray<T extends Float32Array | Float64Array = FloatData> {
  /** All elements, last axis fastest. */
  readonly data: T;
  /** Length of each axis; empty at rank 0. */
  readonly shape: readonly number[];
  /** Type of the elements. */
  readonly dtype: FloatType;

  /** Wraps `data` without copying; throws a `UsageError` when `data.length` is not the product of `shape`. */
  constructor(data: T, shape: readonly number[]) {
    const size = shapeSize(shape);
    if (size !== data.length) {
      throw new UsageError(
        "JR110",
        `shape ${showShape(shape)} holds ${size} numbers, but data has ${data.length}`,
      );
    }
    this.data = data;
    this.shape = Object.isFrozen(shape) ? shape : Object.freeze([...shape]);
    this.dtype = data instanceof Float32Array ? "f32" : "f64";
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements: the product of `shape`, 1 at rank 0. */
  get size(): number {
    return this.data.length;
  }

  /** Length of the first axis, the number of rows; 1 at rank 0. */
  get length(): number {
    return this.shape[0] ?? 1;
  }

  /** The element at one index per axis; a negative index counts from the end. Throws a `UsageError` outside the shape. */
  at(...index: number[]): number {
    if (index.length !== this.rank) {
      throw new UsageError(
        "JR111",
        `at() takes ${this.rank} indices for shape ${showShape(this.shape)}, got ${index.length}`,
      );
    }
    let offset = 0;
    for (let axis = 0; axis < index.length; axis++) {
      offset = offset * (this.shape[axis] as number) + checkedIndex(this.shape, axis, index[axis] as number);
    }
    return this.data[offset] as number;
  }

  /** Row `i`: a view on the same memory with the first axis dropped. */
  row(i: number): NdArray<T> {
    if (this.rank === 0)
      throw new UsageError("JR112", "row() needs an axis to index, but this array has rank 0");
    const row = checkedIndex(this.shape, 0, i);
    const rowShape = this.shape.slice(1);
    const width = shapeSize(rowShape);
    return new NdArray(this.data.subarray(row * width, (row + 1) * width) as T, rowShape);
  }

  /** The rows in order, as `row(0)`, `row(1)`, and so on. */
  *[Symbol.iterator](): Generator<NdArray<T>> {
    for (let i = 0; i < this.length; i++) yield this.row(i);
  }

  /** A copy as nested arrays; a plain number at rank 0. */
  toArray(): Nested {
    return nest(this.data, this.shape);
  }

  /** `{ shape, dtype, data }` with flat data, which `toRows` reads back. JSON has no NaN or infinity: both become null. */
  toJSON(): { shape: readonly number[]; dtype: FloatType; data: number[] } {
    return { shape: this.shape, dtype: this.dtype, data: Array.from(this.data) };
  }

  /** The text numpy's `str` gives. */
  toString(): string {
    return formatArray(this.data, this.shape, { separator: " " });
  }

  /** The text numpy's `repr` gives. */
  inspect(): string {
    return formatArray(this.data, this.shape, { separator: ", ", repr: true });
  }

  static {
    // What Node's console prints; a plain computed method would need a type that isolated declarations cannot write.
    const key = Symbol.for("nodejs.util.inspect.custom");
    Object.defineProperty(this.prototype, key, { value: this.prototype.inspect });
  }
}

function checkedIndex(shape: readonly number[], axis: number, index: number): number {
  const length = shape[axis] as number;
  const fromStart = index < 0 ? index + length : index;
  if (Number.isInteger(index) && fromStart >= 0 && fromStart < length) return fromStart;
  throw new UsageError("JR115", `index ${index} is outside axis ${axis} of shape ${showShape(shape)}`);
}

function nest(data: Float32Array | Float64Array, shape: readonly number[]): Nested {
  const walk = (axis: number, offset: number, size: number): Nested => {
    const length = shape[axis];
    if (length === undefined) return data[offset] as number;
    const step = size / length;
    if (axis === shape.length - 1) return Array.from(data.subarray(offset, offset + length));
    return Array.from({ length }, (_, i) => walk(axis + 1, offset + i * step, step));
  };
  return walk(0, 0, data.length);
}
