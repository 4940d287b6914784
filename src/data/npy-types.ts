/**
 * The element types of `.npy` files: what is read, what is refused by name, and how bytes become numbers.
 *
 * In: a numpy type string such as `<f4`. Out: its size and a decoder. Always: decoded arrays own their memory, have the
 * machine's byte order, and float16 and bool become Float32Array and Uint8Array (0 or 1).
 */

import { UnsupportedError } from "../errors.ts";
import { pieces } from "./pieces.ts";

/** The data of a decoded `.npy` array. */
export type NpyData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** numpy's names of the types that are read. */
export type NpyDtype =
  | "bool"
  | "float16"
  | "float32"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64";

/** One element type: its size in the file and how a buffer of it is viewed. */
export interface NpyType {
  readonly dtype: NpyDtype;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly view: (buffer: ArrayBuffer) => NpyData;
}

const TYPES: Readonly<Record<string, NpyType>> = {
  b1: {
    dtype: "bool",
    bytes: 1,
    view: (buffer) => new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1)),
  },
  f2: { dtype: "float16", bytes: 2, view: (buffer) => decodeHalf(new Uint16Array(buffer)) },
  f4: { dtype: "float32", bytes: 4, view: (buffer) => new Float32Array(buffer) },
  f8: { dtype: "float64", bytes: 8, view: (buffer) => new Float64Array(buffer) },
  i1: { dtype: "int8", bytes: 1, view: (buffer) => new Int8Array(buffer) },
  i2: { dtype: "int16", bytes: 2, view: (buffer) => new Int16Array(buffer) },
  i4: { dtype: "int32", bytes: 4, view: (buffer) => new Int32Array(buffer) },
  i8: { dtype: "int64", bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  u1: { dtype: "uint8", bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  u2: { dtype: "uint16", bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  u4: { dtype: "uint32", bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  u8: { dtype: "uint64", bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
};

/** What the other kind letters of numpy mean, and what to do about them. */
const REFUSED: Readonly<Record<string, string>> = {
  c: "complex numbers; save the real and the imaginary part as two arrays",
  f: "extended floats; convert with array.astype(numpy.float64)",
  O: "Python objects (a pickle); convert with array.astype(numpy.float64)",
  S: "byte strings; convert with array.astype(numpy.float64)",
  a: "byte strings; convert with array.astype(numpy.float64)",
  U: "unicode strings; convert with array.astype(numpy.float64)",
  V: "raw or structured records; save the fields as separate arrays",
  M: "dates; subtract an origin and convert with .astype(numpy.float64)",
  m: "time spans; convert with .astype(numpy.float64)",
};

/** Byte order of this machine, as numpy writes it. */
export const HOST_ORDER: "<" | ">" = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? "<" : ">";

/** The type that `descr` names and whether its bytes are swapped. Throws an `UnsupportedError` that names the type. */
export function npyType(descr: string, where: string): { type: NpyType; swapped: boolean } {
  const parts = /^([<>|=]?)([A-Za-z?])([0-9]*)/.exec(descr);
  const [, order = "", kind = "", size = ""] = parts ?? [];
  const type = kind === "?" ? TYPES["b1"] : TYPES[kind + size];
  if (type !== undefined && parts?.[0] === descr) {
    const isForeign = (order === "<" || order === ">") && order !== HOST_ORDER;
    return { type, swapped: isForeign && type.bytes > 1 };
  }
  const what = REFUSED[kind] ?? "no type of numbers; convert with array.astype(numpy.float64)";
  throw new UnsupportedError("JR706", `${where}: dtype '${descr}' holds ${what}`);
}

/** The type string under which `data` is written. */
export function npyDescr(data: ArrayBufferView): string {
  for (const [code, constructor] of CONSTRUCTORS) {
    if (data instanceof constructor) return (code.endsWith("1") ? "|" : HOST_ORDER) + code;
  }
  throw new UnsupportedError(
    "JR706",
    `${data.constructor.name} cannot be written as .npy; use a Float64Array`,
  );
}

const CONSTRUCTORS = [
  ["f4", Float32Array],
  ["f8", Float64Array],
  ["i1", Int8Array],
  ["u1", Uint8Array],
  ["u1", Uint8ClampedArray],
  ["i2", Int16Array],
  ["u2", Uint16Array],
  ["i4", Int32Array],
  ["u4", Uint32Array],
  ["i8", BigInt64Array],
  ["u8", BigUint64Array],
] as const;

/** Turns the bytes of `type` in `buffer` into numbers, reusing the memory where it can. */
export function decodeElements(buffer: ArrayBuffer, type: NpyType, swapped: boolean): NpyData {
  if (swapped) for (const piece of pieces(buffer, 0, buffer.byteLength)) swapBytes(piece, type.bytes);
  return type.view(buffer);
}

/** Reverses each group of `width` bytes in place. */
function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) {
    for (let low = at, high = at + width - 1; low < high; low++, high--) {
      const byte = bytes[low] as number;
      bytes[low] = bytes[high] as number;
      bytes[high] = byte;
    }
  }
}

/** IEEE 754 binary16 bits to float32, exactly: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function decodeHalf(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) floats[i] = halfToNumber(bits[i] as number);
  return floats;
}

function halfToNumber(bits: number): number {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
