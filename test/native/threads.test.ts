/** Native calls shared among threads, the calling one too: the bits of one thread for any n, calls that overlap. */

import { expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import type { FloatArray } from "../../src/runtime/kernel.ts";
import { buildLibrarySync } from "../../src/runtime/native/build.ts";
import { loadLibrary } from "../../src/runtime/native/library.ts";
import { nativePlan } from "../../src/runtime/native/plan.ts";
import { NativeRunner } from "../../src/runtime/native/runner.ts";
import { workOf } from "../../src/runtime/work.ts";
import { inputsFor, programOf, randomFloats } from "../runtime/helpers.ts";
import { bytesOf, describeNative, nativeKernel } from "./helpers.ts";

const WIDTH = 500;

/** So much work per row that few rows are worth a thread. */
function heavy({ sums }: { sums: boolean }): Program {
  const b = new Builder();
  const x = b.input("x", [3]);
  const weights = (rows: number, columns: number, seed: number) =>
    b.constant(randomFloats(rows * columns, { dtype: "f32", seed }), [rows, columns]);
  const first = b.unary("tanh", b.matmul(weights(WIDTH, 3, 1), x));
  const last = b.unary("tanh", b.matmul(weights(WIDTH, WIDTH, 2), first));
  return programOf("heavy", [x], sums ? [b.rowSum(last), last] : [last, b.neg(x)]);
}

const expectSameBits = (results: readonly FloatArray[], wanted: readonly FloatArray[], what: string): void =>
  wanted.forEach((values, output) => {
    const isSame = Buffer.compare(bytesOf(values), bytesOf(results[output] as FloatArray)) === 0;
    expect(isSame, `${what}, output ${output}`).toBe(true);
  });

describeNative("calls on threads", () => {
  test.each([false, true])("give the bits of one thread, sums over rows: %s", async (sums) => {
    const program = heavy({ sums });
    const one = nativeKernel(program, { dtype: "f32" });
    for (const threads of [2, 3, 7]) {
      const kernel = nativeKernel(program, { dtype: "f32", threads });
      const { tileRows } = kernel.info;
      for (const n of [0, 1, tileRows + 1, 2 * tileRows, 2 * tileRows + 1, 13 * tileRows - 1, 3000]) {
        const inputs = inputsFor(program, n, "f32");
        expectSameBits(await kernel.run(inputs, n), one.runSync(inputs, n), `${threads} threads, n = ${n}`);
      }
      expect(workOf(program) * (2 * tileRows)).toBeGreaterThan(1e7);
    }
  });

  test("that are asked for at the same time do not meet, and disposal waits for none", async () => {
    const program = heavy({ sums: false });
    const one = nativeKernel(program, { dtype: "f32" });
    const kernel = nativeKernel(program, { dtype: "f32", threads: 2 });
    const jobs = [200, 1000, 64, 500].map((n) => ({ n, inputs: inputsFor(program, n, "f32") }));
    for (let turn = 0; turn < 10; turn++) {
      const results = await Promise.all(jobs.map(({ inputs, n }) => kernel.run(inputs, n)));
      results.forEach((result, index) => {
        const { inputs, n } = jobs[index] as (typeof jobs)[number];
        expectSameBits(result, one.runSync(inputs, n), `n = ${n}`);
      });
    }
    kernel.dispose();
  });

  test("one after the other leave turns to timers; hundreds at the same time wait for each other", async () => {
    const program = heavy({ sums: false });
    const n = 50;
    const inputs = inputsFor(program, n, "f32");
    const wanted = nativeKernel(program, { dtype: "f32" }).runSync(inputs, n);
    const kernel = nativeKernel(program, { dtype: "f32", threads: 2 });
    let isLate = true;
    setTimeout(() => {
      isLate = false;
    }, 1);
    for (let call = 0; call < 300; call++) expectSameBits(await kernel.run(inputs, n), wanted, "in turn");
    expect(isLate).toBe(false);
    const plan = nativePlan(program, { device: "native", dtype: "f32", threads: 2 });
    const library = loadLibrary(buildLibrarySync(plan.code.source, plan.compiler));
    const kernels = Array.from({ length: 300 }, () => new NativeRunner(plan, library));
    const results = await Promise.all(kernels.map((each) => each.run(inputs, n)));
    for (const result of results) expectSameBits(result, wanted, "at once");
  });

  test("of much work leave the calling thread, however few their rows", () => {
    const kernel = nativeKernel(heavy({ sums: false }), { dtype: "f32" });
    const most = Math.ceil(1e7 / workOf(kernel.program));
    expect([kernel.runsAtOnce(1), kernel.runsAtOnce(most)]).toEqual([true, false]);
    expect(most).toBeLessThan(kernel.info.tileRows);
  });
});
