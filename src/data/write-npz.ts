/**
 * `.npz` files whose arrays are written side by side, block by block (Node only).
 *
 * In: a path, the arrays' names and whole shapes, then blocks of each in order. Out: the file, which appears under its name
 * when the last array is complete. Always: arrays are stored, not compressed, so that each has its place from the start.
 */

import { crc32 } from "node:zlib";
import { UsageError } from "../errors.ts";
import { at } from "../ir/shape.ts";
import { withFileErrors } from "./node-errors.ts";
import type { FloatType } from "./shape.ts";
import {
  closeTarget,
  dataBytes,
  dropTarget,
  headerOf,
  type NpyWriter,
  openTarget,
  type Sink,
  startWriter,
  type Target,
  writeAll,
} from "./write-file.ts";
import { type StoredFile, storedLayout } from "./zip.ts";

/** What an `.npz` file will hold. */
export interface NpzWriteOptions {
  readonly dtype: FloatType;
  /** Shapes by name. */
  readonly arrays: ReadonlyMap<string, readonly number[]>;
  /** Overwrites an existing file. */
  readonly force?: boolean;
}

/** Starts an `.npz` file: a writer for each array, in order. Aborting one aborts all. */
export function createNpz(path: string, { dtype, arrays, force = false }: NpzWriteOptions): NpyWriter[] {
  const members = [...arrays].map(([name, shape]) => {
    const options = { dtype, shape };
    const header = headerOf(options);
    return { name: `${name}.npy`, options, header, size: header.length + dataBytes(options), crc: 0 };
  });
  const { directory } = storedLayout(members);
  const target = openTarget(path, { force }, directory.start + directory.bytes.length);
  if (target.partial === undefined) {
    dropTarget(target);
    throw new UsageError(
      "JR726",
      `cannot write ${path}: an .npz needs a file, not a pipe or device; write .npy`,
    );
  }
  const archive = new Archive(target, members, force);
  return members.map(({ options, header }, index) => startWriter(archive.sink(index), header, options));
}

/** A file of an archive whose checksum is not known before its end. */
interface Member extends StoredFile {
  crc: number;
}

class Archive {
  readonly #target: Target;
  readonly #members: readonly Member[];
  readonly #force: boolean;
  #left: number;
  #isOpen = true;

  constructor(target: Target, members: readonly Member[], force: boolean) {
    this.#target = target;
    this.#members = members;
    this.#force = force;
    this.#left = members.length;
  }

  /** The place of one member. */
  sink(index: number): Sink {
    const member = at(this.#members, index);
    const head = at(storedLayout(this.#members).heads, index);
    let start = head.start + head.bytes.length;
    return {
      name: `${this.#target.name}, ${member.name}`,
      put: (bytes) => {
        this.#put(bytes, start);
        start += bytes.length;
        member.crc = crc32(bytes, member.crc);
      },
      close: () => {
        if (--this.#left === 0) this.#finish();
      },
      abort: () => this.#drop(),
    };
  }

  /** Heads and directory are written last: they hold the checksums. */
  #finish(): void {
    try {
      const { heads, directory } = storedLayout(this.#members);
      for (const { bytes, start } of [...heads, directory]) this.#put(bytes, start);
    } catch (error) {
      this.#drop();
      throw error;
    }
    this.#isOpen = false;
    closeTarget(this.#target, this.#force);
  }

  #drop(): void {
    if (this.#isOpen) dropTarget(this.#target);
    this.#isOpen = false;
  }

  #put(bytes: Uint8Array, start: number): void {
    withFileErrors("write", this.#target.name, () => writeAll(this.#target.file, bytes, start));
  }
}
