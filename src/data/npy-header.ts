/**
 * The header of a `.npy` file, read and written.
 *
 * In: the first bytes of a file, or a type and a shape. Out: type, shape, order and where the data lies; or the bytes.
 * Always: every claim of the header is checked against the file's size, so that no array is ever short or wrong.
 */

import { UsageError } from "../errors.ts";
import { type NpyType, npyType } from "./npy-types.ts";
import { type PythonValue, parsePythonLiteral } from "./python-literal.ts";
import { showShape } from "./shape.ts";

/** What a header says. `dataBytes` is what the shape and the type need. */
export interface NpyHeader {
  readonly descr: string;
  readonly type: NpyType;
  readonly swapped: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
  readonly dataBytes: number;
}

/** A source of bytes of known size; `read` returns exactly the bytes asked for, which lie inside. */
export interface ByteSource {
  readonly name: string;
  readonly size: number;
  readonly read: (offset: number, length: number) => Uint8Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_HEADER = 2 ** 20;
const MAX_RANK = 64;

/** Reads and checks the header of `source`. Throws a `UsageError` with the byte and the fix, or an `UnsupportedError`. */
export function readNpyHeader(source: ByteSource): NpyHeader {
  const { start, length, encoding } = readPrelude(source);
  const bytes = source.read(start, length);
  const text = new TextDecoder(encoding).decode(bytes);
  const literal = parsePythonLiteral(text, { name: source.name, offset: start });
  const { descr, fortranOrder, shape } = checkKeys(literal, `${source.name}, byte ${start}`);
  const { type, swapped } = npyType(
    descr,
    `${source.name}, byte ${start + Math.max(text.indexOf(descr), 0)}`,
  );
  const dataOffset = start + length;
  const dataBytes = bytesOf(shape, type, source.name);
  checkSize(source, { dataOffset, dataBytes, shape, type });
  return { descr, type, swapped, fortranOrder, shape, dataOffset, dataBytes };
}

interface Prelude {
  readonly start: number;
  readonly length: number;
  readonly encoding: "latin1" | "utf-8";
}

/** Magic, version and header length: 10 bytes in version 1, 12 in versions 2 and 3. */
function readPrelude(source: ByteSource): Prelude {
  const bytes = source.read(0, Math.min(source.size, 12));
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw notNpy(source, bytes);
  const [major = 0, minor = 0] = bytes.subarray(6, 8);
  if (bytes.length >= 8 && (major < 1 || major > 3 || minor !== 0)) {
    const fix = "versions 1.0, 2.0 and 3.0 exist; save the array again with numpy.save";
    throw new UsageError(
      "JR702",
      `${source.name}, byte 6: .npy version ${major}.${minor} is unknown; ${fix}`,
    );
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw truncated(source, start, `the first ${start} bytes of a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > source.size) throw truncated(source, start + length, `a header of ${length} bytes`);
  if (length > MAX_HEADER) {
    throw new UsageError(
      "JR703",
      `${source.name}, byte 8: a header of ${length} bytes; no numeric array needs more than ${MAX_HEADER}`,
    );
  }
  return { start, length, encoding: major === 3 ? "utf-8" : "latin1" };
}

function truncated(source: ByteSource, needed: number, what: string): UsageError {
  return new UsageError(
    "JR703",
    `${source.name}, byte 8: the file should hold ${what} and so at least ${needed} bytes, but it ends at byte ${source.size}; ` +
      "it is cut off: copy or save it again",
  );
}

/** Guesses what a file with other first bytes is. */
function notNpy(source: ByteSource, bytes: Uint8Array): UsageError {
  const start = String.fromCharCode(...bytes);
  let fix = "write it with numpy.save";
  if (source.size === 0) fix = "the file is empty: write it with numpy.save";
  else if (start.startsWith("PK"))
    fix = "it looks like a zip: for an .npz, save one of its arrays with numpy.save";
  else if (start.startsWith("\x89HDF")) fix = "it looks like HDF5: convert it with h5py and numpy.save";
  else if (start.startsWith("\x80"))
    fix = "it looks like a pickle: load it in Python and write it with numpy.save";
  else if (/^[\s\w.,;+-]*$/.test(start)) {
    fix = "it looks like text: convert it with numpy.save(out, numpy.loadtxt(path, delimiter=',', ndmin=2))";
  }
  return new UsageError("JR701", `${source.name}, byte 0: not a .npy file; ${fix}`);
}

interface HeaderKeys {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

function checkKeys(literal: PythonValue, where: string): HeaderKeys {
  const fail = (problem: string): never => {
    throw new UsageError("JR705", `${where}: ${problem}; save the array again with numpy.save`);
  };
  if (!isDict(literal)) return fail("the header is not a dict");
  const keys = [...literal.keys()].toSorted((a, b) => (a < b ? -1 : 1)).join(", ");
  if (keys !== "descr, fortran_order, shape")
    return fail(`the header has the keys {${keys}}, not {descr, fortran_order, shape}`);
  const descr = literal.get("descr");
  const fortranOrder = literal.get("fortran_order");
  const shape = literal.get("shape");
  if (typeof fortranOrder !== "boolean") return fail("fortran_order is not True or False");
  if (typeof shape !== "object" || shape === null || !("tuple" in shape)) return fail("shape is not a tuple");
  if (shape.tuple.length > MAX_RANK)
    return fail(`shape has ${shape.tuple.length} axes, numpy allows ${MAX_RANK}`);
  if (!shape.tuple.every(isCount)) return fail("shape has an entry that is not a whole number ≥ 0");
  return { descr: describeType(descr), fortranOrder, shape: shape.tuple };
}

function isDict(value: PythonValue): value is ReadonlyMap<string, PythonValue> {
  return value instanceof Map;
}

function isCount(value: PythonValue): value is number {
  return typeof value === "number" && value >= 0;
}

/** A list of fields is numpy's structured type, kind V. */
function describeType(descr: PythonValue | undefined): string {
  return typeof descr === "string" ? descr : "V (structured)";
}

function bytesOf(shape: readonly number[], type: NpyType, name: string): number {
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, axis) => product * axis, type.bytes);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(
    "JR709",
    `${name}: the header claims shape ${showShape(shape)}, more bytes than any file holds`,
  );
}

/** The data must end exactly where the file does. */
function checkSize(
  source: ByteSource,
  header: Pick<NpyHeader, "dataOffset" | "dataBytes" | "shape" | "type">,
): void {
  const { dataOffset, dataBytes, shape, type } = header;
  const found = source.size - dataOffset;
  if (found === dataBytes) return;
  const claim = `the header says shape ${showShape(shape)} of ${type.dtype}, ${dataBytes} bytes of data from byte ${dataOffset}`;
  if (found < dataBytes) {
    const fix = "the file is cut off: copy or save it again";
    throw new UsageError(
      "JR707",
      `${source.name}, byte ${source.size}: ${claim}, but only ${found} are there; ${fix}`,
    );
  }
  const fix =
    "the header does not fit the data, or several arrays were saved into one file: save each to its own";
  throw new UsageError(
    "JR708",
    `${source.name}, byte ${dataOffset + dataBytes}: ${claim}, but ${found} follow; ${fix}`,
  );
}

/** The header numpy writes for C-order data, byte for byte, padded to a multiple of 64. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  if (shape.length > MAX_RANK)
    throw new UsageError("JR705", `.npy holds at most ${MAX_RANK} axes, got ${shape.length}`);
  // numpy leaves room for the first axis to grow to 21 digits.
  const room = shape.length === 0 ? "" : " ".repeat(21 - String(shape[0]).length);
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${showShape(shape)}, }${room}`;
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = new Uint8Array(total).fill(0x20);
  header.set([...MAGIC, 1, 0]);
  new DataView(header.buffer).setUint16(8, total - 10, true);
  header.set(new TextEncoder().encode(text), 10);
  header[total - 1] = 0x0a;
  return header;
}
