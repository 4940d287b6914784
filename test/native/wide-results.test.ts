/** Results made and written slice by slice: the interpreter's numbers for any n, one thread's and WebAssembly's bits, places beside left alone. */

import { describe, expect, test } from "vitest";
import { planJacobian } from "../../src/autodiff/index.ts";
import { provideFeatures } from "../../src/codegen/features.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { lower } from "../../src/lower/index.ts";
import { type Lowered, rowCells } from "../../src/lower/loops.ts";
import { withSlicedOutput } from "../../src/lower/sliced-output.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernel, compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { nativePlan } from "../../src/runtime/native/plan.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { bytesOf, describeNative } from "./helpers.ts";

provideFeatures();

/** tanh layers of these sizes, and their Jacobian after the values. */
function network(sizes: readonly number[], mode: "auto" | "reverse" | "forward"): Program {
  const b = new Builder();
  const x = b.input("x", [sizes[0] as number]);
  const y = sizes.slice(1).reduce((value: Node, size, layer) => {
    const from = value.shape[0] as number;
    const weights = b.constant(randomFloats(size * from, { dtype: "f64", seed: layer }), [size, from]);
    return b.unary("tanh", b.matmul(weights, b.mul(value, b.constant(0.2))));
  }, x);
  return planJacobian(programOf(sizes.join("-"), [x], [y]), { wrt: [0], mode, value: true }).program;
}

/** Products of two values of the row, one of which is a result too. */
function operands(): Program {
  const b = new Builder();
  const x = b.input("x", [600]);
  const left = b.reshape(x, [150, 4]);
  const right = b.unary("exp", left);
  return programOf("operands", [x], [b.contract(left, right, { a: [0, 1], b: [2, 1], out: [0, 2] }), right]);
}

/** Short sums into large results, whose axes lie in this order: the loops over them do too. */
function shortSums(out: readonly number[]): Program {
  const b = new Builder();
  const [x, y] = [b.input("x", [3, 57, 5]), b.input("y", [3, 61, 5])];
  const product = b.contract(x, y, { a: [0, 1, 2], b: [0, 3, 2], out });
  return programOf("short sums", [x, y], [b.unary("tanh", product)]);
}

/** A sum of two products of which a slice is large; `read`: something else reads the first of them. */
function sumOfProducts(read: boolean): Program {
  const b = new Builder();
  const [x, y] = [b.input("x", [3, 20, 3]), b.input("y", [3, 600, 3])];
  const labels = { a: [0, 1, 2], b: [0, 3, 2], out: [0, 1, 3] };
  const first = b.unary("sin", b.contract(x, y, labels));
  const second = b.contract(b.unary("cos", x), b.unary("exp", y), labels);
  const total = b.sum(b.mul(first, first), [1, 2]);
  return programOf("sum of products", [x, y], [...(read ? [total] : []), b.add(first, second)]);
}

const lowered = (program: Program): Lowered =>
  lower(prepared(program), { dtype: "f64", slices: withSlicedOutput });
const sandglass = (last: number): Program => network([130, 24, 6, 24, last], "auto");
const cases = [
  { name: "a product cut in parts", program: sandglass(160), slices: 4, dtype: "f32" },
  { name: "parts that are no whole lines", program: sandglass(150), slices: 3, dtype: "f64" },
  { name: "an axis without divisors", program: sandglass(151), slices: undefined, dtype: "f64" },
  { name: "a loop over seeds", program: network([160, 140, 150], "reverse"), slices: 150, dtype: "f32" },
  { name: "operands that are results", program: operands(), slices: 3, dtype: "f64" },
  { name: "short sums, rows outermost", program: shortSums([1, 0, 3]), slices: undefined, dtype: "f32" },
  { name: "short sums, columns outermost", program: shortSums([3, 0, 1]), slices: undefined, dtype: "f64" },
  { name: "parts of slices", program: sumOfProducts(false), slices: 60, dtype: "f32" },
  { name: "parts of slices, one read whole", program: sumOfProducts(true), slices: 60, dtype: "f64" },
  { name: "short sums, batches outermost", program: shortSums([0, 1, 3]), slices: undefined, dtype: "f32" },
] as const;

describe("lowering", () => {
  test.each(cases)("$name: $slices slices", ({ program, slices }) => {
    const { outputs } = lowered(program);
    expect(outputs.map((port) => port.slices).find((count) => count !== undefined)).toBe(slices);
    expect(outputs.map(rowCells)).toEqual(
      program.outputs.map(({ value }) => value.shape.reduce((size, axis) => size * axis, 1)),
    );
    expect(
      lower(prepared(program), { dtype: "f64" }).outputs.every((port) => port.slices === undefined),
    ).toBe(true);
  });
});

function expectClose(
  results: readonly FloatArray[],
  wanted: readonly ArrayLike<number>[],
  what: string,
): void {
  wanted.forEach((values, output) => {
    const tolerance = results[output] instanceof Float32Array ? 2e-5 : 1e-12;
    expect(relativeError(results[output] as FloatArray, values), `${what}, output ${output}`).toBeLessThan(
      tolerance,
    );
  });
}

const expectSameBits = (a: readonly FloatArray[], b: readonly FloatArray[], what: string): void =>
  a.forEach((values, output) => {
    const isSame = Buffer.compare(bytesOf(values), bytesOf(b[output] as FloatArray)) === 0;
    expect(isSame, `${what}, output ${output}`).toBe(true);
  });

function testDevice(device: "wasm" | "native"): void {
  test.each(cases)("$name", async ({ program, dtype }) => {
    const one = compileKernelSync(program, { device, dtype });
    const three = compileKernelSync(program, { device, dtype, threads: 3 });
    for (const n of [0, 1, 3, 17, 70]) {
      const inputs = inputsFor(program, n, dtype);
      const alone = one.runSync(inputs, n);
      if (n < 20) expectClose(alone, interpret(program, inputs, n), `n = ${n}`);
      expectSameBits(await three.run(inputs, n), alone, `n = ${n}`);
      if (n === 0) continue;
      const bound = one.bindFixed(n, []);
      inputs.forEach((values, input) => bound.inputs[input]?.set(values));
      bound.run();
      expectSameBits(bound.outputs, alone, `bound, n = ${n}`);
    }
    three.dispose();
  });
}

describe("WebAssembly", () => testDevice("wasm"));
describeNative("native", () => {
  testDevice("native");

  test.each([
    { what: "by tiles", program: cases[1].program, few: 0, counts: [1, 3, 9, 40] },
    { what: "in place", program: cases[3].program, few: 4, counts: [1, 3] },
    { what: "past the caches", program: network([384, 200, 380], "reverse"), few: 4, counts: [3, 4] },
  ])("no byte beside the rows is written, $what", ({ program, few, counts }) => {
    const options = { device: "native", dtype: "f64" } as const;
    expect(nativePlan(prepared(program), options).mostFewRows).toBe(few);
    const kernel = compileKernelSync(program, options);
    // From here on few rows have code that writes results in place, or those of 4 MB and more past the caches.
    kernel.bindFixed(1, []);
    for (const n of counts) {
      const inputs = inputsFor(program, n, "f64");
      const memory = lowered(program).outputs.map((port) =>
        new Float64Array(rowCells(port) * n + 64).fill(7),
      );
      const outs = memory.map((all) => all.subarray(31, all.length - 33));
      kernel.runSync(inputs, n, outs);
      expectClose(outs, interpret(program, inputs, n), `n = ${n}`);
      for (const all of memory)
        expect([...all.subarray(0, 31), ...all.subarray(-33)].every((value) => value === 7)).toBe(true);
    }
  });

  test("deterministic bits are WebAssembly's", async () => {
    const { program } = cases[0];
    const inputs = inputsFor(program, 11, "f64");
    const options = { dtype: "f64", deterministic: true } as const;
    const wasm = await compileKernel(program, { ...options, device: "wasm" });
    const native = await compileKernel(program, { ...options, device: "native" });
    expectSameBits(native.runSync(inputs, 11), wasm.runSync(inputs, 11), "n = 11");
  });
});
