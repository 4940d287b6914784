/**
 * What native code asks of the system: the start of a file, digests, processes.
 *
 * Always: the modules for digests and processes are loaded when they are first used, for they take a new process milliseconds.
 */

import type * as childProcess from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

/** At most so many bytes from the start of a file, as text of one byte per letter: some files are long, or dear to read. Throws where it cannot be read. */
export function readStart(path: string, bytes: number): string {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(bytes);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes; length += more)
      more = readSync(file, start, length, bytes - length, null);
    return start.toString("latin1", 0, length);
  } finally {
    closeSync(file);
  }
}

/** SHA-256 in hexadecimal. */
export function digest(data: string | Uint8Array): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(data).digest("hex");
}

/** What starts processes. */
export function processes(): typeof childProcess {
  return process.getBuiltinModule("node:child_process");
}
