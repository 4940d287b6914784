/**
 * Whole files of bytes (Node only).
 *
 * In: a path and bytes. Out: the file. Always: it appears under its name only when it is complete, and a file that exists is
 * overwritten only if that was asked for.
 */

import { closeSync, existsSync, lstatSync, realpathSync, writeSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { withFileErrors } from "./node-errors.ts";
import { dropPartial, openPartial, publish } from "./partial-files.ts";

/** Writes `bytes` to `path` in one step. Throws a `UsageError` if the file exists, unless `force`. */
export function writeBytesFile(
  path: string,
  bytes: Uint8Array,
  options: { readonly force?: boolean } = {},
): void {
  withFileErrors("write", path, () => {
    const existing = lstatSync(path, { throwIfNoEntry: false });
    if (existing?.isDirectory() === true)
      throw new UsageError("JR720", `cannot write ${path}: it is a folder; name a file in it`);
    if (existing !== undefined && options.force !== true) {
      throw new UsageError(
        "JR721",
        `cannot write ${path}: it exists already; use --force (force: true) to overwrite it`,
      );
    }
    const name = existsSync(path) ? realpathSync(path) : path;
    const { partial, file } = openPartial(name);
    try {
      writeAll(file, bytes);
      closeSync(file);
      publish(partial, name, options.force === true);
    } finally {
      dropPartial(partial);
    }
  });
}

/** The system may take less than it is given. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length; ) start += writeSync(file, bytes, start);
}
