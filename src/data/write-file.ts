/**
 * `.npy` files written row block by row block (Node only).
 *
 * In: a path, the whole shape, then blocks of numbers in order. Out: the file, which appears under its name only when
 * complete. Always: an existing file stays untouched without `force`; a failure, SIGINT or exit leaves nothing half.
 */

import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  realpathSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { InternalError, UsageError } from "../errors.ts";
import { errorCode, withFileErrors } from "./node-errors.ts";
import { npyHeader } from "./npy-header.ts";
import { HOST_ORDER } from "./npy-types.ts";
import { dropPartial, openPartial, publish } from "./partial-files.ts";
import { pieces } from "./pieces.ts";
import { type FloatType, shapeSize, showShape } from "./shape.ts";

/** What an `.npy` file will hold. */
export interface NpyWriteOptions {
  readonly dtype: FloatType;
  readonly shape: readonly number[];
  /** Overwrites an existing file. */
  readonly force?: boolean;
}

/** An `.npy` file in the making: `write` its elements in order, then `close` it, or `abort`. */
export interface NpyWriter {
  write(block: Float32Array | Float64Array): void;
  /** Completes the file and gives it its name. */
  close(): void;
  /** Removes what was written; does nothing after `close`. */
  abort(): void;
}

/** Starts an `.npy` file at `path`; "-" is standard output. Throws a `UsageError` before anything is written. */
export function createNpy(path: string, options: NpyWriteOptions): NpyWriter {
  const header = headerOf(options);
  const target = openTarget(path, options, header.length + dataBytes(options));
  return startWriter(fileSink(target, options.force === true), header, options);
}

/** The header of an `.npy` file. */
export function headerOf({ dtype, shape }: NpyWriteOptions): Uint8Array {
  return npyHeader(HOST_ORDER + (dtype === "f32" ? "f4" : "f8"), shape);
}

/** Bytes of the numbers alone. */
export function dataBytes({ dtype, shape }: NpyWriteOptions): number {
  return shapeSize(shape) * (dtype === "f32" ? 4 : 8);
}

/** Writes the header to `sink`; what the writer is given follows. */
export function startWriter(sink: Sink, header: Uint8Array, options: NpyWriteOptions): NpyWriter {
  const writer = new OpenWriter(sink, options);
  writer.start(header);
  return writer;
}

/** Writes a whole array to `path` in one call. */
export function writeNpyFile(
  path: string,
  array: { readonly data: Float32Array | Float64Array; readonly shape: readonly number[] },
  options: { readonly force?: boolean } = {},
): void {
  const dtype = array.data instanceof Float32Array ? "f32" : "f64";
  const writer = createNpy(path, { dtype, shape: array.shape, ...options });
  try {
    writer.write(array.data);
    writer.close();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** Where the bytes of one array go. */
export interface Sink {
  readonly name: string;
  put(bytes: Uint8Array): void;
  close(): void;
  abort(): void;
}

/** An open file. `partial` is the temporary file of a regular one; devices, pipes and standard output have none. */
export interface Target {
  readonly name: string;
  readonly file: number;
  readonly partial?: string;
}

/** Opens a file that `bytes` will be written to. Throws a `UsageError` where it exists already, unless `force`. */
export function openTarget(path: string, { force }: { readonly force?: boolean }, bytes: number): Target {
  if (path === "-") return openStandardOutput();
  return withFileErrors("write", path, () => {
    const existing = lstatSync(path, { throwIfNoEntry: false });
    const found = existing && (statSync(path, { throwIfNoEntry: false }) ?? existing);
    if (found?.isDirectory())
      throw new UsageError("JR720", `cannot write ${path}: it is a folder; name a file in it`);
    const isRegular = found === undefined || found.isFile() || found.isSymbolicLink();
    if (!isRegular) return { name: path, file: openSync(path, "w") };
    if (found !== undefined && !force) {
      throw new UsageError(
        "JR721",
        `cannot write ${path}: it exists already; use --force (force: true) to overwrite it`,
      );
    }
    // Through a link the file it leads to is replaced, not the link.
    const name = existsSync(path) ? realpathSync(path) : path;
    checkSpace(name, bytes);
    return { name, ...openPartial(name) };
  });
}

function openStandardOutput(): Target {
  if (process.getBuiltinModule("node:tty").isatty(1)) {
    throw new UsageError(
      "JR724",
      "standard output is a terminal, and .npy is binary; redirect it into a file or a pipe",
    );
  }
  return { name: "standard output", file: 1 };
}

function checkSpace(path: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  if (bytes <= bavail * bsize) return;
  const size = `it takes ${megabytes(bytes)}, and its disk has ${megabytes(bavail * bsize)} left`;
  throw new UsageError(
    "JR725",
    `cannot write ${path}: ${size}; write fewer rows or outputs, or choose another disk`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** Completes a file and gives it its name. */
export function closeTarget({ name, partial, file }: Target, force: boolean): void {
  withFileErrors("write", name, () => {
    if (file !== 1) closeSync(file);
    if (partial !== undefined) publish(partial, name, force);
  });
}

/** Removes what was written. */
export function dropTarget({ partial, file }: Target): void {
  if (file !== 1) closeSync(file);
  if (partial !== undefined) dropPartial(partial);
}

function fileSink(target: Target, force: boolean): Sink {
  return {
    name: target.name,
    put: (bytes) => withFileErrors("write", target.name, () => writeAll(target.file, bytes)),
    close: () => closeTarget(target, force),
    abort: () => dropTarget(target),
  };
}

class OpenWriter implements NpyWriter {
  readonly #sink: Sink;
  readonly #options: NpyWriteOptions;
  readonly #size: number;
  #written = 0;
  #isOpen = true;

  constructor(sink: Sink, options: NpyWriteOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#size = shapeSize(options.shape);
  }

  start(header: Uint8Array): void {
    this.#put(header);
  }

  write(block: Float32Array | Float64Array): void {
    const dtype = block instanceof Float32Array ? "f32" : "f64";
    this.#require(this.#isOpen, "is written after its end");
    this.#require(dtype === this.#options.dtype, `takes ${this.#options.dtype}, got ${dtype}`);
    this.#require(this.#written + block.length <= this.#size, `of ${this.#size} numbers is given more`);
    for (const piece of pieces(block.buffer, block.byteOffset, block.byteLength)) this.#put(piece);
    this.#written += block.length;
  }

  close(): void {
    this.#require(this.#isOpen, "is closed twice");
    const claim = `shape ${showShape(this.#options.shape)}`;
    this.#require(this.#written === this.#size, `of ${claim} got ${this.#written} of ${this.#size} numbers`);
    this.#isOpen = false;
    this.#sink.close();
  }

  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#sink.abort();
  }

  /** A wrong block is a mistake of the code that writes, never of the user's data. */
  #require(condition: boolean, problem: string): void {
    if (condition) return;
    this.abort();
    throw new InternalError("JR902", `${this.#sink.name} ${problem}`);
  }

  #put(bytes: Uint8Array): void {
    try {
      this.#sink.put(bytes);
    } catch (error) {
      this.abort();
      throw error;
    }
  }
}

/** Writes all of `bytes`, waiting where a pipe without a reader's attention is full; at `start` of the file, where one is given. */
export function writeAll(file: number, bytes: Uint8Array, start?: number): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(file, bytes, at, bytes.length - at, start === undefined ? null : start + at);
    } catch (error) {
      if (errorCode(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
