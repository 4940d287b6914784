/** Worker threads: the same bits as one thread, in any order of calls, and a process that ends. */

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { jacrow } from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { compileKernel, compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { onlyOn } from "../devices/here.ts";
import { inputsFor, programOf, randomFloats } from "./helpers.ts";

/** A few microseconds a row, so that some thousand rows are worth sharing. */
function heavy(): Program {
  const b = new Builder();
  const x = b.input("x", [8]);
  const s = b.input("s", [1], { level: "bound" });
  const w = b.constant(randomFloats(128 * 8, { dtype: "f32", seed: 1 }), [128, 8]);
  const v = b.constant(randomFloats(128 * 128, { dtype: "f32", seed: 2 }), [128, 128]);
  const h = b.unary("tanh", b.matmul(v, b.unary("sin", b.matmul(w, x))));
  return programOf("heavy", [x, s], [b.mul(h, b.broadcast(s, [128])), b.sum(h, [0])]);
}

const expectSameBits = (a: FloatArray | undefined, b: FloatArray | undefined): void =>
  expect(Buffer.compare(Buffer.from(a?.buffer as ArrayBuffer), Buffer.from(b?.buffer as ArrayBuffer))).toBe(
    0,
  );

test("three threads give the bits of one", async (context) => {
  onlyOn(context, "wasm", "native");
  const one = compileKernelSync(heavy(), { device: "wasm", dtype: "f32" });
  const three = await compileKernel(heavy(), { device: "wasm", dtype: "f32", threads: 3 });
  expect(three.info.threads).toBe(3);
  for (const n of [1, 63, 1000, 12_345, 12_345]) {
    const inputs = inputsFor(heavy(), n, "f32");
    const [alone, together] = [one.runSync(inputs, n), await three.run(inputs, n)];
    alone.forEach((values, index) => expectSameBits(values, together[index]));
  }
  three.dispose();
});

test("little work is done at once, whatever the rows; much work is not", () => {
  const kernel = compileKernelSync(heavy(), { device: "wasm", dtype: "f32" });
  const { tileRows } = kernel.info;
  expect([tileRows, tileRows + 1, 6000].map((n) => kernel.runsAtOnce(n))).toEqual([true, true, false]);
});

test("calls that overlap, with different shared inputs", async () => {
  const kernel = await compileKernel(heavy(), { device: "wasm", dtype: "f32", threads: 2 });
  const n = 6000;
  const [x] = inputsFor(heavy(), n, "f32") as [FloatArray];
  const calls = [1, 2, 4].map((factor) => kernel.run([x, Float32Array.of(factor)], n));
  const between = kernel.runSync([x, Float32Array.of(8)], n)[0];
  const results = await Promise.all(calls);
  const single = results[0]?.[0] as FloatArray;
  results.forEach(([values], index) => expect(values?.[777]).toBe((single[777] as number) * 2 ** index));
  expect(between?.[777]).toBe((single[777] as number) * 8);
  kernel.dispose();
});

test("a process waits for its workers, then ends by itself", () => {
  const script = `
    const { compileKernel } = await import("./src/runtime/kernel.ts");
    const { Builder } = await import("./src/ir/builder.ts");
    const b = new Builder();
    const x = b.input("x", [64]);
    let y = x;
    for (let i = 0; i < 40; i++) y = b.unary("sin", b.add(y, b.constant(i)));
    const program = { name: "f", inputs: [x], outputs: [{ name: "y", value: y }] };
    const kernel = await compileKernel(program, { device: "wasm", dtype: "f32", threads: 2 });
    const [out] = await kernel.run([new Float32Array(64 * 20000)], 20000);
    console.log("finished", out.length);`;
  const out = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(out).toContain("finished 1280000");
});

test("one thread lets events through during a long call", async (context) => {
  onlyOn(context, "wasm", "native");
  const kernel = await compileKernel(heavy(), { device: "wasm", dtype: "f32" });
  const n = 20_000;
  const inputs = inputsFor(heavy(), n, "f32");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const results = await kernel.run(inputs, n);
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(2);
  kernel.runSync(inputs, n).forEach((values, index) => expectSameBits(values, results[index]));
});

test("what arrays hold when they are given counts, in calls that overlap and after", async () => {
  const J = jacrow((x) => x.mul(x).mul(x), { device: "wasm", threads: 2 });
  const n = 60_000;
  const X = { data: new Float64Array(n).fill(2), shape: [n, 1] };
  for (let turn = 0; turn < 3; turn++) {
    X.data.fill(2);
    const first = J(X);
    X.data.fill(3);
    const second = J(X);
    X.data.fill(4);
    expect((await second).data.every((value) => value === 27)).toBe(true);
    expect((await first).data.every((value) => value === 12)).toBe(true);
    X.data.fill(5);
    const third = J(X);
    X.data.fill(6);
    expect((await third).data.every((value) => value === 75)).toBe(true);
  }
  J.dispose();
});
