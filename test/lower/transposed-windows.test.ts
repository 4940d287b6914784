/** Sums of spread windows: lowered as products over windows, equal to the interpreter's scatter for every stride, dilation and crop. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import type { Lowered } from "../../src/lower/loops.ts";
import { checkLowered } from "./check.ts";

interface Line {
  readonly count: number;
  readonly cell: number;
  readonly stride: number;
  readonly dilation: number;
  readonly start: number;
  readonly length: number;
  /** Counts as two digits, the second of this size. */
  readonly digit?: number;
}

/** 1 where place = start + stride · count + dilation · cell. */
function matrix(b: Builder, { count, cell, stride, dilation, start, length, digit }: Line): Node {
  const values = new Float64Array(count * cell * length);
  for (let q = 0; q < count; q++)
    for (let m = 0; m < cell; m++) values[(q * cell + m) * length + start + stride * q + dilation * m] = 1;
  const counts = digit === undefined ? [count] : [count / digit, digit];
  return b.constant(values, [...counts, cell, length]);
}

const [SEED, FEATURE, CHANNEL] = [0, 1, 2];

/** Σ over features of cells (seed, feature, …counts) · weights (feature, channel, …cells), spread along each line. */
function spread(
  lines: readonly Line[],
  { weights = "bound", crop }: { weights?: "bound" | "row"; crop?: readonly [number, number] } = {},
): Program {
  const b = new Builder();
  const countSizes = lines.map(({ count, digit }) =>
    digit === undefined ? [count] : [count / digit, digit],
  );
  const cells = b.input("cells", [2, 3, ...countSizes.flat()]);
  const kernel = b.input("kernel", [3, 4, ...lines.map(({ cell }) => cell)], { level: weights });
  let next = 3;
  const counts = countSizes.map((sizes) => sizes.map(() => next++));
  const own = lines.map(() => next++);
  const places = lines.map(() => next++);
  let labels = [SEED, CHANNEL, ...lines.flatMap((_, k) => [...(counts[k] as number[]), own[k] as number])];
  let value = b.contract(cells, kernel, {
    a: [SEED, FEATURE, ...counts.flat()],
    b: [FEATURE, CHANNEL, ...own],
    out: labels,
  });
  lines.forEach((line, k) => {
    const gone = [...(counts[k] as number[]), own[k] as number];
    const left = [...labels.filter((label) => !gone.includes(label)), places[k] as number];
    value = b.contract(value, matrix(b, line), { a: labels, b: [...gone, places[k] as number], out: left });
    labels = left;
  });
  if (crop !== undefined) {
    const starts = value.shape.map((_, axis) => (axis < 2 ? axis : crop[0]));
    const shape = value.shape.map((size, axis) => (axis === 0 ? size : axis === 1 ? size - 1 : crop[1]));
    value = b.slice(value, { starts, steps: starts.map(() => 1), shape });
  }
  return programOf("spread", [cells, kernel], [{ name: "y", value }]);
}

const line = (count: number, cell: number, rest: Partial<Line> = {}): Line => {
  const { stride = 1, dilation = 1, start = 0 } = rest;
  const length = start + stride * (count - 1) + dilation * (cell - 1) + 1;
  return { count, cell, stride, dilation, start, length, ...rest };
};

function expectGathered({ stages }: Lowered): void {
  const sums = stages.filter((stage) => stage.kind === "nest" && stage.reduce !== undefined);
  expect(sums.length > 0 || stages.some((stage) => stage.kind === "product")).toBe(true);
  expect(stages.some((stage) => stage.kind === "nest" && stage.ordered)).toBe(false);
}

describe("sums of spread windows are products", () => {
  const cases: Record<string, Line> = {
    plain: line(5, 3),
    strided: line(4, 3, { stride: 2 }),
    "wider than the stride": line(4, 5, { stride: 2 }),
    "narrower than the stride": line(4, 2, { stride: 3 }),
    dilated: line(5, 3, { dilation: 2 }),
    "strided and dilated alike": line(4, 3, { stride: 2, dilation: 2 }),
    "strided and dilated": line(4, 3, { stride: 2, dilation: 3 }),
    "later and longer": line(4, 3, { stride: 2, start: 3, length: 17 }),
    "one count": line(1, 3, { stride: 1, dilation: 2 }),
    "counts of two digits": line(6, 3, { digit: 3, stride: 2 }),
  };
  test.each(Object.entries(cases))("%s", (_, own) => {
    expectGathered(checkLowered(spread([own])));
    expectGathered(checkLowered(spread([own], { crop: [1, 3] })));
  });
  test("two axes, cropped", () => {
    const lines = [line(4, 3, { stride: 2 }), line(6, 3, { digit: 2, dilation: 2 })];
    expectGathered(checkLowered(spread(lines)));
    expectGathered(checkLowered(spread(lines, { crop: [2, 6] })));
  });
  test("weights of rows", () => {
    expectGathered(checkLowered(spread([line(5, 3), line(4, 3)], { weights: "row", crop: [1, 4] })));
  });
});

describe("what is no sum of spread windows stays as it is", () => {
  test("a place that two cells of one window reach", () => {
    const b = new Builder();
    const x = b.input("x", [3, 4]);
    const w = b.input("w", [3, 2], { level: "bound" });
    const values = b.contract(x, w, { a: [0, 1], b: [0, 2], out: [1, 2] });
    const both = b.constant(
      Float64Array.from({ length: 40 }, (_, cell) => (cell % 5 === Math.floor(cell / 10) ? 1 : 0)),
      [4, 2, 5],
    );
    const y = b.contract(values, both, { a: [0, 1], b: [0, 1, 2], out: [2] });
    checkLowered(programOf("both", [x, w], [{ name: "y", value: y }]));
  });
  test("a product that has another user", () => {
    const b = new Builder();
    const x = b.input("x", [3, 4]);
    const w = b.input("w", [3, 2], { level: "bound" });
    const values = b.contract(x, w, { a: [0, 1], b: [0, 2], out: [1, 2] });
    const y = b.contract(values, matrix(b, line(4, 2)), { a: [0, 1], b: [0, 1, 2], out: [2] });
    checkLowered(
      programOf(
        "shared",
        [x, w],
        [
          { name: "y", value: y },
          { name: "values", value: values },
        ],
      ),
    );
  });
});
