/**
 * `.npy` files on disk, read whole, in part, or in blocks of rows (Node only).
 *
 * In: a path and a range of rows. Out: arrays in C order. Always: only the rows asked for are read, in pieces of at most
 * 1 GiB, so that files of any size work in little memory; the file's size is checked against its header first.
 */

import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { InternalError, UsageError } from "../errors.ts";
import { type ArrayChoice, archivedNpy, isArchive } from "./archives.ts";
import { withFileErrors } from "./node-errors.ts";
import { bytesSource, type NpyArray, toRowMajor } from "./npy.ts";
import { type ByteSource, type NpyHeader, readNpyHeader } from "./npy-header.ts";
import { decodeElements, type NpyDtype } from "./npy-types.ts";
import { pieces } from "./pieces.ts";
import { showShape } from "./shape.ts";

/** Rows `start` ≤ i < `end`. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** An open `.npy` file. Read it by rows, then `close()` it. */
export interface NpyFile {
  readonly dtype: NpyDtype;
  /** Shape of the whole array; empty for a single number. */
  readonly shape: readonly number[];
  /** Number of rows, the first axis; 1 for a single number. */
  readonly n: number;
  readonly rowShape: readonly number[];
  /** Reads rows `start` to `end` (all rows without a range), and nothing else of the file. */
  read(range?: RowRange): NpyArray;
  /** Reads the rows of `range` in order, at most `size` at a time. */
  blocks(size: number, range?: RowRange): Generator<NpyArray & RowRange>;
  close(): void;
}

/** Reads an `.npy` file, or rows of it; "-" is standard input. */
export function readNpyFile(path: string, range?: RowRange): NpyArray {
  const file = openRows(path);
  try {
    return file.read(range);
  } finally {
    file.close();
  }
}

/** Opens an `.npy` file to read it by rows, or an array of an `.npz` or `.safetensors` file; "-" is standard input. */
export function openRows(path: string, choice: ArrayChoice = {}): NpyFile {
  const source = isArchive(path) ? archiveSource(path, choice) : openSource(path);
  try {
    return new OpenNpy(source, readNpyHeader(source));
  } catch (error) {
    source.close();
    throw error;
  }
}

interface FileSource extends ByteSource {
  /** Fills `target` with the bytes from `offset` on. */
  readonly readInto: (target: Uint8Array, offset: number) => void;
  readonly close: () => void;
}

function openSource(path: string): FileSource {
  if (path === "-")
    return memorySource(
      withFileErrors("read", "standard input", () => readFileSync(0)),
      "standard input",
    );
  return withFileErrors("read", path, () => {
    const file = openSync(path, "r");
    const info = fstatSync(file);
    if (info.isFile()) return diskSource(file, info.size, path);
    try {
      return memorySource(readFileSync(file), path); // a pipe cannot be read at a position
    } finally {
      closeSync(file);
    }
  });
}

function archiveSource(path: string, choice: ArrayChoice): FileSource {
  const { bytes, key } = archivedNpy(path, choice);
  return memorySource(bytes, `${path}, ${key}`);
}

function diskSource(file: number, size: number, path: string): FileSource {
  const readInto = (target: Uint8Array, offset: number): void =>
    withFileErrors("read", path, () => {
      for (let at = 0; at < target.length; ) {
        const count = readSync(file, target, at, target.length - at, offset + at);
        if (count === 0)
          throw new UsageError(
            "JR707",
            `${path}, byte ${offset + at}: the file became shorter while it was read`,
          );
        at += count;
      }
    });
  const read = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    readInto(bytes, offset);
    return bytes;
  };
  return { name: path, size, read, readInto, close: () => closeSync(file) };
}

function memorySource(bytes: Uint8Array, name: string): FileSource {
  const readInto = (target: Uint8Array, offset: number): void =>
    target.set(bytes.subarray(offset, offset + target.length));
  return { ...bytesSource(bytes, name), readInto, close: () => {} };
}

class OpenNpy implements NpyFile {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  readonly n: number;
  readonly rowShape: readonly number[];
  readonly #source: FileSource;
  readonly #header: NpyHeader;
  #isOpen = true;

  constructor(source: FileSource, header: NpyHeader) {
    this.#source = source;
    this.#header = header;
    this.dtype = header.type.dtype;
    this.shape = header.shape;
    this.n = header.shape[0] ?? 1;
    this.rowShape = header.shape.slice(1);
  }

  read(range: RowRange = { start: 0, end: this.n }): NpyArray {
    this.#check(range);
    const { type, swapped, fortranOrder } = this.#header;
    const shape = this.shape.length === 0 ? [] : [range.end - range.start, ...this.rowShape];
    const data = decodeElements(fortranOrder ? this.#columns(range) : this.#rows(range), type, swapped);
    return { dtype: type.dtype, shape, data: fortranOrder ? toRowMajor(data, shape) : data };
  }

  *blocks(size: number, range: RowRange = { start: 0, end: this.n }): Generator<NpyArray & RowRange> {
    this.#check(range);
    const step = Math.max(1, Math.floor(size));
    for (let start = range.start; start < range.end; start += step) {
      const block = { start, end: Math.min(start + step, range.end) };
      yield { ...this.read(block), ...block };
    }
  }

  close(): void {
    if (this.#isOpen) this.#source.close();
    this.#isOpen = false;
  }

  #check({ start, end }: RowRange): void {
    if (!this.#isOpen) throw new InternalError("JR902", `${this.#source.name} is read after close()`);
    const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
    if (isRange && end <= this.n) return;
    const have = `${this.#source.name} has rows 0:${this.n} (shape ${showShape(this.shape)})`;
    throw new UsageError("JR722", `rows ${start}:${end} are not in the file: ${have}`);
  }

  get #rowBytes(): number {
    return this.n === 0 ? 0 : this.#header.dataBytes / this.n;
  }

  #rows({ start, end }: RowRange): ArrayBuffer {
    const buffer = this.#allocate((end - start) * this.#rowBytes);
    this.#fill(buffer, { at: 0, length: buffer.byteLength, from: start * this.#rowBytes });
    return buffer;
  }

  /** In Fortran order the rows of a range lie together within each column of the file. */
  #columns({ start, end }: RowRange): ArrayBuffer {
    if (end - start === this.n) return this.#rows({ start, end });
    const width = this.#header.type.bytes;
    const length = (end - start) * width;
    const buffer = this.#allocate((end - start) * this.#rowBytes);
    for (let column = 0; length > 0 && column * length < buffer.byteLength; column++) {
      this.#fill(buffer, { at: column * length, length, from: (column * this.n + start) * width });
    }
    return buffer;
  }

  /** Copies `length` bytes of the file's data, `from` on, into `buffer` at `at`. */
  #fill(buffer: ArrayBuffer, part: { at: number; length: number; from: number }): void {
    let offset = this.#header.dataOffset + part.from;
    for (const piece of pieces(buffer, part.at, part.length)) {
      this.#source.readInto(piece, offset);
      offset += piece.length;
    }
  }

  #allocate(length: number): ArrayBuffer {
    try {
      return new ArrayBuffer(length);
    } catch (error) {
      const problem = `${length} bytes do not fit into memory at once; read a part of it (--rows A:B) or in blocks`;
      throw new UsageError("JR723", `${this.#source.name}: ${problem}`, { cause: error });
    }
  }
}
