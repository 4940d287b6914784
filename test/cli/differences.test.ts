/** Comparing one row with differences: exact places of errors, and kinks told from errors. */

import { describe, expect, it } from "vitest";
import { compareRow } from "../../src/cli/differences.ts";
import { maximum, relu, sin } from "../../src/trace/functions.ts";
import { trace } from "../../src/trace/trace.ts";
import type { Value } from "../../src/trace/value.ts";

const tolerance = 1e-6;

function programOf(f: (x: Value) => Value, width: number) {
  const inputs = [{ name: "x", shape: [width], level: "row" as const }];
  const structure = { kind: "array" as const, items: [{ kind: "leaf" as const, index: 0 }] };
  return trace(f, { inputs, structure }).program;
}

function compare(f: (x: Value) => Value, x: readonly number[], jacobian: readonly number[]) {
  const result = { tolerance, row: 7, inputs: [x], jacobians: [jacobian] };
  return compareRow(programOf(f, x.length), [0], result)[0];
}

describe("compareRow", () => {
  it("a right Jacobian leaves rounding only", () => {
    const x = [0.3, -2];
    const found = compare((v) => sin(v), x, [Math.cos(0.3), 0, 0, Math.cos(-2)]);
    expect(found).toMatchObject({ row: 7, output: "y", input: "x", kinks: 0 });
    expect(found?.scale).toBeCloseTo(Math.cos(0.3), 8);
    expect(found?.worst.gap).toBeLessThan(1e-9);
  });

  it("the worst entry is named, with both numbers", () => {
    const worst = compare((v) => sin(v), [0.3, -2], [Math.cos(0.3), 0, 0.25, Math.cos(-2)])?.worst;
    expect(worst).toMatchObject({ entry: 2, jacobian: 0.25 });
    expect(worst?.differences).toBeCloseTo(0, 9);
  });

  it.each([0, 1e-7, -1e-7])("a ReLU at %d is a kink, whatever slope of 0, 0.5 or 1 was given", (x) => {
    for (const slope of [0, 0.5, 1]) {
      const found = compare((v) => relu(v), [x, 2], [slope, 0, 0, 1]);
      expect(found?.worst.gap).toBeLessThan(1e-9);
      expect(found?.kinks).toBeLessThanOrEqual(1);
    }
    expect(compare((v) => relu(v), [x, 2], [x > 0 ? 0 : 1, 0, 0, 1])?.kinks).toBe(1);
  });

  it("a wrong slope beside a kink is an error, and so is one outside of its two slopes", () => {
    expect(compare((v) => relu(v), [0.5, 2], [0, 0, 0, 1])?.worst).toMatchObject({ entry: 0, jacobian: 0 });
    expect(compare((v) => maximum(v, 0), [0, 2], [5, 0, 0, 1])?.worst).toMatchObject({
      entry: 0,
      jacobian: 5,
    });
  });

  it("NaN where there is a number is an error without bound", () => {
    const nan = compare((v) => sin(v), [0.3], [Number.NaN]);
    expect(nan?.worst.gap).toBe(Number.POSITIVE_INFINITY);
    expect(nan?.kinks).toBe(0);
  });
});
