/** Levels in the interpreter: what is computed once, per row, and after all rows. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import type { Program } from "../../src/ir/types.ts";
import { evaluateBound, interpret } from "../../src/runtime/interpreter.ts";
import { joinPartialSums, rowRanges } from "../../src/runtime/row-sums.ts";

/** y = x · w per row, its sum over rows, and twice w. */
function sums(): Program {
  const b = new Builder();
  const x = b.input("x", [2]);
  const w = b.input("w", [2], { level: "bound" });
  const y = b.mul(x, w);
  const outputs = [
    { name: "y", value: y },
    { name: "total", value: b.sum(b.rowSum(y), [0]) },
    { name: "twice", value: b.add(w, w) },
    { name: "count", value: b.rowSum(b.constant(1)) },
  ];
  return programOf("sums", [x, w], outputs);
}

describe("interpret", () => {
  test("rows, shared values and sums over rows", () => {
    const [y, total, twice, count] = interpret(
      sums(),
      [
        [1, 2, 3, 4, 5, 6],
        [10, 100],
      ],
      3,
    );
    expect([...(y as Float64Array)]).toEqual([10, 200, 30, 400, 50, 600]);
    expect([...(total as Float64Array)]).toEqual([1290]);
    expect([...(twice as Float64Array)]).toEqual([20, 200]);
    expect([...(count as Float64Array)]).toEqual([3]);
  });
  test("no rows: empty rows, zero sums", () => {
    const outputs = interpret(sums(), [[], [10, 100]], 0);
    expect(outputs.map((output) => [...output])).toEqual([[], [0], [20, 200], [0]]);
  });
  test("refuses inputs of the wrong length", () => {
    expect(() =>
      interpret(
        sums(),
        [
          [1, 2, 3],
          [1, 1],
        ],
        2,
      ),
    ).toThrow("JR203: x takes 2 rows of shape (2,), 4 numbers, got 3");
    expect(() => interpret(sums(), [[1, 2]], 1)).toThrow("JR911");
  });
  test("a row sum never meets a row", () => {
    const b = new Builder();
    const x = b.input("x", []);
    expect(() => b.add(b.rowSum(x), x)).toThrow("JR210");
  });
});

describe("row sums", () => {
  test.each([0, 1, 255, 256, 257, 4096, 4097, 100_000])("ranges of %i rows", (n) => {
    const ranges = rowRanges(n);
    expect(ranges.length).toBeLessThanOrEqual(16);
    expect(ranges.reduce((end, range) => (range.start === end ? range.end : Number.NaN), 0)).toBe(n);
  });
  test("partial sums join as a tree", () => {
    const parts = [2 ** 53, 1, 1, 1].map((x) => Float64Array.of(x));
    expect(joinPartialSums(parts, 1)[0]).toBe(2 ** 53 + 2);
    expect([...joinPartialSums([], 2)]).toEqual([0, 0]);
  });
});

test("evaluateBound computes what depends on shared inputs", () => {
  const b = new Builder();
  const w = b.input("w", [2, 2], { level: "bound" });
  const product = b.matmul(w, w);
  expect([...(evaluateBound([product], new Map([[w, [1, 2, 3, 4]]]))[0] as Float64Array)]).toEqual([
    7, 10, 15, 22,
  ]);
});
