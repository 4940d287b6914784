/** `take` at an index that only the row knows: the same entries, and NaN for NaN, wherever it runs. */

import { describe, expect, test } from "vitest";
import { findKinks, jacrow, rows, type Tensor, take } from "../../src/index.ts";

const X = [
  [0, 1.9],
  [Number.NaN, 2],
  [5, -7],
];
const table = [10, 20, 30];
const f = (i: Tensor): Tensor => take(table, i);

describe.each(["interpreter", "wasm"] as const)("take at a row's index on %s", (device) => {
  test.each(["f32", "f64"] as const)("%s: towards 0, kept in range, NaN for NaN", (dtype) => {
    const { data } = rows(f, { device, dtype }).sync(X);
    expect([...data]).toEqual([10, 20, Number.NaN, 30, 30, 10]);
  });

  test("whole slices of a matrix along either axis", () => {
    const matrix = [
      [1, 2],
      [3, 4],
    ];
    const g = (i: Tensor): Tensor => take(matrix, i).add(take(matrix, i, { axis: 1 }));
    const { data } = rows(g, { device }).sync([[1, Number.NaN]]);
    expect([...data]).toEqual([5, Number.NaN, Number.NaN, Number.NaN]);
  });

  test("the derivative is that of the entry taken, 0 where none is", () => {
    const g = (x: Tensor): Tensor => take(x.mul(x), x.slice(0, 1));
    const { data } = jacrow(g, { device }).sync([
      [1, 3],
      [Number.NaN, 5],
    ]);
    expect([...data]).toEqual([0, 6, 0, 0]);
  });
});

test("asking for NaN is no kink", async () => {
  const report = await findKinks((x: Tensor) => take(x, x.slice(0, 1)), [[0.4, 3]], { epsilon: 0.01 });
  expect(report.count).toBe(0);
});
