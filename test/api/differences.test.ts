/** Comparing one row with differences: exact places of errors; kinks and rounding told from errors. */

import { describe, expect, it } from "vitest";
import { compareRow } from "../../src/api/differences.ts";
import { exp, maximum, relu, sin, sqrt, tanh } from "../../src/trace/functions.ts";
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
  return compareRow(programOf(f, x.length), [0], result)[0]!;
}

describe("compareRow", () => {
  it("a right Jacobian leaves rounding only", () => {
    const x = [0.3, -2];
    const found = compare((v) => sin(v), x, [Math.cos(0.3), 0, 0, Math.cos(-2)]);
    expect(found).toMatchObject({ wrong: [], kinks: 0, unclear: 0 });
    expect(found.relativeError).toBeLessThan(1e-9);
  });

  it.each([1000, -3000, 1e-8])("steps grow with x, errors do not: sin and exp at %d", (x) => {
    expect(compare((v) => sin(v), [x], [Math.cos(x)]).relativeError).toBeLessThan(1e-7);
    const y = Math.exp(x / 1000) / 1000;
    expect(compare((v) => exp(v.mul(0.001)), [x], [y]).relativeError).toBeLessThan(1e-7);
  });

  it("wrong entries are named, worst first, with both numbers", () => {
    const { wrong, relativeError } = compare(
      (v) => sin(v),
      [0.3, -2],
      [Math.cos(0.3), 0.01, 0.25, Math.cos(-2)],
    );
    const [first, second] = wrong;
    expect(wrong).toHaveLength(2);
    expect(first).toMatchObject({ row: 7, output: "y", input: "x", index: [1, 0], jacobian: 0.25 });
    expect(first!.differences).toBeCloseTo(0, 9);
    expect(first!.error).toBe(relativeError);
    expect(relativeError).toBeCloseTo(0.25 / Math.cos(0.3), 8);
    expect(second).toMatchObject({ index: [0, 1], jacobian: 0.01 });
  });

  it("at most ten are listed", () => {
    const x = Array.from({ length: 12 }, (_, k) => k / 10);
    const { wrong } = compare((v) => sin(v), x, new Array(144).fill(2));
    expect(wrong).toHaveLength(10);
    expect(wrong[0]!.error).toBeCloseTo(2, 8);
  });

  // In steps of the differences, around both of them: where extrapolation bends most.
  it.each([0, 0.017, 0.4, 2 / 3, 0.857, 1, 1.2, 1.9, 2])("a ReLU %d steps off is a kink", (steps) => {
    const step = Math.cbrt(Number.EPSILON);
    for (const x of [steps * step, -steps * step]) {
      for (const slope of x === 0 ? [0, 0.5, 1] : [x > 0 ? 1 : 0]) {
        const found = compare((v) => relu(v), [x, 2], [slope, 0, 0, 1]);
        expect(found).toMatchObject({ wrong: [], unclear: 0 });
        expect(found.relativeError).toBeLessThan(1e-9);
      }
    }
  });

  it.each([1e-7, -1e-7])("a ReLU at %d may take the slope of the other side", (x) => {
    for (const slope of [0, 0.5, 1]) {
      expect(compare((v) => relu(v), [x, 2], [slope, 0, 0, 1])).toMatchObject({ wrong: [], kinks: 1 });
    }
  });

  it("a wrong slope beside a kink is an error, and so is one outside of its two slopes", () => {
    const [beside] = compare((v) => relu(v), [0.5, 2], [0, 0, 0, 1]).wrong;
    expect(beside).toMatchObject({ index: [0, 0], jacobian: 0 });
    const [outside] = compare((v) => maximum(v, 0), [0, 2], [5, 0, 0, 1]).wrong;
    expect(outside).toMatchObject({ index: [0, 0], jacobian: 5 });
  });

  it("a bend is no kink: an error of 0.5 % at x = 1000 is found", () => {
    const found = compare((v) => sin(v), [1000], [Math.cos(1000) * 1.005]);
    expect(found).toMatchObject({ kinks: 0, unclear: 0 });
    expect(found.relativeError).toBeCloseTo(0.005, 6);
  });

  it("below the rounding of the differences nothing can be told, above it all", () => {
    const slope = 1 - Math.tanh(10) ** 2;
    expect(compare((v) => tanh(v), [10], [slope])).toMatchObject({ wrong: [], kinks: 0, unclear: 1 });
    expect(compare((v) => tanh(v), [10], [2 * slope]).wrong).toHaveLength(1);
    expect(compare((v) => tanh(v), [20], [0])).toMatchObject({ relativeError: 0, unclear: 0 });
  });

  it("NaN and ∞ where there is a number, and numbers where there is none, are errors without bound", () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const found = compare((v) => sin(v), [0.3], [wrong]);
      expect(found).toMatchObject({ relativeError: Number.POSITIVE_INFINITY, kinks: 0, unclear: 0 });
    }
    expect(compare((v) => sqrt(v), [-1], [3]).relativeError).toBe(Number.POSITIVE_INFINITY);
    expect(compare((v) => sqrt(v), [-1], [Number.NaN]).relativeError).toBe(0);
  });
});
