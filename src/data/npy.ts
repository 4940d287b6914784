/**
 * `.npy` files in memory.
 *
 * In: the bytes of a file, or an array. Out: an array in C order with the file's own element type, or the bytes numpy
 * would write. Always: an array of exactly the claimed shape, or an error with its code, the byte and the fix.
 */

import { UsageError } from "../errors.ts";
import { type ByteSource, npyHeader, readNpyHeader } from "./npy-header.ts";
import { decodeElements, type NpyData, type NpyDtype, npyDescr } from "./npy-types.ts";
import { type FloatType, shapeSize, showShape } from "./shape.ts";

/** An array read from a `.npy` file: row-major, whatever the file's order was. float16 arrives as float32 values. */
export interface NpyArray {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  readonly data: NpyData;
}

/** Reads the bytes of one `.npy` file; `name` stands in messages. Throws a `UsageError` or an `UnsupportedError`. */
export function readNpy(bytes: Uint8Array, name = "npy"): NpyArray {
  const header = readNpyHeader(bytesSource(bytes, name));
  const own = new Uint8Array(header.dataBytes);
  own.set(bytes.subarray(header.dataOffset));
  const data = decodeElements(own.buffer, header.type, header.swapped);
  const { shape, fortranOrder } = header;
  return { dtype: header.type.dtype, shape, data: fortranOrder ? toRowMajor(data, shape) : data };
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return { name, size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The bytes `numpy.save` writes for `array`. */
export function writeNpy(array: {
  readonly data: ArrayBufferView;
  readonly shape: readonly number[];
}): Uint8Array<ArrayBuffer> {
  const { data, shape } = array;
  const header = npyHeader(npyDescr(data), shape);
  const length = (data as ArrayBufferView & ArrayLike<unknown>).length;
  if (shapeSize(shape) !== length) {
    throw new UsageError("JR110", `shape ${showShape(shape)} does not hold the ${length} numbers of data`);
  }
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

/** Reorders column-major (Fortran) elements to row-major. */
export function toRowMajor<T extends NpyData>(data: T, shape: readonly number[]): T {
  const last = shape.at(-1);
  if (last === undefined || shape.length === 1 || data.length === 0) return data;
  const result = data.slice() as T;
  const step = data.length / last;
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, length) => product * length, 1),
  );
  const index = shape.map(() => 0);
  let source = 0;
  for (let target = 0; target < data.length; target += last) {
    for (let k = 0; k < last; k++) result[target + k] = data[source + k * step] as number & bigint;
    // The odometer turns over the other axes, the last of them fastest.
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      const stride = strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      source += stride;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      source -= stride * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}

/** Floats of an array, and what the conversion did in words; `report` is absent when the file already had the type. */
export interface FloatConversion {
  readonly data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  readonly shape: readonly number[];
  readonly dtype: FloatType;
  readonly report?: string;
}

/** Converts to `dtype`; without it float16 and float32 give f32 and everything else f64. */
export function npyToFloat(array: NpyArray, dtype?: FloatType): FloatConversion {
  const { data, shape } = array;
  const wanted = dtype ?? (data instanceof Float32Array ? "f32" : "f64");
  const name = wanted === "f32" ? "float32" : "float64";
  if (array.dtype === name) return { data: data as FloatConversion["data"], shape, dtype: wanted };
  const floats = convert(data, wanted);
  return { data: floats, shape, dtype: wanted, report: `${array.dtype} → ${name}${losses(data, floats)}` };
}

function convert(data: NpyData, dtype: FloatType): FloatConversion["data"] {
  if (dtype === "f32" && data instanceof Float32Array) return data;
  const floats = dtype === "f32" ? new Float32Array(data.length) : new Float64Array(data.length);
  if (!isBig(data)) floats.set(data);
  else for (let i = 0; i < data.length; i++) floats[i] = Number(data[i]);
  return floats;
}

/** What became infinite or, for integers, inexact. Rounding of floats is what was asked for and not counted. */
function losses(data: NpyData, floats: FloatConversion["data"]): string {
  if (data instanceof Float32Array) return "";
  let overflowed = 0;
  let rounded = 0;
  for (let i = 0; i < data.length; i++) {
    const before = data[i] as number | bigint;
    const after = floats[i] as number;
    if (data instanceof Float64Array)
      overflowed += Number(Number.isFinite(before) && !Number.isFinite(after));
    else rounded += Number(typeof before === "bigint" ? BigInt(after) !== before : after !== before);
  }
  if (overflowed > 0) return ` (${overflowed} of ${data.length} values overflow to infinity)`;
  return rounded > 0 ? ` (${rounded} of ${data.length} integers rounded)` : "";
}

function isBig(data: NpyData): data is BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer> {
  return data instanceof BigInt64Array || data instanceof BigUint64Array;
}
