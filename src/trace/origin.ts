/**
 * Where in the user's source an operation was written: `arm.ts:12`.
 *
 * Capturing costs a microsecond: the stack is kept as it is and read only when an error or a printer asks for the
 * name. Frames of this library are skipped by their folder.
 */

import type { Origin } from "../ir/types.ts";

const libraryFolder = decodeURI(new URL("..", import.meta.url).pathname);

/** The place of the caller's caller … that lies outside the library. */
export function captureOrigin(): Origin {
  // Made here and not in the class: engines keep ten frames, and the user's must be among them.
  return new SourceOrigin(new Error());
}

class SourceOrigin implements Origin {
  #error: Error | undefined;
  #name = "";

  constructor(error: Error) {
    this.#error = error;
  }

  get name(): string {
    if (this.#error !== undefined) {
      this.#name = userLine(this.#error.stack ?? "") ?? "an unknown line";
      this.#error = undefined;
    }
    return this.#name;
  }
}

/** `file.ts:12` of the first frame outside the library, from V8's or Gecko's and WebKit's form of a stack. */
function userLine(stack: string): string | undefined {
  for (const line of stack.split("\n")) {
    const match = /([^\s()@]+):(\d+):\d+\)?$/.exec(line);
    if (match === null) continue;
    const [, file = "", number = ""] = match;
    if (!decodeURI(file).includes(libraryFolder) && !file.startsWith("node:")) {
      return `${file.slice(file.search(/[^/\\]*$/)).replace(/\?.*$/, "")}:${number}`;
    }
  }
  return undefined;
}
