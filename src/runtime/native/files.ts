/** The first bytes of a file, as text of one byte per letter: files of the system may be long, or dear to read. */

import { closeSync, openSync, readSync } from "node:fs";

/** At most so many bytes from the start. Throws where the file cannot be read. */
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
