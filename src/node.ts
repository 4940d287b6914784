/**
 * `jacrow/node`: what needs a file system, beside everything of `jacrow`.
 *
 * Readers and writers of `.npy` files, whole or by ranges of rows; the device "native"; source to embed.
 */

import { provideNodeParts } from "./api/node-parts.ts";

export { type ToSourceOptions, toSource } from "./api/to-source.ts";
export type { ArrayChoice } from "./data/archives.ts";
export { type NpyFile, openRows, type RowRange, readNpyFile } from "./data/read-file.ts";
export { createNpy, type NpyWriteOptions, type NpyWriter, writeNpyFile } from "./data/write-file.ts";
export * from "./index.ts";

provideNodeParts();
