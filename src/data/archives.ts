/**
 * One array of a file that holds several, as `.npy` (Node only).
 *
 * In: the path of an `.npz` or `.safetensors` file, and which array. Out: the bytes of an `.npy` file. Always: the file is
 * read whole, and an array that is not there, or a choice that is not made, is an error that lists the names.
 */

import { readFileSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { withFileErrors } from "./node-errors.ts";
import { writeNpy } from "./npy.ts";
import { readSafetensors, type SafeTensor } from "./safetensors.ts";
import { readZip, type ZipEntry, zipContents } from "./zip.ts";

/** Which array of a file is meant: the one of this name; else the only one, or the one called `likely`. */
export interface ArrayChoice {
  readonly key?: string | undefined;
  readonly likely?: string | undefined;
}

/** True for the names of files that hold several arrays. */
export function isArchive(path: string): boolean {
  return /\.(npz|safetensors)$/i.test(path);
}

/** The chosen array of a file as `.npy` bytes, and its name. */
export function archivedNpy(path: string, choice: ArrayChoice): { bytes: Uint8Array; key: string } {
  const bytes = withFileErrors("read", path, () => readFileSync(path));
  return /\.npz$/i.test(path) ? fromNpz(bytes, path, choice) : fromSafetensors(bytes, path, choice);
}

function fromNpz(bytes: Uint8Array, path: string, choice: ArrayChoice): { bytes: Uint8Array; key: string } {
  const entries = new Map(readZip(bytes, path).map((entry) => [entry.name.replace(/\.npy$/, ""), entry]));
  const key = chosen([...entries.keys()], choice, path);
  const inflate = (all: Uint8Array, most: number): Uint8Array =>
    process.getBuiltinModule("node:zlib").inflateRawSync(all, { maxOutputLength: most });
  return { bytes: zipContents(entries.get(key) as ZipEntry, inflate, `${path}, ${key}`), key };
}

function fromSafetensors(
  bytes: Uint8Array,
  path: string,
  choice: ArrayChoice,
): { bytes: Uint8Array; key: string } {
  const { tensors } = readSafetensors(bytes, path);
  const key = chosen([...tensors.keys()], choice, path);
  return { bytes: writeNpy(tensors.get(key) as SafeTensor), key };
}

function chosen(names: readonly string[], { key, likely }: ArrayChoice, path: string): string {
  const listed = names.length === 0 ? "no arrays" : names.join(", ");
  if (key !== undefined) {
    if (names.includes(key)) return key;
    throw new UsageError("JR766", `${path} has no array ${JSON.stringify(key)}; it holds ${listed}`);
  }
  const only = names.length === 1 ? names[0] : names.find((name) => name === likely);
  if (only !== undefined) return only;
  throw new UsageError("JR766", `${path} holds ${listed}; say which are the rows (--key NAME)`);
}
