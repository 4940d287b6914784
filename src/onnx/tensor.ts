/**
 * Tensors of a model as numbers.
 *
 * In: a `TensorProto`. Out: its element type, shape and values; float32 and float64 raw data stay views of the file
 * where they are aligned, everything else becomes doubles (or floats for the half types).
 * Always: as many numbers as the shape says, checked before any array is made; types we lack are refused by name.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { TensorProto } from "./model.ts";
import { type NumberRun, varintsOf } from "./wire.ts";
import { asWritten } from "./written.ts";

/** What jacrow makes of an element: floats keep their width, integers and bools are exact in doubles. */
export type Dtype = "float32" | "float64" | "int" | "bool";

/** A tensor's numbers, row-major. */
export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

interface Element {
  readonly name: string;
  readonly dtype?: Dtype;
  readonly bytes: number;
  readonly read?: (view: DataView, at: number) => number;
}

const littleEndian = true;
const elements: Readonly<Record<number, Element>> = {
  1: { name: "FLOAT", dtype: "float32", bytes: 4, read: (view, at) => view.getFloat32(at, littleEndian) },
  2: { name: "UINT8", dtype: "int", bytes: 1, read: (view, at) => view.getUint8(at) },
  3: { name: "INT8", dtype: "int", bytes: 1, read: (view, at) => view.getInt8(at) },
  4: { name: "UINT16", dtype: "int", bytes: 2, read: (view, at) => view.getUint16(at, littleEndian) },
  5: { name: "INT16", dtype: "int", bytes: 2, read: (view, at) => view.getInt16(at, littleEndian) },
  6: { name: "INT32", dtype: "int", bytes: 4, read: (view, at) => view.getInt32(at, littleEndian) },
  7: {
    name: "INT64",
    dtype: "int",
    bytes: 8,
    read: (view, at) => Number(view.getBigInt64(at, littleEndian)),
  },
  8: { name: "STRING", bytes: 0 },
  9: { name: "BOOL", dtype: "bool", bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  10: {
    name: "FLOAT16",
    dtype: "float32",
    bytes: 2,
    read: (view, at) => halfToNumber(view.getUint16(at, littleEndian)),
  },
  11: { name: "DOUBLE", dtype: "float64", bytes: 8, read: (view, at) => view.getFloat64(at, littleEndian) },
  12: { name: "UINT32", dtype: "int", bytes: 4, read: (view, at) => view.getUint32(at, littleEndian) },
  13: {
    name: "UINT64",
    dtype: "int",
    bytes: 8,
    read: (view, at) => Number(view.getBigUint64(at, littleEndian)),
  },
  14: { name: "COMPLEX64", bytes: 8 },
  15: { name: "COMPLEX128", bytes: 16 },
  16: {
    name: "BFLOAT16",
    dtype: "float32",
    bytes: 2,
    read: (view, at) => brainToNumber(view.getUint16(at, littleEndian)),
  },
};
const smallFloats =
  "FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ UINT4 INT4 FLOAT4E2M1 FLOAT8E8M0 UINT2 INT2".split(
    " ",
  );

/** The name ONNX gives an element type. */
export function elementName(type = 0): string {
  return elements[type]?.name ?? smallFloats[type - 17] ?? `element type ${type}`;
}

/** What jacrow computes an element type in; refuses types it lacks. `place` names the tensor in errors. */
export function dtypeOf(type: number | undefined, place: string): Dtype {
  const dtype = elements[type ?? 0]?.dtype;
  if (dtype === undefined)
    throw new UnsupportedError(
      "JR504",
      `${place} holds ${elementName(type)}, which jacrow cannot compute with.`,
    );
  return dtype;
}

/** Decodes a tensor. `place` names it in errors. A float32 scalar becomes the number its author wrote. */
export function readTensor(tensor: TensorProto, place: string): TensorData {
  const dtype = dtypeOf(tensor.type, place);
  const shape = shapeOf(tensor, place);
  const values =
    tensor.raw === undefined
      ? listed(tensor, { place, count: sizeOf(shape) })
      : fromRaw(tensor, { place, count: sizeOf(shape) });
  if (values.length !== 1 || dtype !== "float32") return { dtype, shape, values };
  // A lone cell with axes may be a trained weight: only very short decimals count there.
  const digits = shape.length === 0 ? 6 : 3;
  return { dtype, shape, values: Float64Array.of(asWritten(values[0] as number, digits)) };
}

/** A tensor's shape; sizes are whole numbers whose product is exact. */
export function shapeOf(tensor: TensorProto, place: string): number[] {
  const shape = varintsOf(tensor.dims, place);
  if (
    !shape.every((size) => Number.isSafeInteger(size) && size >= 0) ||
    !Number.isSafeInteger(sizeOf(shape))
  ) {
    throw new UsageError("JR505", `${place} claims the shape (${shape.join(", ")}).`);
  }
  return shape;
}

/** How many bytes of raw data a tensor needs. */
export function rawBytes(tensor: TensorProto, place: string): number {
  dtypeOf(tensor.type, place);
  return sizeOf(shapeOf(tensor, place)) * (elements[tensor.type ?? 0]?.bytes ?? 0);
}

interface Expected {
  readonly place: string;
  readonly count: number;
}

function fromRaw(tensor: TensorProto, { place, count }: Expected): Float32Array | Float64Array {
  const raw = tensor.raw as Uint8Array;
  const element = elements[tensor.type ?? 0] as Element;
  requireCount(raw.length, { place: `${place} (bytes)`, count: count * element.bytes });
  if (element.name === "FLOAT" || element.name === "DOUBLE") return floatView(raw, element.bytes);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const values = element.bytes < 4 ? new Float32Array(count) : new Float64Array(count);
  for (let index = 0; index < count; index++)
    values[index] = element.read?.(view, index * element.bytes) ?? 0;
  return values;
}

/** Little-endian floats as an array: a view if aligned (JavaScript refuses others), else a copy. */
function floatView(raw: Uint8Array, width: number): Float32Array | Float64Array {
  const bytes = raw.byteOffset % width === 0 && hostIsLittleEndian ? raw : littleEndianCopy(raw, width);
  const count = bytes.byteLength / width;
  return width === 4
    ? new Float32Array(bytes.buffer, bytes.byteOffset, count)
    : new Float64Array(bytes.buffer, bytes.byteOffset, count);
}

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndianCopy(raw: Uint8Array, width: number): Uint8Array {
  const copy = new Uint8Array(raw); // not slice: that of a Buffer is a view
  if (!hostIsLittleEndian)
    for (let at = 0; at < copy.length; at += width) copy.subarray(at, at + width).reverse();
  return copy;
}

/** Shorter ones are copied; the length of longer ones takes at least as many bytes as they move by. */
const LONG = 2 ** 14;

/**
 * Moves float32 weights by up to three bytes, over the length that stands before them and has been read, to where they
 * can be used in place: a copy would take the file's memory once more. The bytes must be nobody else's.
 */
export function alignWeights({ initializers }: { readonly initializers: readonly TensorProto[] }): void {
  for (const tensor of initializers.filter(({ type }) => type === 1)) {
    const [packed] = tensor.floatData;
    if (tensor.raw !== undefined) (tensor as { raw: Uint8Array }).raw = aligned(tensor.raw);
    else if (packed instanceof Uint8Array) (tensor.floatData as NumberRun[])[0] = aligned(packed);
  }
}

function aligned(bytes: Uint8Array): Uint8Array {
  const { byteOffset, length } = bytes;
  const shift = byteOffset % 4;
  if (shift === 0 || length < LONG) return bytes;
  const moved = new Uint8Array(bytes.buffer, byteOffset - shift, length);
  moved.set(bytes);
  return moved;
}

/** Values from the typed list fields; half floats and small integers share `int32_data`. */
function listed(tensor: TensorProto, { place, count }: Expected): Float32Array | Float64Array {
  const { name } = elements[tensor.type ?? 0] as Element;
  if (name === "FLOAT") return fixedWidth(tensor.floatData, { place, count, width: 4 });
  if (name === "DOUBLE") return fixedWidth(tensor.doubleData, { place, count, width: 8 });
  const numbers = varintsOf(
    name === "INT64"
      ? tensor.int64Data
      : name === "UINT32" || name === "UINT64"
        ? tensor.uint64Data
        : tensor.int32Data,
    place,
  );
  requireCount(numbers.length, { place, count });
  if (name === "FLOAT16") return Float32Array.from(numbers, halfToNumber);
  if (name === "BFLOAT16") return Float32Array.from(numbers, brainToNumber);
  return Float64Array.from(numbers);
}

function fixedWidth(
  runs: readonly NumberRun[],
  { place, count, width }: Expected & { width: 4 | 8 },
): Float32Array | Float64Array {
  const lengths = runs.map((run) => (run instanceof Uint8Array ? run.length / width : run.length));
  requireCount(
    lengths.reduce((sum, length) => sum + length, 0),
    { place, count },
  );
  const first = runs[0];
  if (runs.length === 1 && first instanceof Uint8Array) return floatView(first, width);
  if (!lengths.every(Number.isInteger)) throw new UsageError("JR505", `${place} is cut inside a number.`);
  const all = width === 4 ? new Float32Array(count) : new Float64Array(count);
  runs.reduce((at, run, index) => {
    all.set(run instanceof Uint8Array ? floatView(run, width) : run, at);
    return at + (lengths[index] as number);
  }, 0);
  return all;
}

function requireCount(found: number, { place, count }: Expected): void {
  if (found !== count)
    throw new UsageError("JR505", `${place} announces ${count} numbers and holds ${found}.`);
}

/** IEEE half precision. */
function halfToNumber(bits: number): number {
  const [sign, exponent, fraction] = [(bits & 0x8000) === 0 ? 1 : -1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

const scratch = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function brainToNumber(bits: number): number {
  scratch.setUint32(0, (bits & 0xffff) << 16);
  return scratch.getFloat32(0);
}
