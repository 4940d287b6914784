/** Random programs: what lowering gives is what the interpreter gives, as loops, unfused loops and straight code. */

import { describe, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import type { Program } from "../../src/ir/types.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { randomInputs, randomOps, randomProgram, smoothOps } from "../ir/random-program.ts";
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

describe("Jacobians of random programs", () => {
  test.each([{ straight: false }, {}])("%o", (options) => {
    for (let seed = 1; seed <= 20; seed++) {
      const value = randomProgram(seed, { ops: smoothOps, size: 4 + (seed % 12) });
      const program = prepared(jacobianProgram(value, { wrt: [0], value: true, allowZero: true }));
      checkLowered(program, { inputs: randomInputs(program, ROWS, seed), ...options });
    }
  });
});
