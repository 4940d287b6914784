/**
 * What the hot functions cost: distinct lane operations on the fast path (a clamp counts two, a shared node once).
 */

import { describe, expect, test } from "vitest";
import { writeFormula } from "../../scripts/math/c-lanes.ts";
import { elementaryUnary, sincos, type UnaryName } from "../../src/lower/math/index.ts";

const cost = (name: UnaryName): number =>
  writeFormula("f32", (l) => elementaryUnary[name](l, "x")).operations;

describe("operations in f32", () => {
  const budgets = {
    exp: 20,
    tanh: 23,
    sigmoid: 22,
    log: 25,
    sin: 26,
    cos: 26,
    softplus: 35,
    erf: 33,
  } as const;

  test.each(Object.entries(budgets))("%s: at most %i", (name, budget) => {
    expect(cost(name as UnaryName)).toBeLessThanOrEqual(budget);
  });

  test("sin and cos of one argument share all but their last steps", () => {
    const pair = writeFormula("f32", (l) => {
      const { sin, cos } = sincos(l, "x");
      return l.xor(sin, cos);
    });
    expect(pair.operations).toBeLessThan(cost("sin") + 8);
  });
});
