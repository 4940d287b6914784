/** Products of every small size: right, and with the same bits whatever the register blocks and tiles. */

import { describe, expect, test } from "vitest";
import { provideFeatures } from "../../src/codegen/features.ts";
import { featureCode } from "../../src/codegen/few-rows.ts";
import { blockHeight } from "../../src/codegen/packing.ts";
import { wasmKernel } from "../../src/codegen/wasm/kernel.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { lower } from "../../src/lower/index.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { boundImage } from "../../src/runtime/wasm/bind.ts";
import { type Area, Instance, memoryFor, memoryPlan, type RowSlot } from "../../src/runtime/wasm/instance.ts";
import { programOf, randomFloats, relativeError } from "../runtime/helpers.ts";

provideFeatures();

const ROWS = 9;

/** y[j, i] = tanh Σ_k w[i, k] x[j, k], with w bound or made of the row. */
function product(sizes: { m: number; n: number; k: number }, bound: boolean): Program {
  const { m, n, k } = sizes;
  const b = new Builder();
  const x = b.input("x", [n, k]);
  const w = b.constant(randomFloats(m * k, { dtype: "f64", seed: m + k }), [m, k]);
  const left = bound ? w : b.mul(w, b.broadcast(b.sum(x, [0]), [m, k]));
  return programOf(
    "product",
    [x],
    [b.unary("tanh", b.contract(left, x, { a: [0, 1], b: [2, 1], out: [2, 0] }))],
  );
}

function run(
  program: Program,
  x: ArrayLike<number>,
  options: { ordered: boolean; mostRows?: number; apart?: ReturnType<typeof featureCode> },
): Float64Array {
  const lowered = lower(program, { dtype: "f64" });
  const code = wasmKernel(lowered, { fused: false, shared: false, ...options });
  const plan = memoryPlan(lowered, code, { rows: ROWS, threads: 1, slots: 1 });
  const memory = memoryFor(plan, false);
  new Uint8Array(memory.buffer).set(boundImage(lowered, code, new Map()));
  const area = plan.areas[0] as Area;
  const slot = area.slots[0] as RowSlot;
  new Float64Array(memory.buffer, slot.inputs[0]).set(x);
  new Instance(new WebAssembly.Module(code.bytes), memory, plan).run(area, slot, ROWS);
  const cells = lowered.outputs[0]?.buffer.cells ?? 0;
  return new Float64Array(memory.buffer, slot.outputs[0], ROWS * cells).slice();
}

describe.each([true, false])("bound weights: %s", (bound) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 9, 13])("%i rows of weights", (m) => {
    for (const [n, k] of [
      [1, 1],
      [1, 5],
      [2, 3],
      [5, 2],
    ] as const) {
      const program = product({ m, n, k }, bound);
      const x = randomFloats(ROWS * n * k, { dtype: "f64", seed: n });
      const expected = interpret(program, [x], ROWS)[0] as Float64Array;
      const plain = run(program, x, { ordered: false });
      expect(relativeError(plain, expected), `n ${n} k ${k}`).toBeLessThan(1e-14);
      expect(run(program, x, { ordered: true })).toEqual(plain);
      expect(run(program, x, { ordered: true, mostRows: 1 })).toEqual(plain);
      expect(run(program, x, { ordered: true, apart: featureCode() })).toEqual(plain);
    }
  });
});

test("blocks are as high as takes the least time", () => {
  const heights = [3, 5, 6, 8, 16, 64, 256].map((rows) => blockHeight(rows, { rows: 6, leastRows: 4 }));
  expect(heights).toEqual([3, 5, 6, 4, 6, 6, 6]);
  expect(blockHeight(9, { rows: 4 })).toBe(4);
});

test("after long sums functions are called, once written: short code, close to the reference", () => {
  const sized = (k: number): number => {
    const program = product({ m: 32, n: 1, k }, true);
    const x = randomFloats(ROWS * k, { dtype: "f64", seed: k });
    const wanted = interpret(program, [x], ROWS)[0] as Float64Array;
    expect(relativeError(run(program, x, { ordered: false }), wanted)).toBeLessThan(1e-12);
    return wasmKernel(lower(program, { dtype: "f64" }), { fused: false, shared: false }).bytes.length;
  };
  expect(sized(256)).toBeLessThan(sized(16) / 2);
});
