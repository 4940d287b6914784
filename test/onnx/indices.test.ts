/** Indices computed from a row: those outside of their axis give NaN, and NaN as an integer is 0, on every device. */

import { expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { compileKernel } from "../../src/runtime/kernel.ts";
import { ints, program, type Row } from "./derivatives.ts";
import type { NodeSpec } from "./encode.ts";
import { runRow } from "./support.ts";

/** x = (index, 10, 20, 30); y = x at the index. */
const index: readonly NodeSpec[] = [
  ["Slice", ["x", "zero", "one", "one"], ["f"]],
  ["Cast", ["f"], ["i"], { to: 7 }],
];
const tensors = [ints("zero", [0]), ints("one", [1])];
const shared = { name: "t", shape: [4], values: [5, 6, 7, 8] };
const cases: Readonly<Record<string, Omit<Row, "x">>> = {
  Gather: { nodes: [...index, ["Gather", ["t", "i"], ["y"]]], tensors: [...tensors, shared] },
  GatherElements: { nodes: [...index, ["GatherElements", ["x", "i"], ["y"], { axis: 1 }]], tensors },
  GatherND: {
    nodes: [...index, ["GatherND", ["t", "i"], ["y"]]],
    tensors: [...tensors, shared],
  },
};
const rows = [0, 3, -4, -1, 2.9, 4, -5, 1e6, Number.NaN].map((first) => [first, 10, 20, 30]);

test.each(Object.entries(cases))("%s", async (name, row) => {
  const f = program({ ...row, x: [0, 10, 20, 30] });
  const both = jacobianProgram(f, { wrt: [0], value: true, allowZero: true });
  const own = rows.map((x) => runRow(both, x).flat());
  // The NaN itself stands at the index 0 that it becomes.
  const isOut = (first = 0): boolean =>
    (name === "GatherElements" && Number.isNaN(first)) || first >= 4 || first < -4;
  const outside = rows.map(([first]) => isOut(first));
  own.forEach((cells, k) => expect(Number.isNaN(cells[0])).toBe(outside[k]));
  for (const dtype of ["f32", "f64"] as const) {
    const kernel = await compileKernel(both, { device: "wasm", dtype, threads: 1 });
    const X = (dtype === "f32" ? Float32Array : Float64Array).from(rows.flat());
    const [Y, Z] = kernel.runSync([X], rows.length);
    own.forEach((cells, k) => {
      expect(Y?.[k]).toBe(cells[0]);
      expect(Array.from(Z?.subarray(4 * k, 4 * k + 4) ?? [])).toEqual(cells.slice(1));
    });
  }
});

test("NaN as an integer is 0", async () => {
  const f = program({
    nodes: [
      ["Cast", ["x"], ["i"], { to: 7 }],
      ["Cast", ["i"], ["y"], { to: 1 }],
    ],
    x: [0, 0],
  });
  const x = [Number.NaN, -2.5];
  expect(runRow(f, x)[0]).toEqual([0, -2]);
  for (const dtype of ["f32", "f64"] as const) {
    const kernel = await compileKernel(f, { device: "wasm", dtype, threads: 1 });
    const X = (dtype === "f32" ? Float32Array : Float64Array).from(x);
    expect(Array.from(kernel.runSync([X], 1)[0] ?? [])).toEqual([0, -2]);
  }
});
