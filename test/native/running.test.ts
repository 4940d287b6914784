/** Running native kernels: any n, threads, given arrays, shared inputs that change, fixed views, sums over rows, disposal. */

import { expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernel, compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { bytesOf, describeNative, nativeKernel } from "./helpers.ts";

/** tanh layers 3 → 20 → 2 with shared first weights, the derivative by x, and a column passed through. */
function network(): Program {
  const b = new Builder();
  const x = b.input("x", [3]);
  const t = b.input("t", []);
  const w = b.input("w", [20, 3], { level: "bound" });
  const v = b.constant(randomFloats(40, { dtype: "f64", seed: 3 }), [2, 20]);
  const h = b.unary("tanh", b.mul(b.matmul(w, x), t));
  const slope = b.mul(b.sub(b.constant(1), b.mul(h, h)), t);
  const jacobian = b.contract(b.mul(v, slope), w, { a: [0, 1], b: [1, 2], out: [0, 2] });
  return programOf("network", [x, t, w], [b.matmul(v, h), jacobian, t]);
}

/** Sums over rows of a vector, of products, and what follows them. */
function sums(): Program {
  const b = new Builder();
  const x = b.input("x", [5]);
  const s = b.input("s", [5], { level: "bound" });
  const y = b.unary("sin", b.mul(x, s));
  const square = b.rowSum(b.contract(y, y, { a: [0], b: [1], out: [0, 1] }));
  return programOf("sums", [x, s], [b.rowSum(y), y, square, b.unary("exp", b.rowSum(b.sum(x, [0])))]);
}

function expectClose(
  program: Program,
  results: readonly FloatArray[],
  job: { n: number; inputs: FloatArray[] },
): void {
  interpret(program, job.inputs, job.n).forEach((wanted, index) => {
    const tolerance = results[index] instanceof Float32Array ? 4e-6 : 1e-12;
    expect(relativeError(results[index] as FloatArray, wanted), `output ${index}, n = ${job.n}`).toBeLessThan(
      tolerance,
    );
  });
}

const program = network();

describeNative("large results", () => {
  test.each(["f32", "f64"] as const)("are what small ones are, %s", async (dtype) => {
    const b = new Builder();
    const x = b.input("x", [3]);
    const factors = [144, 150].map((size) => b.constant(randomFloats(size, { dtype, seed: size }), [size]));
    const outers = factors.map((factor) => b.contract(x, factor, { a: [0], b: [1], out: [0, 1] }));
    const wide = programOf("wide", [x], [...outers, b.neg(x)]);
    const n = 2501;
    const inputs = inputsFor(wide, n, dtype);
    const kernel = nativeKernel(wide, { dtype, threads: 3 });
    const [whole, shared] = [kernel.runSync(inputs, n), await kernel.run(inputs, n)];
    const isEqual = (a: FloatArray, c: FloatArray): boolean => Buffer.compare(bytesOf(a), bytesOf(c)) === 0;
    whole.forEach((all, output) => {
      expect(isEqual(all, shared[output] as FloatArray), `output ${output}`).toBe(true);
    });
    for (const row of [0, 1, 16, 1249, 2495, 2500]) {
      const alone = kernel.runSync([(inputs[0] as FloatArray).slice(3 * row, 3 * row + 3)], 1);
      alone.forEach((values, output) => {
        const all = whole[output] as FloatArray;
        const own = all.slice(row * values.length, (row + 1) * values.length);
        expect(isEqual(own, values), `row ${row}, output ${output}`).toBe(true);
      });
    }
  });

  test.each([
    ["f32", 84],
    ["f64", 42],
  ] as const)("of rows that are no whole lines are what small ones are, %s", async (dtype, cells) => {
    const b = new Builder();
    const x = b.input("x", [3]);
    const factor = b.constant(randomFloats(cells / 3, { dtype, seed: 1 }), [cells / 3]);
    const narrow = programOf(
      "narrow",
      [x],
      [b.contract(x, factor, { a: [0], b: [1], out: [0, 1] }), b.neg(x)],
    );
    const n = Math.ceil((20 * 2 ** 20) / 336) + 21;
    const inputs = inputsFor(narrow, n, dtype);
    const kernel = nativeKernel(narrow, { dtype, threads: 2 });
    const results = [kernel.runSync(inputs, n), await kernel.run(inputs, n)];
    for (let first = 0; first < n; first += 10_007) {
      const last = Math.min(n, first + 10_007);
      const rows = kernel.runSync([(inputs[0] as FloatArray).slice(3 * first, 3 * last)], last - first);
      for (const [whole] of results) {
        const own = (whole as FloatArray).subarray(cells * first, cells * last);
        expect(Buffer.compare(bytesOf(own), bytesOf(rows[0] as FloatArray)), `rows from ${first}`).toBe(0);
      }
    }
  });
});

describeNative("rows", () => {
  test.each([0, 1, 15, 16, 17, 31, 32, 33, 100, 1000])("n = %i, in both ways of calling", async (n) => {
    const kernel = nativeKernel(program, { dtype: "f32", threads: 3 });
    const inputs = inputsFor(program, n, "f32");
    expectClose(program, kernel.runSync(inputs, n), { n, inputs });
    expectClose(program, await kernel.run(inputs, n), { n, inputs });
  });

  test("a row's bits depend on neither n, nor its place, nor the threads", async () => {
    const n = 3000;
    const [x, t, w] = inputsFor(program, n, "f32") as [FloatArray, FloatArray, FloatArray];
    const kernel = nativeKernel(program, { dtype: "f32" });
    const all = kernel.runSync([x, t, w], n);
    const shared = await nativeKernel(program, { dtype: "f32", threads: 4 }).run([x, t, w], n);
    shared.forEach((values, index) => expect(bytesOf(values)).toEqual(bytesOf(all[index] as FloatArray)));
    for (const row of [0, 1, 31, 32, 2047, 2999]) {
      const one = kernel.runSync([x.slice(row * 3, row * 3 + 3), t.slice(row, row + 1), w], 1);
      one.forEach((values, index) => {
        const size = values.length;
        expect(bytesOf(values)).toEqual(
          bytesOf(all[index]?.slice(row * size, (row + 1) * size) as FloatArray),
        );
      });
    }
  });

  test("no byte beside the rows is written", () => {
    const kernel = nativeKernel(program, { dtype: "f32" });
    for (const n of [1, 5, 16, 19]) {
      const inputs = inputsFor(program, n, "f32");
      const memory = [2, 6, 1].map((cells) => new Float32Array(cells * n + 64).fill(7));
      const outs = memory.map((all) => all.subarray(32, all.length - 32));
      kernel.runSync(inputs, n, outs);
      expectClose(program, outs, { n, inputs });
      for (const all of memory) {
        expect(all.subarray(0, 32).every((value) => value === 7)).toBe(true);
        expect(all.subarray(all.length - 32).every((value) => value === 7)).toBe(true);
      }
    }
  });
});

describeNative("arrays and views", () => {
  test("arrays of the other width are converted", async () => {
    const kernel = nativeKernel(program, { dtype: "f32" });
    const n = 70;
    const inputs = inputsFor(program, n, "f64");
    const outs = [2, 6, 1].map((cells) => new Float64Array(cells * n));
    const results = await kernel.run(inputs, n, outs);
    expect(results[1]).toBe(outs[1]);
    interpret(program, inputs, n).forEach((wanted, index) =>
      expect(relativeError(outs[index] as FloatArray, wanted)).toBeLessThan(4e-6),
    );
  });

  test("shared inputs are bound again when they change in place, also between calls at the same time", async () => {
    const kernel = nativeKernel(program, { dtype: "f32", threads: 2 });
    const n = 2000;
    const first = inputsFor(program, n, "f32");
    const second = [...first.slice(0, 2), (first[2] as FloatArray).map((value) => -value)] as FloatArray[];
    const [one, two] = await Promise.all([kernel.run(first, n), kernel.run(second, n)]);
    expectClose(program, one, { n, inputs: first });
    expectClose(program, two, { n, inputs: second });
    first[2]?.fill(0.5);
    expectClose(program, kernel.runSync(first, n), { n, inputs: first });
  });

  test("fixed views are read and written in place", () => {
    const kernel = nativeKernel(program, { dtype: "f32" });
    const inputs = inputsFor(program, 9, "f32");
    const bound = kernel.bindFixed(9, [inputs[2] as FloatArray]);
    bound.inputs[0]?.set(inputs[0] as FloatArray);
    bound.inputs[1]?.set(inputs[1] as FloatArray);
    bound.run();
    expectClose(program, bound.outputs, { n: 9, inputs });
    kernel.bindFixed(9, [new Float32Array(60)]);
    bound.run();
    expectClose(program, bound.outputs, { n: 9, inputs });
  });
});

describeNative("sums, events, disposal", () => {
  test("sums over rows, with WebAssembly's bits if deterministic", async () => {
    const summing = sums();
    for (const n of [0, 1, 15, 300, 5000]) {
      const inputs = inputsFor(summing, n, "f64");
      const wide = await nativeKernel(summing, { threads: 3 }).run(inputs, n);
      expectClose(summing, wide, { n, inputs });
      const options = { dtype: "f64", deterministic: true } as const;
      const exact = await compileKernel(summing, { ...options, device: "native", threads: 2 });
      const wasm = compileKernelSync(summing, { ...options, device: "wasm" }).runSync(inputs, n);
      (await exact.run(inputs, n)).forEach((values, index) =>
        expect(bytesOf(values)).toEqual(bytesOf(wasm[index] as FloatArray)),
      );
    }
    const bound = nativeKernel(summing, {}).bindFixed(40, [new Float64Array(5).fill(1)]);
    bound.inputs[0]?.fill(0.25);
    bound.run();
    bound.run();
    expect(bound.outputs[0]?.[3]).toBeCloseTo(40 * Math.sin(0.25), 12);
  });

  test("events run while rows are computed", async () => {
    const kernel = nativeKernel(program, { dtype: "f64" });
    const n = 400_000;
    const inputs = inputsFor(program, n, "f64");
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await kernel.run(inputs, n);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });

  test("a disposed kernel says so", () => {
    const kernel = nativeKernel(program, { dtype: "f32" });
    kernel.dispose();
    expect(() => kernel.runSync(inputsFor(program, 1, "f32"), 1)).toThrow(UsageError);
    expect(() => kernel.bindFixed(1, [new Float32Array(60)])).toThrow("JR863");
  });
});
