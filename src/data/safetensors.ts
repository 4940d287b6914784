/**
 * `.safetensors` files: named tensors behind a JSON header.
 *
 * In: the bytes of a file, or named arrays. Out: arrays by name, or the bytes. Always: the tensors cover the data once,
 * without overlap or hole, and each is exactly as long as its shape and type say; else an error names the tensor.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { duplicateKey } from "./json-keys.ts";
import { decodeElements, type NpyData, type NpyType, npyDescr, npyType } from "./npy-types.ts";
import { shapeSize, showShape } from "./shape.ts";

/** One tensor; `dtype` is the file's own name for its type. F16 and BF16 arrive as float32 values, BOOL as 0 or 1. */
export interface SafeTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: NpyData;
}

/** What a file holds. */
export interface SafeTensors {
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

const MAX_HEADER = 100_000_000;

/** The formats' type names and numpy's for the same elements; BF16 is the upper half of a float32. */
const NUMPY: Readonly<Record<string, string>> = {
  F64: "<f8",
  F32: "<f4",
  F16: "<f2",
  I64: "<i8",
  I32: "<i4",
  I16: "<i2",
  I8: "|i1",
  U64: "<u8",
  U32: "<u4",
  U16: "<u2",
  U8: "|u1",
  BOOL: "|b1",
  BF16: "<u2",
};

/** Reads the bytes of a `.safetensors` file; `name` stands in messages. */
export function readSafetensors(bytes: Uint8Array, name = "safetensors"): SafeTensors {
  const { header, dataOffset } = readHeader(bytes, name);
  const entries = Object.entries(header)
    .filter(([key]) => key !== "__metadata__")
    .map(([key, value]) => checkEntry(key, value, name))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  checkCover(entries, bytes.length - dataOffset, name);
  const tensors = new Map<string, SafeTensor>();
  for (const entry of entries) {
    const { key, dtype, shape, start, end } = entry;
    const own = new Uint8Array(end - start);
    own.set(bytes.subarray(dataOffset + start, dataOffset + end));
    tensors.set(key, { dtype, shape, data: decode(own, entry) });
  }
  return { tensors, metadata: checkMetadata(header["__metadata__"], name) };
}

function readHeader(
  bytes: Uint8Array,
  name: string,
): { header: Record<string, unknown>; dataOffset: number } {
  const fail = (at: number, problem: string): never => {
    throw new UsageError(
      "JR750",
      `${name}, byte ${at}: ${problem}; the file is cut off or not a .safetensors file`,
    );
  };
  if (bytes.length < 8)
    return fail(0, `a .safetensors file starts with 8 bytes of header length, this one has ${bytes.length}`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER) return fail(0, `a header of ${length} bytes is over the limit of ${MAX_HEADER}`);
  if (8 + length > bytes.length)
    return fail(0, `a header of ${length} bytes does not fit a file of ${bytes.length}`);
  if (bytes[8] !== 0x7b || length === 0) return fail(8, `the header does not start with "{"`);
  const header = parseJson(bytes.subarray(8, 8 + length), name);
  return { header, dataOffset: 8 + length };
}

function parseJson(bytes: Uint8Array, name: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new UsageError("JR751", `${name}, byte 8: the header is not JSON: ${problem}`, { cause: error });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new UsageError("JR752", `${name}: the header has the key ${JSON.stringify(twice)} twice`);
  return header as Record<string, unknown>;
}

interface Entry {
  readonly key: string;
  readonly dtype: string;
  readonly type: NpyType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

function checkEntry(key: string, value: unknown, name: string): Entry {
  const where = `${name}, tensor ${JSON.stringify(key)}`;
  const fail = (problem: string): never => {
    throw new UsageError("JR753", `${where}: ${problem}; the file is damaged: copy or save it again`);
  };
  if (typeof value !== "object" || value === null) return fail("its entry is not an object");
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string") return fail("it has no dtype");
  if (!isCounts(shape)) return fail("its shape is not a list of whole numbers ≥ 0");
  if (!isCounts(offsets) || offsets.length !== 2)
    return fail("its data_offsets are not two whole numbers ≥ 0");
  const descr = Object.hasOwn(NUMPY, dtype) ? NUMPY[dtype] : undefined;
  if (descr === undefined) {
    const known = Object.keys(NUMPY).join(", ");
    throw new UnsupportedError(
      "JR754",
      `${where}: dtype ${dtype} is not read (${known} are); save it as F32`,
    );
  }
  const { type } = npyType(descr, where);
  const [start = 0, end = 0] = offsets;
  const needed = shapeSize(shape) * type.bytes;
  if (end - start !== needed) {
    return fail(
      `shape ${showShape(shape)} of ${dtype} takes ${needed} bytes, data_offsets [${start}, ${end}] hold ${end - start}`,
    );
  }
  return { key, dtype, type, shape, start, end };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

/** In order of their offsets the tensors must follow each other from 0 to the end of the file. */
function checkCover(entries: readonly Entry[], size: number, name: string): void {
  let at = 0;
  for (const { key, start, end } of entries) {
    if (start !== at) {
      const problem =
        start < at ? `overlaps the one before it, which ends at ${at}` : `leaves a hole from ${at}`;
      throw new UsageError(
        "JR755",
        `${name}, tensor ${JSON.stringify(key)}: starts at ${start} and ${problem}; the file is damaged`,
      );
    }
    at = end;
  }
  if (at === size) return;
  const fix = at > size ? "the file is cut off: copy it again" : "the file is damaged";
  throw new UsageError(
    "JR755",
    `${name}: its tensors take ${at} bytes, but ${size} follow the header; ${fix}`,
  );
}

function checkMetadata(value: unknown, name: string): ReadonlyMap<string, string> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isObject ? Object.entries(value) : [];
  if ((value === undefined || isObject) && entries.every(([, text]) => typeof text === "string"))
    return new Map(entries);
  throw new UsageError("JR753", `${name}: __metadata__ is not an object of strings`);
}

function decode(bytes: Uint8Array<ArrayBuffer>, { dtype, type }: Entry): NpyData {
  const swapped = npyType("<i2", "").swapped && type.bytes > 1;
  const data = decodeElements(bytes.buffer, type, swapped);
  if (dtype !== "BF16") return data;
  const bits = Uint32Array.from(data as Uint16Array<ArrayBuffer>, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

/** A tensor to be written. */
export interface TensorData {
  readonly data: ArrayBufferView;
  readonly shape: readonly number[];
}

/** The bytes of a file with these tensors, larger elements first so that all are aligned. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = [...tensors].map(([key, tensor]) => ({ key, ...tensor, dtype: typeName(tensor.data) }));
  parts.sort((a, b) => elementBytes(b.dtype) - elementBytes(a.dtype) || (a.key < b.key ? -1 : 1));
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let end = 0;
  for (const { key, dtype, shape, data } of parts) {
    const start = end;
    end += checkedLength(key, { data, shape }, dtype);
    header.push([key, { dtype, shape, data_offsets: [start, end] }]);
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const { data } of parts) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function typeName(data: ArrayBufferView): string {
  const code = npyDescr(data).slice(1);
  return (code[0] as string).toUpperCase() + 8 * Number(code[1]);
}

function elementBytes(dtype: string): number {
  return Number(dtype.slice(1)) / 8;
}

function checkedLength(key: string, { data, shape }: TensorData, dtype: string): number {
  if (key === "__metadata__") throw new UsageError("JR756", "a tensor cannot be named __metadata__");
  if (shapeSize(shape) * elementBytes(dtype) === data.byteLength) return data.byteLength;
  throw new UsageError(
    "JR110",
    `tensor ${JSON.stringify(key)}: shape ${showShape(shape)} does not fit its ${data.byteLength} bytes`,
  );
}
