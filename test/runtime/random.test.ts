/** Random programs on wasm give what the interpreter gives; at jumps both must jump alike, so in float64 only. */

import { expect, test } from "vitest";
import { sizeOf } from "../../src/ir/shape.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernelSync } from "../../src/runtime/kernel.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";

const ROWS = 5;
const TOLERANCE = 1e-9;
const ops = randomOps.filter((op) => op !== "rowSum");

function close(x: number, y: number): boolean {
  return Object.is(x, y) || x === y || Math.abs(x - y) <= TOLERANCE * Math.max(1, Math.abs(y));
}

function check(seed: number, size: number): void {
  const program = randomProgram(seed, { ops, size });
  const inputs = randomInputs(program, ROWS, seed);
  const wanted = interpret(program, inputs, ROWS);
  const kernel = compileKernelSync(program, { device: "wasm", dtype: "f64" });
  kernel.runSync(inputs, ROWS).forEach((got, index) => {
    const expected = wanted[index] as Float64Array;
    const cells = sizeOf(program.outputs[index]?.value.shape ?? []);
    const shared = program.outputs[index]?.value.level !== "row";
    for (let cell = 0; cell < ROWS * cells; cell++) {
      const [x, y] = [got[cell] as number, expected[shared ? cell % cells : cell] as number];
      if (!close(x, y)) expect.fail(`seed ${seed} output ${index} cell ${cell}: ${x}, expected ${y}`);
    }
  });
}

test.each([4, 9, 14, 22])("25 programs of %i nodes", (size) => {
  for (let seed = 1; seed <= 25; seed++) {
    try {
      check(seed * 31 + size, size);
    } catch (error) {
      throw Object.assign(error as Error, { message: `seed ${seed}: ${(error as Error).message}` });
    }
  }
});
