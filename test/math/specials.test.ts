/**
 * Special values of the elementary functions: signed zeros, infinities, NaN, poles, the ends of the range, tiny
 * arguments, and identities that must hold bit for bit.
 */

import { describe, expect, test } from "vitest";
import type { Dtype, Lanes } from "../../src/lower/lanes.ts";
import { elementaryBinary, elementaryUnary, type UnaryName } from "../../src/lower/math/index.ts";
import { tableFormulas } from "../../src/lower/math/pieces.ts";
import { type FmaMode, scalarLanes, toBits, toFloat } from "./scalar-lanes.ts";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const variants: readonly [Dtype, FmaMode | "tables"][] = [
  ["f32", "fused"],
  ["f32", "split"],
  ["f32", "tables"],
  ["f64", "fused"],
  ["f64", "split"],
];

/** [argument, value] rows per function; both are rounded to the dtype. */
const unary: Readonly<Record<UnaryName, readonly (readonly [number, number])[]>> = {
  exp: [
    [0, 1],
    [-0, 1],
    [inf, inf],
    [-inf, 0],
    [1e5, inf],
    [-1e5, 0],
  ],
  expm1: [
    [0, 0],
    [-0, -0],
    [inf, inf],
    [-inf, -1],
    [1e5, inf],
    [-1e5, -1],
  ],
  sigmoid: [
    [0, 0.5],
    [-0, 0.5],
    [inf, 1],
    [-inf, 0],
    [800, 1],
    [-800, 0],
  ],
  softplus: [
    [0, Math.LN2],
    [inf, inf],
    [-inf, 0],
    [800, 800],
    [-800, 0],
  ],
  tanh: [
    [0, 0],
    [-0, -0],
    [inf, 1],
    [-inf, -1],
    [800, 1],
    [-800, -1],
  ],
  log: [
    [1, 0],
    [0, -inf],
    [-0, -inf],
    [inf, inf],
    [-1, nan],
    [-inf, nan],
    [-1e-30, nan],
  ],
  log1p: [
    [0, 0],
    [-0, -0],
    [-1, -inf],
    [inf, inf],
    [-2, nan],
    [-inf, nan],
    [1e30, Math.log(1e30)],
  ],
  sin: [
    [0, 0],
    [-0, -0],
    [inf, nan],
    [-inf, nan],
  ],
  cos: [
    [0, 1],
    [-0, 1],
    [inf, nan],
    [-inf, nan],
    [1e-5, 1 - 5e-11],
  ],
  tan: [
    [0, 0],
    [-0, -0],
    [inf, nan],
    [-inf, nan],
  ],
  asin: [
    [0, 0],
    [-0, -0],
    [1, Math.PI / 2],
    [-1, -Math.PI / 2],
    [1.5, nan],
    [-inf, nan],
  ],
  acos: [
    [1, 0],
    [-1, Math.PI],
    [0, Math.PI / 2],
    [-0, Math.PI / 2],
    [1.5, nan],
    [-inf, nan],
  ],
  atan: [
    [0, 0],
    [-0, -0],
    [inf, Math.PI / 2],
    [-inf, -Math.PI / 2],
    [1, Math.PI / 4],
  ],
  sinh: [
    [0, 0],
    [-0, -0],
    [inf, inf],
    [-inf, -inf],
    [1e4, inf],
    [-1e4, -inf],
  ],
  cosh: [
    [0, 1],
    [-0, 1],
    [inf, inf],
    [-inf, inf],
    [1e4, inf],
  ],
  asinh: [
    [0, 0],
    [-0, -0],
    [inf, inf],
    [-inf, -inf],
    [1e30, Math.asinh(1e30)],
  ],
  acosh: [
    [1, 0],
    [inf, inf],
    [0.5, nan],
    [-inf, nan],
    [1e30, Math.acosh(1e30)],
  ],
  atanh: [
    [0, 0],
    [-0, -0],
    [1, inf],
    [-1, -inf],
    [1.5, nan],
    [-inf, nan],
  ],
  erf: [
    [0, 0],
    [-0, -0],
    [inf, 1],
    [-inf, -1],
    [50, 1],
  ],
};

const binary: Readonly<Record<string, readonly (readonly [number, number, number])[]>> = {
  pow: [
    [0, 2, 0],
    [-0, 3, -0],
    [-0, 2, 0],
    [0, -1, inf],
    [-0, -1, -inf],
    [-0, -2, inf],
    [0, 0, 1],
    [nan, 0, 1],
    [1, nan, 1],
    [1, inf, 1],
    [-1, inf, 1],
    [-1, -inf, 1],
    [0.5, inf, 0],
    [0.5, -inf, inf],
    [2, inf, inf],
    [2, -inf, 0],
    [inf, 0.5, inf],
    [inf, -1, 0],
    [-inf, 3, -inf],
    [-inf, 2, inf],
    [-inf, -3, -0],
    [-inf, -2, 0],
    [-8, 1 / 3, nan],
    [-2, 3, -8],
    [-2, 2, 4],
    [nan, 1, nan],
    [2, nan, nan],
    [2, 0.5, Math.SQRT2],
    [10, -2, 0.01],
    [-inf, 0.5, inf],
    [0, inf, 0],
    [0, -inf, inf],
    [inf, inf, inf],
    [2, 1e30, inf],
  ],
  atan2: [
    [0, 1, 0],
    [-0, 1, -0],
    [0, -1, Math.PI],
    [-0, -1, -Math.PI],
    [0, 0, 0],
    [-0, 0, -0],
    [0, -0, Math.PI],
    [-0, -0, -Math.PI],
    [1, 0, Math.PI / 2],
    [-1, -0, -Math.PI / 2],
    [inf, inf, Math.PI / 4],
    [inf, -inf, (3 * Math.PI) / 4],
    [-inf, inf, -Math.PI / 4],
    [1, inf, 0],
    [-1, inf, -0],
    [1, -inf, Math.PI],
    [inf, 1, Math.PI / 2],
    [nan, 1, nan],
    [1, nan, nan],
    [nan, inf, nan],
    [inf, nan, nan],
    [1e-30, 1e38, 1e-68],
    [3e38, 3e38, Math.PI / 4],
  ],
  mod: [
    [5, 3, 2],
    [-5, 3, 1],
    [5, -3, -1],
    [-5, -3, -2],
    [0, 3, 0],
    [-0, 3, -0],
    [6, 3, 0],
    [-6, 3, -0],
    [5, inf, 5],
    [-5, inf, inf],
    [5, -inf, -inf],
    [inf, 3, nan],
    [5, 0, nan],
    [nan, 3, nan],
    [3, nan, nan],
    [inf, inf, nan],
    [1e38, 3, 1e38 % 3],
    [0.7, 1, 0.7],
    [2 ** 100, 3, 1],
    [7.5, 2 ** -20, 0],
  ],
};

/** Both values as the dtype rounds them; 1 ulp of slack for values that are not exact. */
function expectClose(dtype: Dtype, got: number, value: number): void {
  const rounded = toFloat(dtype, toBits(dtype, value));
  if (Number.isNaN(rounded) || !Number.isFinite(rounded) || Number.isInteger(rounded)) {
    expect(got).toBe(rounded);
    return;
  }
  expect(Math.abs(got - rounded)).toBeLessThanOrEqual(
    Math.abs(rounded) * (dtype === "f32" ? 2 ** -22 : 2 ** -51),
  );
}

describe.each(variants)("%s, %s fma", (dtype, mode) => {
  const lanes = scalarLanes(dtype, mode === "split" ? "split" : "fused");
  const formulas = { ...elementaryUnary, ...(mode === "tables" ? tableFormulas : {}) };
  const float = (bits: bigint): number => toFloat(dtype, bits);
  const lane = (value: number): bigint => toBits(dtype, value);
  const call = (name: UnaryName, x: number): number => float(formulas[name](lanes, lane(x)));

  test.each(Object.keys(unary) as UnaryName[])("%s", (name) => {
    for (const [x, value] of unary[name]) expectClose(dtype, call(name, x), value);
    expect(call(name, nan)).toBeNaN();
  });

  test.each(Object.keys(binary))("%s", (name) => {
    const table: Readonly<Record<string, <V>(l: Lanes<V>, x: V, y: V) => V>> = elementaryBinary;
    for (const [x, y, value] of binary[name] ?? []) {
      // 1e38 is another number in f32.
      const [a, b] = [float(lane(x)), float(lane(y))];
      const expected = name === "mod" && x === 1e38 ? a % b : value;
      const got = table[name]?.(lanes, lane(x), lane(y));
      expectClose(dtype, float(got ?? 0n), expected);
    }
  });

  test("odd functions return a tiny argument", () => {
    const tiny = [lane(dtype === "f32" ? 1e-30 : 1e-200), dtype === "f32" ? 0x00300000n : 1n << 50n];
    for (const name of [
      "sin",
      "tan",
      "asin",
      "atan",
      "sinh",
      "tanh",
      "asinh",
      "atanh",
      "expm1",
      "log1p",
    ] as const) {
      for (const x of tiny) {
        expect(formulas[name](lanes, x), `${name}(${float(x)})`).toBe(x);
        expect(formulas[name](lanes, x | lane(-0)), `${name}(-${float(x)})`).toBe(x | lane(-0));
      }
    }
  });

  test("exp reaches the subnormals", () => {
    const x = dtype === "f32" ? -103 : -744;
    expect(call("exp", x)).toBe(float(lane(Math.exp(x))));
    expect(call("sigmoid", x)).toBe(float(lane(Math.exp(x))));
    expect(call("softplus", x)).toBe(float(lane(Math.exp(x))));
  });

  test("sine, cosine, tanh and erf never leave [−1, 1]", () => {
    for (let i = 0; i < 400; i++) {
      const x = i * 0.0613 - 12;
      for (const name of ["sin", "cos", "tanh", "erf"] as const) {
        expect(Math.abs(call(name, x))).toBeLessThanOrEqual(1);
      }
    }
  });
});
