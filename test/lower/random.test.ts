/** Random programs: what lowering gives is what the interpreter gives, as loops, unfused loops and straight code. */

import { describe, test } from "vitest";
import type { Program } from "../../src/ir/types.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { checkLowered, ROWS } from "./check.ts";

/** What earlier passes expand, and sums over rows. */
const EXPANDED: ReadonlySet<string> = new Set(["scan", "project", "call", "stopGradient", "rowSum"]);
const ops = randomOps.filter((op) => !EXPANDED.has(op));
const COUNT = 150;

function forEachProgram(run: (program: Program, inputs: readonly Float64Array[]) => void): void {
  for (let seed = 1; seed <= COUNT; seed++) {
    const program = randomProgram(seed, { ops, size: 4 + (seed % 18) });
    try {
      run(program, randomInputs(program, ROWS, seed));
    } catch (error) {
      throw Object.assign(error as Error, { message: `seed ${seed}: ${(error as Error).message}` });
    }
  }
}

describe("random programs", () => {
  test.each([{ straight: false }, { straight: false, fuse: false }, { straight: true }, {}])(
    "%o",
    (options) => {
      forEachProgram((program, inputs) => {
        checkLowered(program, { inputs, ...options });
      });
    },
  );
});
