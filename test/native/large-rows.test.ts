/** Rows too large for tiles: all run one after the other, with the same numbers on every device and for any number of rows. */

import "./anew.ts";

import { expect, test, vi } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { knownLibrary } from "../../src/runtime/native/build.ts";
import { apartPlan, nativePlan } from "../../src/runtime/native/plan.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { bytesOf, describeNative, nativeKernel } from "./helpers.ts";

const SIZE = 560;

/** The first result is read again, the second only written. */
function program() {
  const b = new Builder();
  const x = b.input("x", [8, SIZE]);
  const weights = (rows: number, columns: number, seed: number) =>
    b.constant(randomFloats(rows * columns, { dtype: "f32", seed }), [rows, columns]);
  const h = b.unary("tanh", b.matmul(weights(SIZE, 8, 1), x));
  return programOf("large", [x], [h, b.matmul(weights(5, SIZE, 2), h)]);
}

test("WebAssembly gives the interpreter's numbers", () => {
  const large = program();
  const kernel = compileKernelSync(large, { device: "wasm", dtype: "f64" });
  expect(kernel.info.tileRows).toBe(1);
  const inputs = inputsFor(large, 1, "f64");
  const wanted = compileKernelSync(large, { device: "interpreter", dtype: "f64" }).runSync(inputs, 1);
  kernel.runSync(inputs, 1).forEach((values, index) => {
    expect(relativeError(values, wanted[index] as FloatArray)).toBeLessThan(1e-13);
  });
});

describeNative("native", () => {
  test.each([1, 2])("has WebAssembly's bits on %i threads, for any number of rows", async (threads) => {
    const large = program();
    const options = { dtype: "f32", deterministic: true, threads } as const;
    const native = nativeKernel(large, options);
    const wasm = compileKernelSync(large, { ...options, threads: 1, device: "wasm" });
    expect(native.info.tileRows).toBe(1);
    for (const n of [0, 1, 3, 17]) {
      const inputs = inputsFor(large, n, "f32");
      const [wanted, got] = [wasm.runSync(inputs, n), await native.run(inputs, n)];
      got.forEach((values: FloatArray, index: number) =>
        expect(Buffer.compare(bytesOf(values), bytesOf(wanted[index] as FloatArray))).toBe(0),
      );
    }
    const bound = native.bindFixed(2, []);
    const inputs = inputsFor(large, 2, "f32");
    bound.inputs[0]?.set(inputs[0] as FloatArray);
    bound.run();
    bound.outputs.forEach((values, index) =>
      expect(Buffer.compare(bytesOf(values), bytesOf(native.runSync(inputs, 2)[index] as FloatArray))).toBe(
        0,
      ),
    );
  });
});

describeNative("few rows", () => {
  test("have their code before they are bound, where that is asked for", async () => {
    const b = new Builder();
    const x = b.input("x", [600]);
    const weights = b.constant(randomFloats(300 * 600, { dtype: "f32", seed: 1 }), [300, 600]);
    const layer = programOf("layer", [x], [b.matmul(weights, x)]);
    const plan = nativePlan(layer, { device: "native", dtype: "f32" });
    const isCompiled = (): boolean => knownLibrary(apartPlan(plan).code.source, plan.compiler) !== undefined;
    const kernel = nativeKernel(layer, { dtype: "f32" });
    await kernel.prepare(plan.mostFewRows + 1);
    expect(isCompiled()).toBe(false);
    await kernel.prepare(1);
    expect(isCompiled()).toBe(true);
    const [row] = inputsFor(layer, 1, "f32") as [FloatArray];
    const { inputs, outputs, run } = kernel.bindFixed(1, []);
    inputs[0]?.set(row);
    run();
    expect(outputs).toEqual(kernel.runSync([row], 1));
  });

  test("have code of their own, of the same bits, once calls repay it", async () => {
    const b = new Builder();
    const x = b.input("x", [500]);
    const weights = b.constant(randomFloats(400 * 500, { dtype: "f32", seed: 1 }), [400, 500]);
    const layer = programOf("layer", [x], [b.matmul(weights, b.unary("tanh", x))]);
    const plan = nativePlan(layer, { device: "native", dtype: "f32" });
    const isCompiled = (): boolean => knownLibrary(apartPlan(plan).code.source, plan.compiler) !== undefined;
    const kernel = nativeKernel(layer, { dtype: "f32" });
    const inputs = inputsFor(layer, 3, "f32");
    const wanted = bytesOf(kernel.runSync(inputs, 3)[0] as FloatArray).slice();
    expect(isCompiled()).toBe(false);
    for (let call = 0; call < 1600; call++) kernel.runSync(inputs, 3);
    await vi.waitFor(() => expect(isCompiled()).toBe(true), { timeout: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(Buffer.compare(bytesOf(kernel.runSync(inputs, 3)[0] as FloatArray), wanted)).toBe(0);
  }, 90_000);
});
