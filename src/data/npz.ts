/**
 * `.npz` files: named `.npy` arrays in a zip archive.
 *
 * In: the bytes of an archive, or named arrays. Out: arrays by name, or bytes that numpy reads. Always: the inflated size is
 * capped before anything is inflated, and each array is whole or an error names it.
 */

import { UsageError } from "../errors.ts";
import { type NpyArray, readNpy, writeNpy } from "./npy.ts";
import { type Inflate, readZip, writeZip, zipContents } from "./zip.ts";

/** Options of `readNpz`. */
export interface NpzOptions {
  /** Inflates compressed arrays, such as `(bytes, max) => inflateRawSync(bytes, { maxOutputLength: max })`. */
  readonly inflate: Inflate;
  /** Stands in messages. */
  readonly name?: string;
  /** Most bytes that all arrays together may take; 4 GiB when absent. */
  readonly maxBytes?: number;
}

/** Reads all arrays of an `.npz` file. */
export function readNpz(bytes: Uint8Array, options: NpzOptions): ReadonlyMap<string, NpyArray> {
  const { inflate, name = "npz", maxBytes = 2 ** 32 } = options;
  const entries = readZip(bytes, name);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > maxBytes) {
    throw new UsageError(
      "JR764",
      `${name}: its arrays take ${total} bytes, over the limit of ${maxBytes}; raise maxBytes or use .npy files`,
    );
  }
  const arrays = new Map<string, NpyArray>();
  for (const entry of entries) {
    const key = entry.name.replace(/\.npy$/, "");
    if (arrays.has(key))
      throw new UsageError("JR765", `${name}: the array ${JSON.stringify(key)} is there twice`);
    const where = `${name}, ${entry.name}`;
    arrays.set(key, readNpy(zipContents(entry, inflate, where), where));
  }
  return arrays;
}

/** The bytes of an uncompressed `.npz` with these arrays. */
export function writeNpz(
  arrays: ReadonlyMap<string, { readonly data: ArrayBufferView; readonly shape: readonly number[] }>,
): Uint8Array<ArrayBuffer> {
  return writeZip(new Map([...arrays].map(([key, array]) => [`${key}.npy`, writeNpy(array)])));
}
