/** Running the command line inside the test's process, and files for it. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/run.ts";
import { readNpyFile } from "../../src/data/read-file.ts";

/** What a command said and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
export async function jacrow(...argv: string[]): Promise<Outcome> {
  const said = { out: "", err: "" };
  const code = await run(argv, {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    isLive: false,
    columns: 80,
    debug: "",
  });
  return { code, ...said };
}

/** A file of the ONNX fixtures. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/onnx/${path}`, import.meta.url));
}

/** A new folder for results. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "jacrow-cli-"));
}

/** max |a − b| / max |b| of two files of the same shape. */
export function relativeError(path: string, reference: string): number {
  const [a, b] = [readNpyFile(path), readNpyFile(reference)];
  if (a.shape.join() !== b.shape.join()) return Number.NaN;
  const [own, numbers] = [Array.from(a.data as Float64Array), Array.from(b.data as Float64Array)];
  const gaps = own.map((value, index) => Math.abs(value - (numbers[index] ?? Number.NaN)));
  return Math.max(...gaps) / Math.max(...numbers.map(Math.abs));
}
