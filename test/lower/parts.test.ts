/** The parts of lowering one by one: index arithmetic, placement, cutting of straight code, counts. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { range, stridesOf } from "../../src/ir/shape.ts";
import type { Node } from "../../src/ir/types.ts";
import { lower, operationCounts, printLowered } from "../../src/lower/index.ts";
import {
  Axes,
  decomposed,
  indexKey,
  inverted,
  linear,
  ofAxis,
  plus,
  scaled,
  substituted,
} from "../../src/lower/indices.ts";
import type { Lowered } from "../../src/lower/loops.ts";
import { livesOf } from "../../src/lower/placement.ts";
import { checkLowered } from "./check.ts";
import { netJacobian, oneInput } from "./programs.ts";

describe("indices", () => {
  const axes = new Axes();
  const [i, j, k] = [axes.make(4), axes.make(3), axes.make(2)];
  test("equal sums have equal keys", () => {
    const a = plus(scaled(ofAxis(i), 3), ofAxis(j));
    const b = plus(plus(ofAxis(j), scaled(ofAxis(i), 2)), ofAxis(i));
    expect(indexKey(a)).toBe(indexKey(b));
    expect(indexKey(plus(a, scaled(ofAxis(j), -1)))).toBe(indexKey(scaled(ofAxis(i), 3)));
  });
  test("a cell number gives back its coordinates", () => {
    const coordinates = [ofAxis(i), ofAxis(j), ofAxis(k)];
    const found = decomposed(linear(coordinates, stridesOf([4, 3, 2])), [4, 3, 2]);
    expect(found).toEqual({ coordinates });
  });
  test("an axis that spans two coordinates is to be split", () => {
    expect(decomposed(ofAxis(i), [2, 2])).toEqual({ split: { axis: i, inner: 2 } });
    expect(decomposed(plus(scaled(ofAxis(i), 3), ofAxis(j)), [3, 4])).toBeUndefined();
  });
  test("offsets that would carry are refused", () => {
    expect(decomposed(scaled(ofAxis(j), 1, 2), [2, 4])).toBeUndefined();
    expect(decomposed(scaled(ofAxis(j), 1, 1), [2, 4])).toEqual({
      coordinates: [{ offset: 0, terms: [] }, scaled(ofAxis(j), 1, 1)],
    });
  });
  test("coordinates are solved for their axes", () => {
    const [x, y] = [axes.make(4), axes.make(3)];
    const solved = inverted(
      [{ from: plus(scaled(ofAxis(x), 3), ofAxis(y)), to: plus(scaled(ofAxis(i), 3), ofAxis(j)), size: 12 }],
      [x, y],
    );
    expect(solved).toEqual(
      new Map([
        [x, ofAxis(i)],
        [y, ofAxis(j)],
      ]),
    );
    expect(inverted([{ from: scaled(ofAxis(x), 2), to: ofAxis(i), size: 8 }], [x])).toBeUndefined();
    expect(inverted([{ from: ofAxis(x), to: ofAxis(i), size: 4 }], [x, y])).toBeUndefined();
  });
  test("axes are replaced by indices", () => {
    const map = new Map([[i, plus(scaled(ofAxis(j), 2), ofAxis(k))]]);
    expect(indexKey(substituted(scaled(ofAxis(i), 5, 1), map))).toBe(
      indexKey(plus(scaled(ofAxis(j), 10, 1), scaled(ofAxis(k), 5))),
    );
  });
});

describe("placement", () => {
  /** No two buffers that live at the same time share a cell. */
  function expectDisjoint(lowered: Lowered): void {
    const lives = livesOf(lowered.stages, {
      inputs: lowered.inputs.map((port) => port.buffer),
      outputs: lowered.outputs.map((port) => port.buffer),
    });
    for (const a of lives) {
      for (const b of lives) {
        if (a === b || a.to < b.from || b.to < a.from) continue;
        const [x, y] = [lowered.placement.get(a.buffer) as number, lowered.placement.get(b.buffer) as number];
        expect(
          x + a.buffer.cells <= y || y + b.buffer.cells <= x,
          `${a.buffer.name} and ${b.buffer.name}`,
        ).toBe(true);
      }
    }
  }
  test("buffers alive together are apart, the dead make room", () => {
    const lowered = lower(netJacobian([4, 9, 9, 9, 9, 3]), { dtype: "f32" });
    expectDisjoint(lowered);
    const total = [...lowered.placement.keys()].reduce((sum, buffer) => sum + buffer.cells, 0);
    expect(lowered.scratchCells).toBeLessThan(total);
  });
  test("a chain of layers needs scratch for two", () => {
    const lowered = lower(
      oneInput([16], (b, x) => {
        const weights = (index: number): Node =>
          b.constant(
            Float64Array.from({ length: 256 }, (_, cell) => Math.sin(cell + index)),
            [16, 16],
          );
        return range(6).reduce((h, index) => b.unary("tanh", b.matmul(weights(index), h)), x);
      }),
      { dtype: "f32" },
    );
    expect(lowered.stages.map((stage) => stage.kind)).toEqual(range(6).map(() => "product"));
    expect(lowered.scratchCells).toBeLessThanOrEqual(3 * 16);
  });
});

describe("straight code", () => {
  test("long formulas are cut into stages of bounded size", () => {
    const program = oneInput([6], (b, x) =>
      range(60).reduce((y) => b.add(b.unary("sin", y), b.mul(y, y)), x),
    );
    const lowered = checkLowered(program, { straight: true });
    expect(lowered.stages.length).toBeGreaterThan(2);
  });
  test("structural zeros and dead cells leave nothing", () => {
    const program = oneInput([3], (b, x) => {
      const padded = b.pad(b.unary("exp", x), { starts: [1], steps: [1], shape: [6] });
      const y = b.mul(padded, b.concat([b.unary("sin", x), x], 0));
      return [
        b.slice(y, { starts: [0], steps: [1], shape: [2] }),
        b.slice(y, { starts: [4], steps: [1], shape: [2] }),
      ];
    });
    expect(printLowered(checkLowered(program, { straight: true }))).toMatchInlineSnapshot(`
      "test f64 (x[3]) -> (y0[2], y1[2]) scratch 7
        straight
          y0[0] = 0
          y1[0] = 0
          y1[1] = 0
          y0[1] = mul(exp(x[0]), sin(x[1]))"
    `);
  });
  test("a user's own factor 0 is kept", () => {
    const text = printLowered(
      lower(
        oneInput([1], (b, x) => b.mul(x, b.constant(0))),
        { dtype: "f32", straight: true },
      ),
    );
    expect(text).toContain("mul(");
  });
  test("formulas are found, nets are not", () => {
    const kinds = (lowered: Lowered): string[] => [...new Set(lowered.stages.map((stage) => stage.kind))];
    expect(
      kinds(
        lower(
          oneInput([2], (b, x) => b.concat([b.unary("sin", x), b.mul(x, x)], 0)),
          { dtype: "f32" },
        ),
      ),
    ).toEqual(["straight"]);
    expect(kinds(lower(netJacobian([8, 16, 16, 4]), { dtype: "f32" }))).not.toContain("straight");
    expect(
      kinds(
        lower(
          oneInput([400], (b, x) => b.unary("sin", x)),
          { dtype: "f32" },
        ),
      ),
    ).toEqual(["nest"]);
  });
});

test("operations are counted per row", () => {
  const counts = operationCounts(lower(netJacobian([5, 7, 3]), { dtype: "f64" }));
  // Products: 7·5 and 3·7 forward, 3·7·5 backward; h² and W·slope cell by cell.
  expect(counts.mul).toBe(35 + 21 + 105 + 7 + 21);
  expect(counts.other).toBe(7);
  expect(counts.scratchBytes % 8).toBe(0);
});

test("shared inputs keep their nodes as sources, selections or not", () => {
  const b = new Builder();
  const x = b.input("x", [4]);
  const w = b.input("w", [2, 2], { level: "bound" });
  const pick = b.constant([0, 1, 0, 0, 0, 0, 0, 1], [2, 4]);
  const y = b.matmul(w, b.matmul(pick, x));
  const lowered = lower(programOf("pick", [x, w], [{ name: "y", value: y }]), { dtype: "f32" });
  expect(lowered.buffers.flatMap((buffer) => (buffer.space === "bound" ? [buffer.source] : []))).toContain(w);
  expect(printLowered(lowered)).toMatchInlineSnapshot(`
    "pick f32 (x[4]) -> (y[2]) scratch 6
      straight
        y[0] = multiplyAdd(w[1], x[3], mul(w[0], x[1]))
        y[1] = multiplyAdd(w[3], x[3], mul(w[2], x[1]))"
  `);
});
