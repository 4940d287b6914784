/** Products with weights that no cache holds: higher tiles, blocks of weights that meet all lanes, and the same numbers. */

import { expect, test } from "vitest";
import { FAR_BYTES, farDepth } from "../../src/codegen/layout.ts";
import { Builder } from "../../src/ir/builder.ts";
import { lower } from "../../src/lower/index.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { describeNative } from "./helpers.ts";

const [OUT, IN, N] = [1021, 2100, 37];
const b = new Builder();
const x = b.input("x", [3]);
const first = b.constant(randomFloats(3 * IN, { dtype: "f32", seed: 1 }), [IN, 3]);
const weights = b.constant(randomFloats(OUT * IN, { dtype: "f32", seed: 2 }), [OUT, IN]);
const hidden = b.unary("sin", b.matmul(first, x));
const program = programOf("far", [x], [b.unary("abs", b.matmul(weights, hidden))]);
const inputs = inputsFor(program, N, "f32");
const wanted = interpret(program, inputs, N);

test("weights are far, and tiles as high as their operand allows", () => {
  expect(OUT * IN * 4).toBeGreaterThan(FAR_BYTES);
  expect(farDepth(lower(prepared(program), { dtype: "f32" }))).toBe(IN);
  const kernel = compileKernelSync(program, { device: "wasm", dtype: "f32" });
  expect(kernel.info).toMatchObject({ tileRows: 32 });
});

const check = (device: "wasm" | "native"): void => {
  const kernel = compileKernelSync(program, { device, dtype: "f32" });
  const whole = kernel.runSync(inputs, N);
  whole.forEach((values, index) =>
    expect(relativeError(values, wanted[index] as Float64Array)).toBeLessThan(2e-5),
  );
  const [row] = kernel.runSync(
    inputs.map((input) => input.slice(3 * 33, 3 * 34)),
    1,
  ) as [FloatArray];
  expect(row).toEqual(whole[0]?.slice(33 * OUT, 34 * OUT));
};

test("numbers of the interpreter on WebAssembly, the same for one row", () => check("wasm"));

describeNative("native", () =>
  test("numbers of the interpreter, the same for one row", () => check("native")),
);
