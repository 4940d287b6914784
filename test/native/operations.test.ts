/** Every case of the other devices as native code: against the interpreter, and bit for bit WebAssembly's if deterministic. */

import { expect, test } from "vitest";
import { interpret } from "../../src/runtime/interpreter.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { joined, relativeError } from "../runtime/helpers.ts";
import {
  expectInterpreted,
  expectNarrow,
  expectSameBitsApart,
  expectWasmBits,
  narrower,
} from "./everything.ts";
import { describeNative, nativeKernel } from "./helpers.ts";

describeNative("operations", () => {
  test.each(["f32", "f64"] as const)("%s agrees with the interpreter", (dtype) => expectInterpreted(dtype));
  test.each(["f32", "f64"] as const)("%s deterministic has WebAssembly's bits", (dtype) =>
    expectWasmBits(dtype),
  );
  test.each(narrower)("vectors of %i bytes agree with the interpreter", (bytes) => {
    expectNarrow(bytes, "f32");
    expectNarrow(bytes, "f64");
  });
  test("few rows, one after the other, have the bits of many", () => expectSameBitsApart("f32"));

  test("random programs agree with the interpreter", () => {
    const ops = randomOps.filter((op) => op !== "rowSum");
    const programs = Array.from({ length: 30 }, (_, seed) =>
      randomProgram(seed * 17 + 5, { ops, size: 4 + (seed % 20) }),
    );
    const n = 5;
    const program = joined(programs.map((one, seed) => ({ ...one, name: `seed ${seed}` })));
    const inputs = programs.flatMap((one, seed) => randomInputs(one, n, seed));
    const expected = interpret(program, inputs, n);
    nativeKernel(program, { dtype: "f64" })
      .runSync(inputs, n)
      .forEach((values, index) => {
        const wanted = expected[index] as Float64Array;
        const rows = Float64Array.from(values, (_, cell) => wanted[cell % wanted.length] as number);
        expect(relativeError(values, rows), program.outputs[index]?.name).toBeLessThan(1e-9);
      });
  });
});
