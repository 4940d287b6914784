/** Bound runs with new shared inputs: the numbers of a fresh call, on every device, whatever the weights go through. */

import { beforeAll, describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { rebindBy, writeImage } from "../../src/runtime/rebinding.ts";
import { writeThroughTables } from "../../src/runtime/rebinding-tables.ts";
import { obstacle } from "../native/helpers.ts";
import { programOf } from "./helpers.ts";

/** Weights used as they are, moved, multiplied, contracted, chosen, and in sums over rows with something after them. */
function weighted(): Program {
  const b = new Builder();
  const x = b.input("x", [5]);
  const w = b.input("w", [7, 5], { level: "bound" });
  const v = b.input("v", [7], { level: "bound" });
  const hidden = b.unary("tanh", b.contract(w, x, { a: [0, 1], b: [1], out: [0] }));
  const back = b.contract(b.transpose(w, [1, 0]), hidden, { a: [0, 1], b: [1], out: [0] });
  const squared = b.mul(v, b.unary("exp", b.neg(v)));
  const gram = b.contract(w, w, { a: [0, 1], b: [0, 2], out: [1, 2] });
  const chosen = b.select(b.compare("lt", v, b.constant(0, [7])), squared, v);
  const joined = b.concat([squared, b.slice(v, { starts: [1], steps: [2], shape: [3] })], 0);
  const scalar = b.sum(v, [0]);
  const y = b.add(back, b.contract(gram, x, { a: [0, 1], b: [1], out: [0] }));
  return programOf(
    "weighted",
    [x, w, v],
    [
      b.mul(y, b.broadcast(scalar, [5])),
      b.mul(hidden, chosen),
      b.mul(b.broadcast(b.sum(x, [0]), [10]), joined),
      b.rowSum(b.mul(hidden, squared)),
      b.div(b.rowSum(y), b.broadcast(scalar, [5])),
    ],
  );
}

const numbers = (count: number, seed: number, dtype: "f32" | "f64"): FloatArray => {
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));
  return dtype === "f32" ? Float32Array.from(values) : values;
};

const devices = ["wasm", "interpreter", ...(obstacle === undefined ? (["native"] as const) : [])] as const;

describe.each(devices.flatMap((device) => [[device, "anew"] as const, [device, "by tables"] as const]))(
  "%s, %s",
  (device, how) => {
    beforeAll(() => rebindBy(how === "anew" ? writeImage : writeThroughTables));

    test.each([
      ["f64", 0],
      ["f64", 1],
      ["f32", 70],
      ["f64", 300],
      ["f64", 1100],
    ] as const)("%s, %d rows", (dtype, n) => {
      const program = weighted();
      const kernel = compileKernelSync(program, { device, dtype });
      const shared = (seed: number): FloatArray[] =>
        program.inputs.slice(1).map(({ shape }, index) => numbers(sizeOf(shape), seed + index, dtype));
      const bound = kernel.bindFixed(n, shared(1));
      bound.inputs[0]?.set(numbers(5 * n, 9, dtype));
      for (const seed of [1, 4, 7, 1]) {
        bound.rebind(shared(seed));
        bound.run();
        const wanted = kernel.runSync([numbers(5 * n, 9, dtype), ...shared(seed)], n);
        expect(bound.outputs).toEqual(wanted);
      }
    });
  },
);

test("a run that was bound again leaves other runs alone", () => {
  const program = weighted();
  const kernel = compileKernelSync(program, { device: "wasm", dtype: "f64" });
  const given = [numbers(35, 1, "f64"), numbers(7, 2, "f64")];
  const [one, other] = [kernel.bindFixed(3, given), kernel.bindFixed(3, given)];
  for (const bound of [one, other]) bound.inputs[0]?.set(numbers(15, 9, "f64"));
  one.rebind([numbers(35, 5, "f64"), numbers(7, 6, "f64")]);
  for (const bound of [one, other]) bound.run();
  expect(other.outputs).toEqual(kernel.runSync([numbers(15, 9, "f64"), ...given], 3));
  expect(other.outputs).not.toEqual(one.outputs);
});

test.each(devices)("%s: given numbers are copied, and what is disposed says so", (device) => {
  const b = new Builder();
  const [x, w] = [b.input("x", []), b.input("w", [], { level: "bound" })];
  const kernel = compileKernelSync(programOf("scaled", [x, w], [b.mul(x, w)]), { device, dtype: "f64" });
  const weight = Float64Array.of(3);
  const bound = kernel.bindFixed(1, [weight]);
  bound.inputs[0]?.fill(2);
  weight.fill(5);
  bound.run();
  expect(bound.outputs[0]?.[0]).toBe(6);
  kernel.dispose();
  bound.run();
  expect(() => kernel.runSync([Float64Array.of(1), weight], 1)).toThrow("JR863");
  expect(() => kernel.bindFixed(1, [weight])).toThrow("JR863");
});
