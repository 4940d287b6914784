/** Sums over rows of outer products, whose lanes lie along cells: right for every size, the same bits on both targets and for every tile. */

import { expect, test } from "vitest";
import { sumPlaces } from "../../src/codegen/sum-places.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { lower } from "../../src/lower/index.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernel, compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { inputsFor, programOf, relativeError } from "../runtime/helpers.ts";
import { bytesOf, describeNative, nativeKernel } from "./helpers.ts";

/** Σ A Bᵀ and its transpose for several sizes and depths, Σ of a batch of them, Σ A Aᵀ, and a plain sum. */
function products(): Program {
  const b = new Builder();
  const x = b.input("x", [6 * 40]);
  const value = (op: "sin" | "cos", size: number, depth: number) =>
    b.reshape(b.slice(b.unary(op, x), { starts: [0], steps: [1], shape: [size * depth] }), [size, depth]);
  const sums = [
    { m: 33, n: 35, depth: 3, out: [0, 1] },
    { m: 40, n: 18, depth: 6, out: [1, 0] },
    { m: 39, n: 4, depth: 5, out: [0, 1] },
  ].map(({ m, n, depth, out }) =>
    b.rowSum(b.contract(value("sin", m, depth), value("cos", n, depth), { a: [0, 2], b: [1, 2], out })),
  );
  const batch = b.contract(
    b.reshape(value("sin", 40, 3), [3, 2, 20]),
    b.reshape(value("cos", 40, 3), [3, 2, 20]),
    {
      a: [0, 1, 2],
      b: [0, 3, 4],
      out: [0, 1, 2, 3, 4],
    },
  );
  const own = value("cos", 40, 2);
  const gram = b.contract(own, own, { a: [0, 2], b: [1, 2], out: [0, 1] });
  return programOf("products", [x], [...sums, b.rowSum(batch), b.rowSum(gram), b.rowSum(x)]);
}

const program = products();

test("lanes lie along cells where that pays", () => {
  const lowered = lower(prepared(program), { dtype: "f32" });
  for (const width of [4, 16]) {
    const { outer, list } = sumPlaces(lowered, { width, byCells: true });
    expect(outer.size).toBeGreaterThanOrEqual(3);
    expect(new Set(list.map(({ lanes }) => lanes))).toEqual(new Set([1, width]));
    expect(sumPlaces(lowered, { width, byCells: false }).outer.size).toBe(0);
  }
});

function expectClose(results: readonly FloatArray[], job: { n: number; inputs: FloatArray[] }): void {
  interpret(program, job.inputs, job.n).forEach((wanted, index) => {
    const found = results[index] as FloatArray;
    const tolerance = found instanceof Float32Array ? 5e-6 : 1e-13;
    expect(relativeError(found, wanted), `output ${index}, n = ${job.n}`).toBeLessThan(tolerance);
  });
}

const COUNTS = [0, 15, 1300];

test.each(["f32", "f64"] as const)("numbers of the interpreter on WebAssembly, %s", (dtype) => {
  const kernel = compileKernelSync(program, { device: "wasm", dtype });
  for (const n of COUNTS) {
    const inputs = inputsFor(program, n, dtype);
    expectClose(kernel.runSync(inputs, n), { n, inputs });
  }
});

const sameBits = (found: readonly FloatArray[], wanted: readonly FloatArray[]): void =>
  found.forEach((values, index) => expect(bytesOf(values)).toEqual(bytesOf(wanted[index] as FloatArray)));

test("bound runs of any height of tiles, and threads, have the bits of calls", async () => {
  const one = compileKernelSync(program, { device: "wasm", dtype: "f32" });
  const three = await compileKernel(program, { device: "wasm", dtype: "f32", threads: 3 });
  for (const n of [3, 1300, 9000]) {
    const inputs = inputsFor(program, n, "f32");
    const wanted = one.runSync(inputs, n);
    sameBits(await three.run(inputs, n), wanted);
    const bound = one.bindFixed(n, []);
    bound.inputs[0]?.set(inputs[0] as FloatArray);
    bound.run();
    sameBits(bound.outputs, wanted);
  }
  three.dispose();
});

test("long sums of float32 are as exact as their terms", () => {
  const n = 200_000;
  const b = new Builder();
  const x = b.input("x", [16]);
  const outer = programOf("long", [x], [b.rowSum(b.contract(x, x, { a: [0], b: [1], out: [0, 1] }))]);
  const [sum] = compileKernelSync(outer, { device: "wasm", dtype: "f32" }).runSync(
    [new Float32Array(16 * n).fill(0.1)],
    n,
  ) as [FloatArray];
  const wanted = n * Math.fround(0.1) ** 2;
  for (const each of sum) expect(Math.abs(each / wanted - 1)).toBeLessThan(2e-5);
});

describeNative("native", () => {
  test.each(["f32", "f64"] as const)("numbers of the interpreter, %s", async (dtype) => {
    const kernel = nativeKernel(program, { dtype, threads: 2 });
    for (const n of COUNTS) {
      const inputs = inputsFor(program, n, dtype);
      const found = kernel.runSync(inputs, n);
      expectClose(found, { n, inputs });
      sameBits(await kernel.run(inputs, n), found);
    }
  });

  test("WebAssembly's bits if deterministic", () => {
    const options = { dtype: "f32", deterministic: true } as const;
    const [wasm, native] = (["wasm", "native"] as const).map((device) =>
      compileKernelSync(program, { ...options, device }),
    );
    for (const n of [...COUNTS, 5000]) {
      const inputs = inputsFor(program, n, "f32");
      sameBits(native?.runSync(inputs, n) as FloatArray[], wasm?.runSync(inputs, n) as FloatArray[]);
    }
  });
});
