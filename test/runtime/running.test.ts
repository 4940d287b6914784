/** Running kernels: any n, given outputs, shared inputs that change, fixed views, determinism, disposal. */

import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import {
  compileKernel,
  compileKernelSync,
  type FloatArray,
  type KernelOptions,
} from "../../src/runtime/kernel.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "./helpers.ts";

/** tanh layers 3 → 20 → 2 with shared first weights, and the derivative of the last layer's sum. */
function network(): Program {
  const b = new Builder();
  const x = b.input("x", [3]);
  const w = b.input("w", [20, 3], { level: "bound" });
  const v = b.constant(randomFloats(40, { dtype: "f64", seed: 3 }), [2, 20]);
  const h = b.unary("tanh", b.matmul(w, x));
  const slope = b.sub(b.constant(1), b.mul(h, h));
  const jacobian = b.contract(b.mul(v, slope), w, { a: [0, 1], b: [1, 2], out: [0, 2] });
  return programOf("network", [x, w], [b.matmul(v, h), jacobian]);
}

const wasm = (options: Partial<KernelOptions> = {}): KernelOptions => ({
  device: "wasm",
  dtype: "f32",
  ...options,
});

function bitsOf(values: FloatArray | undefined): Uint8Array {
  const { buffer, byteOffset, byteLength } = values as FloatArray;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

test("n = 0 gives empty results", () => {
  const kernel = compileKernelSync(network(), wasm());
  expect(kernel.runSync(inputsFor(network(), 0, "f32"), 0).map((values) => values.length)).toEqual([0, 0]);
});

test("compiling and running without blocking", async () => {
  const kernel = await compileKernel(network(), wasm());
  const inputs = inputsFor(network(), 9, "f32");
  const expected = interpret(network(), inputs, 9);
  const results = await kernel.run(inputs, 9);
  results.forEach((values, index) =>
    expect(relativeError(values, expected[index] as Float64Array)).toBeLessThan(3e-6),
  );
});

test("a row's bits depend on neither n nor its place", () => {
  const kernel = compileKernelSync(network(), wasm());
  const n = 5000;
  const [x, w] = inputsFor(network(), n, "f32") as [FloatArray, FloatArray];
  const all = kernel.runSync([x, w], n);
  for (const row of [0, 1, 63, 64, 2047, 2048, 4999]) {
    const one = kernel.runSync([x.slice(row * 3, row * 3 + 3), w], 1);
    one.forEach((values, index) => {
      const size = values.length;
      expect(bitsOf(values)).toEqual(bitsOf(all[index]?.slice(row * size, row * size + size)));
    });
  }
});

test("given outputs are filled and returned", () => {
  const kernel = compileKernelSync(network(), wasm());
  const outs = [new Float32Array(8), new Float32Array(24)];
  const results = kernel.runSync(inputsFor(network(), 4, "f32"), 4, outs);
  expect(results[0]).toBe(outs[0]);
  expect(outs[1]?.some((value) => value !== 0)).toBe(true);
});

test("shared inputs are bound again when their numbers change, also in place", () => {
  const kernel = compileKernelSync(network(), wasm({ dtype: "f64" }));
  const inputs = inputsFor(network(), 3, "f64");
  for (let trial = 0; trial < 3; trial++) {
    const expected = interpret(network(), inputs, 3);
    kernel
      .runSync(inputs, 3)
      .forEach((values, index) =>
        expect(relativeError(values, expected[index] as Float64Array)).toBeLessThan(1e-13),
      );
    inputs[1]?.set(randomFloats(60, { dtype: "f64", seed: trial }));
  }
});

test("fixed views: run() reads inputs and writes outputs in place", () => {
  const kernel = compileKernelSync(network(), wasm({ dtype: "f64" }));
  const [x, w] = inputsFor(network(), 11, "f64") as [FloatArray, FloatArray];
  const bound = kernel.bindFixed(11, [w]);
  bound.inputs[0]?.set(x);
  bound.run();
  interpret(network(), [x, w], 11).forEach((expected, index) =>
    expect(relativeError(bound.outputs[index] as FloatArray, expected)).toBeLessThan(1e-13),
  );
  x.reverse();
  bound.inputs[0]?.set(x);
  bound.run();
  const again = interpret(network(), [x, w], 11);
  expect(relativeError(bound.outputs[1] as FloatArray, again[1] as Float64Array)).toBeLessThan(1e-13);
});

describe("rounding", () => {
  const inputs = inputsFor(network(), 40, "f32");
  const results = (options: Partial<KernelOptions>): FloatArray[] =>
    compileKernelSync(network(), wasm(options)).runSync(inputs, 40);

  test("deterministic is what runtimes without relaxed SIMD give", () => {
    expect(bitsOf(results({ deterministic: true })[1])).toEqual(bitsOf(results({ relaxed: false })[1]));
  });

  test("fused and separate rounding agree closely", () => {
    expect(
      relativeError(results({})[1] as FloatArray, results({ relaxed: false })[1] as FloatArray),
    ).toBeLessThan(1e-6);
  });
});

test("wrong arguments are refused by name", () => {
  const kernel = compileKernelSync(network(), wasm());
  const [x, w] = inputsFor(network(), 2, "f32") as [FloatArray, FloatArray];
  expect(() => kernel.runSync([x, w], 3)).toThrow(/input "x" needs 9 numbers, got 6/);
  expect(() => kernel.runSync([x], 2)).toThrow(/takes 2 inputs, got 1/);
  expect(() => kernel.runSync([x, w.slice(1)], 2)).toThrow(UsageError);
  expect(() => kernel.runSync([x, w], 2, [new Float32Array(3)])).toThrow(/needs 4 numbers, got 3/);
  kernel.dispose();
  expect(() => kernel.runSync([x, w], 2)).toThrow(/disposed/);
});

test("memory stays flat over calls and kernels", () => {
  const kernel = compileKernelSync(network(), wasm());
  const inputs = inputsFor(network(), 1, "f32");
  const outs = kernel.runSync(inputs, 1);
  const before = process.memoryUsage();
  for (let call = 0; call < 20_000; call++) kernel.runSync(inputs, 1, outs);
  for (let made = 0; made < 20; made++) {
    const other = compileKernelSync(network(), wasm());
    other.runSync(inputs, 1);
    other.dispose();
  }
  const after = process.memoryUsage();
  expect(after.rss - before.rss).toBeLessThan(60e6);
});
